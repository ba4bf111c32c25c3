"""An object's past: the pages of its database at each commit, so that a bookmark can be restored.

Off unless it is asked for: every commit reads the whole database to see which pages changed. The
past is a file of its own beside the object's, `<id>.pitr`, which no other tool looks at. It can be
deleted at any time, and with it the past alone is gone.

Invariants, proved in tests/storage/test_history.py:

  1. Versions are numbered 1, 2, 3 … and never change. Going back to an old one makes a new one.
  2. A version has every page that changed since the version before. Page p of version n is the
     latest one stored for p in versions up to n.
  3. At most VERSIONS_MAX versions are kept, none older than PAST_MS but the last. The pages of one
     that goes are handed on to the next, unless that has its own.
  4. A restore that was asked for is done before the database is opened again. What was there
     before is a version first; a crash in between leads to the same end at the next start.
  5. The file is open only while it is used: an object at rest holds no handle.

Source: spec storage §5; the platform's documentation of point-in-time recovery.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import TYPE_CHECKING, Final

import apsw

from emulator.core.values.errors import error
from emulator.errors import StateFolderError
from emulator.storage.database import PAGE_BYTES, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["History"]

VERSIONS_MAX: Final = 10_000
PAST_MS: Final = 30 * 24 * 3_600_000  # as long as the platform keeps it
NOT_A_BOOKMARK: Final = "The bookmark is not one of this Durable Object."
TOO_OLD: Final = "The point in time of the bookmark is not kept any more."

_BOOKMARK: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-0{32}")
_FIELD: Final = 2**32
_DIGEST_BYTES: Final = 16
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS versions (
  version INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, pages INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS pages (
  number INTEGER, version INTEGER, data BLOB NOT NULL, PRIMARY KEY (number, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pages_of_version ON pages (version);
CREATE TABLE IF NOT EXISTS restores (
  id INTEGER PRIMARY KEY, target INTEGER NOT NULL, undo INTEGER, is_done INTEGER NOT NULL DEFAULT 0
);
"""
_PAGES: Final = """
SELECT data FROM pages AS page WHERE number <= (SELECT pages FROM versions WHERE version = ?1)
  AND version = (SELECT max(version) FROM pages WHERE number = page.number AND version <= ?1)
  ORDER BY number
"""
_HAND_ON: Final = (
    """DELETE FROM pages WHERE version = ?1 AND EXISTS (SELECT 1 FROM pages AS later
       WHERE later.number = pages.number AND later.version = ?1 + 1)""",
    "UPDATE pages SET version = ?1 + 1 WHERE version = ?1",
    "DELETE FROM versions WHERE version = ?1",
)


class History:
    """The versions of one object's database.

    Every method may raise StateFolderError, where the file of the past cannot be used.

    Args:
        path: the object's file; the past is beside it.
        versions_max: how many versions are kept.
    """

    __slots__ = ("_digests", "_object_file", "_versions_max", "last", "path")

    def __init__(self, path: Path, *, versions_max: int = VERSIONS_MAX) -> None:
        self.path = path.with_suffix(".pitr")
        self.last = 0  # the version that the database was in when it was last looked at
        self._object_file = path
        self._digests: list[bytes] = []  # of that version's pages
        self._versions_max = versions_max

    @contextlib.contextmanager
    def _open(self) -> Iterator[apsw.Connection]:
        """A connection in a transaction (5)."""
        try:
            connection = apsw.Connection(str(self.path))
            try:
                connection.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE")
                connection.execute(_SCHEMA)
                with connection:
                    self._look(connection)
                    yield connection
            finally:
                connection.close(force=True)
        except (apsw.Error, OSError) as exc:
            hint = "Delete it to begin a new past."
            raise StateFolderError(str(self.path), f"cannot be used: {exc}.", hint=hint) from exc

    def _look(self, connection: apsw.Connection) -> None:
        last = connection.execute("SELECT max(version) FROM versions").get
        if last is not None and last != self.last:
            self.last = last
            self._digests = [_digest(page) for page in _pages_of(connection, last)]

    # --- what happens ----------------------------------------------------------------------

    def record(self, content: bytes, now_ms: int) -> int:
        """Keep the database as it is now; its version, a new one if anything changed.

        Args:
            content: the whole database, as `ActorSqlite.content()` gives it.
        """
        pages = [content[at : at + PAGE_BYTES] for at in range(0, len(content), PAGE_BYTES)]
        digests = [_digest(page) for page in pages]
        if self.last and digests == self._digests:
            return self.last
        with self._open() as connection:
            known = self._digests
            changed = [
                (number + 1, self.last + 1, page)
                for number, page in enumerate(pages)
                if number >= len(known) or digests[number] != known[number]
            ]
            if changed or len(pages) != len(known):
                connection.execute(
                    "INSERT INTO versions VALUES (?, ?, ?)", (self.last + 1, now_ms, len(pages))
                )
                connection.executemany("INSERT INTO pages VALUES (?, ?, ?)", changed)
                self.last += 1
                self._digests = digests
                self._forget(connection, now_ms)
        return self.last

    def _forget(self, connection: apsw.Connection, now_ms: int) -> None:
        """Drop the versions that are too many or too old (3)."""
        gone = connection.execute(
            "SELECT version FROM versions WHERE version < ?1 AND (version <= ?1 - ?2 OR "
            "time_ms < ?3) ORDER BY version",
            (self.last, self._versions_max, now_ms - PAST_MS),
        ).fetchall()
        for version in gone:
            for statement in _HAND_ON:
                connection.execute(statement, version)

    # --- bookmarks -------------------------------------------------------------------------

    def bookmark(self, version: int) -> str:
        """A version's bookmark. Those of later versions are greater, as texts."""
        return _text(version, 0)

    def bookmark_for_time(self, time_ms: float) -> str:
        """The bookmark of what was stored at `time_ms`; of the oldest version, if that is older."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT max(version) FROM versions WHERE time_ms <= ?", (time_ms,)
            ).get
            oldest = connection.execute("SELECT min(version) FROM versions").get
            return self.bookmark(found or oldest or 0)

    def ask_for_restore(self, bookmark: str) -> str:
        """Restore `bookmark` before the next start; the bookmark that will undo it.

        Raises:
            JsException: it is no bookmark of this object, or its point in time is gone.
        """
        with self._open() as connection:
            target = self._version_of(connection, bookmark)
            # What was asked for last counts.
            connection.execute("DELETE FROM restores WHERE undo IS NULL")
            connection.execute("INSERT INTO restores (target) VALUES (?)", (target,))
            number: int = connection.execute("SELECT max(id) FROM restores").get
            return _text(self.last, number)

    def _version_of(self, connection: apsw.Connection, bookmark: str) -> int:
        parts = _BOOKMARK.fullmatch(bookmark)
        if parts is None:
            raise error(NOT_A_BOOKMARK)
        high, low, restore = (int(part, 16) for part in parts.groups())
        version: int | None = high * _FIELD + low
        if restore:
            # The moment before a restore; until that is done, the moment is now.
            version = connection.execute(
                "SELECT coalesce(undo, ?) FROM restores WHERE id = ?", (self.last, restore)
            ).get
        if version is None or version > self.last:
            raise error(NOT_A_BOOKMARK)
        if not connection.execute("SELECT 1 FROM versions WHERE version = ?", (version,)).get:
            raise error(TOO_OLD)
        return version

    # --- restoring -------------------------------------------------------------------------

    def is_restore_due(self) -> bool:
        """Whether the database must not be used before `restore`."""
        if not self.path.exists():
            return False
        with self._open() as connection:
            return bool(connection.execute("SELECT 1 FROM restores WHERE is_done = 0").get)

    def restore(self, content: bytes | None, now_ms: int) -> None:
        """Put the version that was asked for in the place of the object's database (4).

        Args:
            content: the database as it is, which nobody has open; None if it cannot be read.
        """
        if content is not None and not self._is_begun():
            undo = self.record(content, now_ms)
            with self._open() as connection:
                connection.execute("UPDATE restores SET undo = ? WHERE is_done = 0", (undo,))
        with self._open() as connection:
            target = connection.execute("SELECT target FROM restores WHERE is_done = 0").get
            restored = b"".join(_pages_of(connection, target))
            self._replace(restored)
            connection.execute("UPDATE restores SET is_done = 1 WHERE is_done = 0")
        self.record(restored, now_ms)

    def _is_begun(self) -> bool:
        query = "SELECT 1 FROM restores WHERE is_done = 0 AND undo IS NOT NULL"
        with self._open() as connection:
            return bool(connection.execute(query).get)

    def _replace(self, content: bytes) -> None:
        replacement = self._object_file.with_suffix(".restored")
        with open(replacement, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # The WAL goes first: it would be replayed into the file that comes.
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._object_file}{suffix}")
        os.replace(replacement, self._object_file)
        sync_folder(self._object_file.parent)


def _pages_of(connection: apsw.Connection, version: int) -> Iterator[bytes]:
    for (page,) in connection.execute(_PAGES, (version,)):
        yield bytes(page)


def _digest(page: bytes) -> bytes:
    return hashlib.blake2b(page, digest_size=_DIGEST_BYTES).digest()


def _text(version: int, restore: int) -> str:
    high, low = divmod(version, _FIELD)
    return f"{high:08x}-{low:08x}-{restore:08x}-{0:032x}"
