"""What an object keeps about itself: the table `_cf_METADATA`.

Key 1 is the alarm's time in nanoseconds (NULL after it was deleted or fired; the row stays), key 2
counts the bookmarks handed out. Both belong to the same transactions as the object's data.

spec: storage §4.5, §5, §7.2.  Proof: tests/storage/test_alarms.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from emulator.storage.session import Session

__all__ = ["Metadata", "bookmark_text"]

_TABLE: Final = "_cf_METADATA"
_DDL: Final = """CREATE TABLE IF NOT EXISTS _cf_METADATA (
        key INTEGER PRIMARY KEY,
        value BLOB
      )"""
_GET: Final = "SELECT value FROM _cf_METADATA WHERE key = ?"
_PUT: Final = (
    "INSERT INTO _cf_METADATA VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
)
_ALARM: Final = 1
_BOOKMARK: Final = 2
_BOOKMARK_FIELD: Final = 2**32 - 1


def bookmark_text(count: int) -> str:
    """The bookmark number `count`, in the form of the platform: 8-8-8-32 hex digits."""
    high, low = divmod(count, _BOOKMARK_FIELD)
    return f"{high:08x}-{low:08x}-{0:08x}-{0:032x}"


class Metadata:
    """The alarm and the bookmark counter of one object. Every method may raise JsException."""

    __slots__ = ("_session", "is_alarm_changed")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.is_alarm_changed = False  # in the transaction that is open

    def get_alarm_ns(self) -> int | None:
        """When the alarm is due, in nanoseconds since the epoch; None without an alarm."""
        return self._get(_ALARM)

    def set_alarm_ns(self, alarm_ns: int | None) -> bool:
        """Set or delete the alarm; False, and no write, if that changes nothing."""
        if self._get(_ALARM) == alarm_ns:
            return False
        self._put(_ALARM, alarm_ns)
        self.is_alarm_changed = True
        return True

    def restore(self, alarm_ns: int) -> None:
        """Put the alarm into a fresh file, at once: a crash must not find the file without it."""
        session = self._session
        try:
            session.execute("BEGIN")
            session.make_table(_TABLE, _DDL)
            session.execute(_PUT, (_ALARM, alarm_ns))
            session.execute("COMMIT")
        except apsw.Error as exc:
            raise session.failure(exc) from exc

    def next_bookmark(self) -> str:
        """The current bookmark; every call has a new one, from number 0 on."""
        last = self._get(_BOOKMARK)
        count = 0 if last is None else last + 1
        self._put(_BOOKMARK, count)
        return bookmark_text(count)

    def _get(self, key: int) -> int | None:
        session = self._session
        try:
            if not session.has_table(_TABLE):
                return None
            value = session.execute(_GET, (key,)).get
        except apsw.Error as exc:
            raise session.failure(exc) from exc
        return value if isinstance(value, int) else None

    def _put(self, key: int, value: int | None) -> None:
        session = self._session
        if session.needs_begin:
            session.begin()
        try:
            session.make_table(_TABLE, _DDL)
            session.execute(_PUT, (key, value))
        except apsw.Error as exc:
            raise session.failure(exc) from exc
