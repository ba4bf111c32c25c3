"""The class's alarms: `metadata.sqlite`, which says whom to wake and when.

Invariant: the time in here is never later than the one in the object's own file, so that a crash
at any point leads to waking too early (and looking again), never to an alarm that is missed. An
alarm that moves earlier is written here before the object commits, one that moves later or is
deleted after.

spec: storage §4.5, §6.4, §7.2.  Proof: tests/storage/test_metadata.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import apsw

from emulator.errors import StateFolderError
from emulator.storage.database import Durability, open_database
from emulator.storage.snapshot import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AlarmIndex", "ScheduledAlarm", "read_alarms"]

_DDL: Final = """CREATE TABLE IF NOT EXISTS _cf_ALARM (
      actor_id TEXT PRIMARY KEY,
      scheduled_time INTEGER,
      actor_name TEXT
    ) WITHOUT ROWID"""
_SET: Final = (
    "INSERT INTO _cf_ALARM (actor_id, scheduled_time, actor_name) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET scheduled_time = excluded.scheduled_time,"
    " actor_name = COALESCE(excluded.actor_name, actor_name)"
)
_DELETE: Final = "DELETE FROM _cf_ALARM WHERE actor_id = ?"
_ALL: Final = "SELECT actor_id, scheduled_time, actor_name FROM _cf_ALARM"
# A file of an older runtime stays one: with a column more, that runtime does not even start.
_SET_NAMELESS: Final = (
    "INSERT INTO _cf_ALARM (actor_id, scheduled_time) VALUES (?, ?)"
    " ON CONFLICT DO UPDATE SET scheduled_time = excluded.scheduled_time"
)
_ALL_NAMELESS: Final = "SELECT actor_id, scheduled_time, NULL FROM _cf_ALARM"
_HAS_NAME: Final = "SELECT 1 FROM pragma_table_info('_cf_ALARM') WHERE name = 'actor_name'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledAlarm:
    """One row: whom to wake, when (nanoseconds since the epoch), and its name if known."""

    actor_id: str
    scheduled_ns: int
    actor_name: str | None


class AlarmIndex:
    """The alarms of one class, in memory and on disk.

    Raises StateFolderError where the file cannot be opened, read or written.
    """

    def __init__(self, path: Path, *, durability: Durability) -> None:
        self._path = path
        try:
            self._connection = open_database(path, durability)
        except (apsw.Error, OSError) as exc:
            raise self._unusable(exc) from exc
        try:
            self._connection.execute(_DDL)
            self._has_names = bool(self._connection.execute(_HAS_NAME).get)
            rows = self._connection.execute(_ALL if self._has_names else _ALL_NAMELESS).fetchall()
        except apsw.Error as exc:
            self._connection.close(force=True)
            raise self._unusable(exc) from exc
        self._alarms = {
            actor_id: ScheduledAlarm(actor_id=actor_id, scheduled_ns=ns, actor_name=name)
            for actor_id, ns, name in cast("list[tuple[str, object, str | None]]", rows)
            if isinstance(ns, int)
        }

    def _unusable(self, exc: BaseException) -> StateFolderError:
        hint = "Is it in use by another program? Without it the class has no alarms."
        return StateFolderError(str(self._path), f"cannot be used: {exc}.", hint=hint)

    def all(self) -> list[ScheduledAlarm]:
        """Every alarm, the earliest first."""
        return sorted(self._alarms.values(), key=lambda alarm: alarm.scheduled_ns)

    def by_id(self) -> dict[str, ScheduledAlarm]:
        """Every alarm by the id of its object: the index itself, to be looked at only."""
        return self._alarms

    def get(self, actor_id: str) -> ScheduledAlarm | None:
        return self._alarms.get(actor_id)

    def set(self, actor_id: str, scheduled_ns: int, actor_name: str | None) -> None:
        """Set or move an alarm. A name that is known is kept if `actor_name` is None."""
        before = self._alarms.get(actor_id)
        name = actor_name if actor_name is not None or before is None else before.actor_name
        if self._has_names:
            self._write(_SET, (actor_id, scheduled_ns, storable_name(name)))
        else:
            self._write(_SET_NAMELESS, (actor_id, scheduled_ns))
        self._alarms[actor_id] = ScheduledAlarm(
            actor_id=actor_id, scheduled_ns=scheduled_ns, actor_name=name
        )

    def delete(self, actor_id: str) -> None:
        """Forget an alarm; nothing happens if there is none."""
        if actor_id in self._alarms:
            self._write(_DELETE, (actor_id,))
            del self._alarms[actor_id]

    def before_commit(self, actor_id: str, alarm_ns: int | None, actor_name: str | None) -> None:
        """The object is about to commit `alarm_ns` as its alarm: never be later than that."""
        scheduled = self._alarms.get(actor_id)
        if alarm_ns is not None and (scheduled is None or alarm_ns < scheduled.scheduled_ns):
            self.set(actor_id, alarm_ns, actor_name)

    def after_commit(self, actor_id: str, alarm_ns: int | None, actor_name: str | None) -> None:
        """The object's own file now says `alarm_ns`: say the same."""
        scheduled = self._alarms.get(actor_id)
        if alarm_ns is None:
            self.delete(actor_id)
        elif scheduled is None or scheduled.scheduled_ns != alarm_ns:
            self.set(actor_id, alarm_ns, actor_name)

    def close(self) -> None:
        """Idempotent."""
        self._connection.close()

    def _write(self, sql: str, bindings: tuple[str | int | None, ...]) -> None:
        try:
            self._connection.execute(sql, bindings)
        except apsw.Error as exc:
            raise self._unusable(exc) from exc


def read_alarms(path: Path) -> list[ScheduledAlarm]:
    """The alarms of a class that nobody has open; none without a file. Raises StateFolderError."""
    try:
        snapshot = Snapshot(path, is_live=False)
    except apsw.Error as exc:
        raise StateFolderError(str(path), f"cannot be read: {exc}.") from exc
    try:
        rows = snapshot.execute("SELECT * FROM _cf_ALARM")
    except apsw.SQLError:
        return []
    finally:
        snapshot.close()
    return [
        ScheduledAlarm(
            actor_id=str(row["actor_id"]),
            scheduled_ns=row["scheduled_time"],
            actor_name=row.get("actor_name"),
        )
        for row in rows
        if isinstance(row.get("scheduled_time"), int)
    ]


def storable_name(name: str | None) -> str | None:
    """A name as TEXT can keep it: half of a surrogate pair becomes U+FFFD."""
    if name is None:
        return None
    return name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
