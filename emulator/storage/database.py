"""Opening a database file: made in one write, configured as the platform configures it.

Invariants
 1. A fresh object file is the 4096-byte WAL-mode database without tables that the platform makes
    at construction. It is not synced: its first commit is durable in the WAL and its folder. If
    the machine dies then, the file may come back empty, and SQLite would delete the WAL of an
    empty file: so one that is empty is filled before it is opened, whatever lies beside it.
 2. Every connection has the platform's limits, foreign keys, DEFENSIVE, no trusted schema.
 3. Only this library opens files of a state folder (`guard.py` says why).

spec: storage §3.6 (limits), §7.1 (files). Proof: tests/storage/test_database.py.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import struct
from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Durability",
    "check_file",
    "create_file",
    "fresh_file",
    "open_database",
    "prepare_library",
    "remove_files",
]

PAGE_BYTES: Final = 4096
_MAGIC: Final = b"SQLite format 3\0"
STATEMENTS_CACHED: Final = 64
# Small allocations that a connection makes ahead, bytes and how many: SQLite's default is 48 KiB.
_LOOKASIDE: Final = (128, 20)
_CACHE: Final = -2000  # KiB: SQLite's default
_BUSY_TIMEOUT_MS: Final = 2000  # a database browser may hold the file for a moment
_SYNCHRONOUS: Final = {"full": "FULL", "normal": "NORMAL", "off": "OFF"}

# spec: storage §3.6. VALUE_BYTES_MAX is the whole record.
VALUE_BYTES_MAX: Final = 8 * 1024 * 1024 + 34
_LIMITS: Final = (
    (apsw.SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (apsw.SQLITE_LIMIT_COLUMN, 100),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, 127),
    (apsw.SQLITE_LIMIT_ATTACHED, 0),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    (apsw.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_SETTINGS: Final = (
    (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
    (apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1),
    (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DDL, 1),
    (apsw.SQLITE_DBCONFIG_DQS_DML, 1),
)


class Durability(enum.Enum):
    """What a commit survives. FULL: the machine's death. NORMAL: the process's. OFF: neither."""

    FULL = "full"
    NORMAL = "normal"
    OFF = "off"


def fresh_file() -> bytes:
    """The platform's empty database: page 1, WAL mode, no tables (sqlite.org/fileformat.html)."""
    header = struct.pack(
        ">16sHBBBBBB12I20xII",
        _MAGIC,
        PAGE_BYTES,
        2,  # write version: WAL
        2,  # read version: WAL
        0,  # reserved bytes per page
        64,
        32,
        32,
        1,  # file change counter
        1,  # pages
        0,  # first freelist page
        0,  # freelist pages
        0,  # schema cookie
        0,  # schema format: none yet
        0,  # default cache size
        0,  # largest root page: no auto-vacuum
        0,  # text encoding: not chosen yet, UTF-8 by default
        0,  # user version
        0,  # incremental vacuum
        0,  # application id
        1,  # the change counter that the next number belongs to
        apsw.SQLITE_VERSION_NUMBER,
    )
    empty_leaf = struct.pack(">BHHHB", 0x0D, 0, 0, PAGE_BYTES, 0)
    return (header + empty_leaf).ljust(PAGE_BYTES, b"\0")


def create_file(path: Path) -> None:
    """Make the file unless it exists with something in it (1). Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if os.stat(path).st_size:
            return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, fresh_file())
    finally:
        os.close(descriptor)


def check_file(path: Path) -> None:
    """Look whether a closed file may be a database, without opening it as one.

    The caller has no connection to it: closing any descriptor drops the locks of all others.

    Raises:
        OSError: it cannot be read, is no database, or is shorter than it says.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        header = os.pread(descriptor, 100, 0)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if not size:
        return  # made, and nothing written yet
    if len(header) < 100 or header[:16] != _MAGIC:
        raise OSError(errno.EINVAL, "the file is not an SQLite database", str(path))
    page_bytes, pages = _sizes(header)
    # While there is a WAL, the pages may be in there.
    if size < page_bytes * pages and not os.path.exists(f"{path}-wal"):
        raise OSError(errno.EINVAL, "the file is shorter than its header says", str(path))


def _sizes(header: bytes) -> tuple[int, int]:
    """Page size, and how many pages there are; 0 where the header does not know."""
    page_bytes: int = struct.unpack_from(">H", header, 16)[0]
    changes, pages, changes_at_count = (
        struct.unpack_from(">I", header, offset)[0] for offset in (24, 28, 92)
    )
    return (65_536 if page_bytes == 1 else page_bytes), (
        pages if changes == changes_at_count else 0
    )


def open_database(path: Path, durability: Durability) -> apsw.Connection:
    """Open an existing or fresh file. Raises apsw.Error or OSError; leaves nothing open then."""
    create_file(path)
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=STATEMENTS_CACHED
    )
    try:
        configure(connection, durability)
    except BaseException:
        connection.close(force=True)
        raise
    return connection


def prepare_library() -> None:
    """Have connections take less memory ahead.

    The library can be told only while nobody uses it; otherwise nothing happens.
    """
    if not apsw.connections():
        apsw.shutdown()
        apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, *_LOOKASIDE)
        apsw.initialize()


# The platform's modules; those of JSON are made on demand. Without the others `dbstat` is unknown.
_MODULES: Final = ("fts5", "fts5vocab", "rtree", "rtree_i32")


def configure(connection: apsw.Connection, durability: Durability) -> None:
    for limit, value in _LIMITS:
        connection.limit(limit, value)
    for setting, value in _SETTINGS:
        connection.config(setting, value)
    connection.drop_modules(_MODULES)
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)

    def pragma(text: str) -> None:
        # Each is run once: kept prepared, they would be a tenth of what a connection takes.
        connection.execute(f"PRAGMA {text}", can_cache=False).fetchall()

    # A page cache takes 20 pages ahead when it gets its first one, unless it is tiny just then.
    pragma("cache_size = 1")
    connection.release_memory()
    # A file of another tool may be in another mode; for one already in WAL this only reads.
    pragma("journal_mode = WAL")
    pragma(f"synchronous = {_SYNCHRONOUS[durability.value]}")
    pragma("schema_version")  # reads the first page
    pragma(f"cache_size = {_CACHE}")


def remove_files(path: Path, durability: Durability) -> None:
    """Delete a closed database. Raises OSError.

    The WAL goes first: one left beside a later file of the same name would be replayed into it.
    """
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")
    if durability is Durability.FULL:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable; where folders cannot be opened there is nothing to do."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
