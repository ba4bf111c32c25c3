"""A copy of one object's database at one moment, to be looked at without disturbing anybody.

What is read is what is committed. The object's file is opened by this library alone (guard.py says
why), as a reader, and the copy lives in memory: nothing that is done to it reaches the object. No
file comes or goes by being looked at, a log beside a file that nobody has open included.

Source: spec storage §7.1, §7.2. Proof: tests/storage/test_snapshot.py.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import apsw

__all__ = ["SNAPSHOT_ERRORS", "Snapshot", "find_left_name"]

SNAPSHOT_ERRORS: Final = (apsw.Error, OSError)

_KV: Final = "SELECT CAST(key AS BLOB), value FROM _cf_KV ORDER BY key"
_ALARM: Final = "SELECT value FROM _cf_METADATA WHERE key = 1"
_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 4) <> '_cf_'"
    " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
)
_SIZE: Final = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_VERSIONS_AT: Final = slice(18, 20)  # of the header: which journal mode, for writing and reading
_NO_WAL: Final = b"\x01\x01"
_WAL: Final = b"\x02\x02"


class Snapshot:
    """The contents of a database. An object without a file has an empty one."""

    def __init__(self, path: Path, *, is_live: bool = True) -> None:
        """Args:
        is_live: this process may have the file open. If it has not, a log beside the file is
            read from a copy, so that not even its index is touched.

        Raises: SNAPSHOT_ERRORS, for a file that is no database or cannot be read.
        """
        self._copy = apsw.Connection(":memory:")
        if path.exists():
            content = bytearray(_read(path, is_live=is_live))
            if content:
                content[_VERSIONS_AT] = _NO_WAL  # memory has no WAL
                self._copy.deserialize("main", bytes(content))

    def _has(self, table: str) -> bool:
        found = self._copy.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,))
        return found.get is not None

    def key_values(self) -> dict[str, bytes]:
        """The encoded values by key, in the order of the keys."""
        if not self._has("_cf_KV"):
            return {}
        return {
            bytes(key).decode("utf-8", "replace"): bytes(value)
            for key, value in self._copy.execute(_KV)
            if isinstance(key, bytes) and isinstance(value, bytes)
        }

    def alarm_ns(self) -> int | None:
        if not self._has("_cf_METADATA"):
            return None
        found = self._copy.execute(_ALARM).get
        return found if isinstance(found, int) else None

    def name(self) -> str | None:
        """The object's name, if wrangler dev left one in the file."""
        if not self._has("__miniflare_do_name"):
            return None
        found = self._copy.execute("SELECT name FROM __miniflare_do_name WHERE id = 1").get
        return found if isinstance(found, str) else None

    def tables(self) -> list[str]:
        """The names of the object's own tables."""
        return [str(name) for (name,) in self._copy.execute(_TABLES)]

    def execute(self, query: str, *bindings: Any) -> list[dict[str, Any]]:
        """The rows of a query, by column. Raises: apsw.Error."""
        cursor = self._copy.cursor()
        cursor.row_trace = _by_name
        rows: list[Any] = cursor.execute(query, bindings).fetchall()
        return rows

    @property
    def connection(self) -> apsw.Connection:
        """The copy itself."""
        return self._copy

    def content(self) -> bytes:
        """The copy as a file of its own, in the form the platform keeps it; empty for none."""
        content = bytearray(self._copy.serialize("main") or b"")
        content[_VERSIONS_AT] = _WAL if content else b""
        return bytes(content)

    @property
    def size_bytes(self) -> int:
        found = self._copy.execute(_SIZE).get
        return found if isinstance(found, int) else 0

    def close(self) -> None:
        self._copy.close()


def find_left_name(path: Path, *, is_live: bool) -> str | None:
    """The name that wrangler dev left in an object's file; None for none, and for no database."""
    try:
        snapshot = Snapshot(path, is_live=is_live)
    except (apsw.Error, OSError):
        return None
    try:
        return snapshot.name()
    except apsw.Error:
        return None
    finally:
        snapshot.close()


def _by_name(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Any:
    return {column[0]: value for column, value in zip(cursor.get_description(), row, strict=True)}


def _read(path: Path, *, is_live: bool) -> bytes:
    """The committed database, byte for byte. Raises: apsw.Error, OSError."""
    log = path.with_name(path.name + "-wal")
    if not log.exists():
        # Nobody has it open, so nothing but the file itself counts. An ordinary reader would make
        # the log and its index.
        return _serialized(path, is_immutable=True)
    if is_live and path.with_name(path.name + "-shm").exists():
        return _serialized(path)
    with tempfile.TemporaryDirectory(prefix="durable-snapshot-") as name:
        copy = Path(name) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
        return _serialized(copy)


def _serialized(path: Path, *, is_immutable: bool = False) -> bytes:
    address = f"file:{quote(os.fsencode(path.absolute()))}?immutable={int(is_immutable)}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    source = apsw.Connection(address, flags=flags)
    try:
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # is it a database?
        return source.serialize("main") or b""
    finally:
        source.close()
