"""The recorded timeline: what happened, kept in the notebook until newer records push it out.

Off by default. While it is on, what is new in the timeline is written once a second, many records
at once, by a task of the host; nothing waits for it. A notebook that cannot be written ends the
recording with one message.

Invariants, proved in tests/runtime/test_journal.py:

  1. Nothing is read, timed or written while recording is off.
  2. At most ROWS_MAX records and BYTES_MAX bytes of them are kept; the oldest go.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from emulator.core.events import WorkerError
from emulator.runtime.inspection.entries import entry_json

if TYPE_CHECKING:
    import asyncio

    import aiosqlite

    from emulator.runtime.host import Host
    from emulator.runtime.recording import Timeline

__all__ = ["Journal"]

WRITE_S: Final = 1.0
ROWS_MAX: Final = 100_000
BYTES_MAX: Final = 64 * 1024 * 1024
AT_ONCE_MAX: Final = 5_000
_DDL: Final = """CREATE TABLE IF NOT EXISTS timeline (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      time_ms REAL NOT NULL,
      record TEXT NOT NULL
    )"""
_ADD: Final = "INSERT INTO timeline (time_ms, record) VALUES (?, ?)"
_SIZE: Final = "SELECT count(*), COALESCE(sum(length(record)), 0) FROM timeline"
_TRIM: Final = (
    "DELETE FROM timeline WHERE number <="
    " (SELECT number FROM timeline ORDER BY number LIMIT 1 OFFSET ?)"
)
_READ: Final = "SELECT record FROM timeline WHERE time_ms < ? ORDER BY number DESC LIMIT ?"
_HAS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'timeline'"


class Journal:
    """Records the timeline of one emulator, if it has a notebook."""

    def __init__(
        self,
        host: Host,
        timeline: Timeline,
        *,
        rows_max: int = ROWS_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._host = host
        self._timeline = timeline
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._timer: asyncio.TimerHandle | None = None
        self._written_seq = 0
        self._size: tuple[int, int] | None = None  # rows and bytes, once they are known
        self.is_recording = False

    def switch(self, is_on: bool) -> None:
        """Begin or end to record, from now on."""
        if is_on == self.is_recording or (is_on and self._host.catalog is None):
            return
        self.is_recording = is_on
        if is_on:
            self._written_seq = self._timeline.last_seq
            self._wait()
        elif self._timer is not None:
            self._timer.cancel()
            self._write_soon()

    async def close(self) -> None:
        """Write what is not written yet, and end."""
        if self._timer is not None:
            self._timer.cancel()
        if self.is_recording:
            await self.write()
            self.is_recording = False

    def _wait(self) -> None:
        self._timer = self._host.later(WRITE_S, self._tick)

    def _tick(self) -> None:
        if self._timeline.last_seq > self._written_seq:
            self._write_soon()
        if self.is_recording:
            self._wait()

    def _write_soon(self) -> None:
        _ = self._host.spawn(self.write(), name="write the timeline")

    async def write(self) -> None:
        """Write what is new now."""
        catalog = self._host.catalog
        if catalog is None:
            return
        new = list(islice(self._timeline.entries(self._written_seq), AT_ONCE_MAX))
        if not new:
            return
        self._written_seq = new[-1].seq
        rows = []
        for entry in new:
            shown = entry_json(self._timeline, entry)
            rows.append((shown["time_ms"], json.dumps(shown, separators=(",", ":"))))
        try:
            async with catalog.writing() as connection:
                await connection.execute(_DDL)
                await connection.executemany(_ADD, rows)
                await self._trim(connection, rows)
        except Exception as exc:
            self._give_up(exc)

    async def _trim(self, connection: aiosqlite.Connection, new: list[tuple[float, str]]) -> None:
        if self._size is None:
            count, size = await _measure(connection)
        else:
            count = self._size[0] + len(new)
            size = self._size[1] + sum(len(record) for _, record in new)
        while count > self._rows_max or (size > self._bytes_max and count):
            surplus = max(count - self._rows_max, count // 10 if size > self._bytes_max else 0, 1)
            await connection.execute(_TRIM, (surplus - 1,))
            count, size = await _measure(connection)
        self._size = count, size

    def _give_up(self, exc: Exception) -> None:
        self.is_recording = False
        if self._timer is not None:
            self._timer.cancel()
        if self._host.listener is not None:
            text = f"The timeline cannot be recorded: {exc}. Recording is off."
            self._host.listener(
                WorkerError(time_ms=self._host.clock.now_ms(), object=None, text=text)
            )

    async def read(self, *, before_ms: float, limit: int) -> list[Any]:
        """Recorded entries from before a time, the latest ones, oldest first.

        Raises: OSError, sqlite3.Error.
        """
        catalog = self._host.catalog
        if catalog is None or not catalog.path.exists():
            return []
        async with catalog.writing() as connection:
            if not list(await connection.execute_fetchall(_HAS)):
                return []
            rows = await connection.execute_fetchall(_READ, (before_ms, limit))
        return [json.loads(record) for (record,) in rows][::-1]


async def _measure(connection: aiosqlite.Connection) -> tuple[int, int]:
    ((count, size),) = await connection.execute_fetchall(_SIZE)
    return int(count), int(size)
