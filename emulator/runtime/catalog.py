"""The catalog: a notebook of the objects that exist, by class and name.

It is not part of the objects' state and never on their way: an object that wakes is noted in
memory, and what was noted is written a moment later, many at once, by a task of the host. The file
is aiosqlite's alone (design §3); it is opened when there is something to write or to read, and
aiosqlite is imported no sooner. A catalog that cannot be written is given up, with one message:
nothing depends on it.

Invariants, proved in tests/runtime/test_catalog.py:

  1. `note` only touches memory.
  2. A name that is known stays known, although the object may be addressed by its id later.
  3. `objects()` tells of everything that was noted before it was called.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.core.events import WorkerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiosqlite

    from emulator.core.clock import Millis
    from emulator.runtime.host import Host

__all__ = ["Catalog", "CatalogEntry"]

WRITE_DELAY_S: Final = 1.0
_DDL: Final = """CREATE TABLE IF NOT EXISTS objects (
      unique_key TEXT NOT NULL,
      id TEXT NOT NULL,
      class_name TEXT NOT NULL,
      name TEXT,
      first_seen_ms INTEGER NOT NULL,
      last_seen_ms INTEGER NOT NULL,
      PRIMARY KEY (unique_key, id)
    ) WITHOUT ROWID"""
_NOTE: Final = (
    "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " name = COALESCE(excluded.name, name), last_seen_ms = MAX(excluded.last_seen_ms, last_seen_ms)"
)
_FORGET: Final = "DELETE FROM objects WHERE unique_key = ? AND id = ?"
_READ: Final = (
    "SELECT unique_key, class_name, id, name, first_seen_ms, last_seen_ms FROM objects"
    " WHERE :only IS NULL OR class_name = :only ORDER BY class_name, name, id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One object; seen is when an instance of it was constructed, in ms since the epoch."""

    unique_key: str
    class_name: str
    id: str
    name: str | None
    first_seen_ms: Millis
    last_seen_ms: Millis


@dataclass(slots=True)
class _Note:
    """What is to be written about one object."""

    class_name: str
    name: str | None
    first_ms: int
    last_ms: int


class Catalog:
    """The notebook of one state folder. Use it on the loop of its host."""

    def __init__(self, path: Path, host: Host) -> None:
        self.path = path
        self._host = host
        self._notes: dict[tuple[str, str], _Note] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._lock = asyncio.Lock()  # one user of the connection at a time
        self._connection: aiosqlite.Connection | None = None
        self._is_given_up = False

    def note(self, unique_key: str, class_name: str, object_id: str, name: str | None) -> None:
        """An instance of the object is being constructed."""
        if self._is_given_up:
            return
        now_ms = self._host.clock.now_ms()
        found = self._notes.get((unique_key, object_id))
        if found is None:
            self._notes[unique_key, object_id] = _Note(class_name, name, now_ms, now_ms)
        else:
            found.name = found.name if name is None else name
            found.last_ms = now_ms
        if self._timer is None:
            self._timer = self._host.later(WRITE_DELAY_S, self._write_soon)

    async def objects(self, class_name: str | None = None) -> list[CatalogEntry]:
        """The objects of one class or of all, by class and name.

        Raises:
            OSError, sqlite3.Error: the file cannot be read.
        """
        await self._write()
        async with self._lock:
            if self._connection is None and not self.path.exists():
                return []  # nothing was ever noted: a question makes no file
            connection = await self._open()
            rows = await connection.execute_fetchall(_READ, {"only": class_name})
        return [
            CatalogEntry(
                unique_key=key,
                class_name=cls,
                id=object_id,
                name=name,
                first_seen_ms=first,
                last_seen_ms=last,
            )
            for key, cls, object_id, name, first, last in rows
        ]

    async def forget(self, unique_key: str, object_id: str) -> None:
        """The object is deleted. A notebook that cannot be written keeps it."""
        self._notes.pop((unique_key, object_id), None)
        async with self._lock:
            if self._is_given_up or not self.path.exists():
                return
            try:
                connection = await self._open()
                await connection.execute(_FORGET, (unique_key, object_id))
                await connection.commit()
            except Exception as exc:
                self._give_up(exc)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[aiosqlite.Connection]:
        """The file, made if it is missing, for tables of others; alone, and committed at the end.

        Raises:
            OSError, sqlite3.Error: it cannot be opened or written. Nothing was written then.
        """
        async with self._lock:
            connection = await self._open()
            try:
                yield connection
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()

    async def close(self) -> None:
        """Write what is noted and close the file. Idempotent."""
        await self._write()
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    # --- writing ---------------------------------------------------------------------------

    def _write_soon(self) -> None:
        _ = self._host.spawn(self._write(), name="write the catalog")

    async def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        async with self._lock:
            notes, self._notes = self._notes, {}
            if not notes:
                return
            try:
                connection = await self._open()
                await connection.executemany(
                    _NOTE,
                    [
                        (key, object_id, n.class_name, _storable(n.name), n.first_ms, n.last_ms)
                        for (key, object_id), n in notes.items()
                    ],
                )
                await connection.commit()
            except Exception as exc:
                self._give_up(exc)

    def _give_up(self, exc: Exception) -> None:
        self._is_given_up = True
        if self._host.listener is not None:
            text = f"The catalog {self.path} cannot be written: {exc}. It is left as it is."
            self._host.listener(
                WorkerError(time_ms=self._host.clock.now_ms(), object=None, text=text)
            )

    async def _open(self) -> aiosqlite.Connection:
        if self._connection is None:
            import aiosqlite

            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = await aiosqlite.connect(self.path)
            try:
                await connection.execute("PRAGMA journal_mode = WAL")
                await connection.execute("PRAGMA synchronous = NORMAL")
                await connection.execute(_DDL)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection


def _storable(name: str | None) -> str | None:
    """A name as TEXT can keep it: half of a surrogate pair becomes U+FFFD."""
    if name is None:
        return None
    return name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
