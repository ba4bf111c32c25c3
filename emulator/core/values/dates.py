"""Date. The process runs in UTC, as the platform does, so local time and UTC are the same.

Source: ECMAScript Date (its range of years is wider than Python's datetime); spec storage §7.3,
python-surface §2.2.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from emulator.core.values.date_parse import civil_from_days, parse_date, time_value
from emulator.core.values.errors import range_error
from emulator.core.values.proxies import JsNull, JsProxy, jsnull

__all__ = ["JsDate", "parse_date"]

_TIME_MAX: Final = 8.64e15
_DAY_MS: Final = 86_400_000
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_INVALID: Final = "Invalid Date"


class _Fields(NamedTuple):
    """A moment in the calendar; `month` counts from 0, `weekday` from Sunday."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    ms: int
    weekday: int


def _year(year: int, digits: int = 4) -> str:
    return f"{'-' if year < 0 else ''}{abs(year):0{digits}d}"


class JsDate(JsProxy, js_name="Date"):
    """A point in time, in milliseconds since the epoch; NaN for an invalid date."""

    __slots__ = ("__weakref__", "_ms")

    def __init__(self, ms: float) -> None:
        self._set(ms)

    def _set(self, ms: float) -> int | float:
        whole = float(math.trunc(ms)) + 0.0 if math.isfinite(ms) else math.nan
        self._ms = whole if abs(whole) <= _TIME_MAX else math.nan
        return self.getTime()

    def _fields(self) -> _Fields:
        days, ms = divmod(int(self._ms), _DAY_MS)
        year, month, day = civil_from_days(days)
        seconds, ms = divmod(ms, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return _Fields(year, month - 1, day, hour, minute, second, ms, (days + 4) % 7)

    @property
    def _is_valid(self) -> bool:
        return self._ms == self._ms

    def getTime(self) -> int | float:
        return int(self._ms) if self._is_valid else self._ms

    valueOf = getTime

    def setTime(self, ms: float) -> int | float:
        return self._set(ms)

    def toISOString(self) -> str:
        if not self._is_valid:
            raise range_error("Invalid time value")
        f = self._fields()
        year = f"{f.year:04d}" if 0 <= f.year <= 9999 else f"{f.year:+07d}"
        date = f"{year}-{f.month + 1:02d}-{f.day:02d}"
        return f"{date}T{f.hour:02d}:{f.minute:02d}:{f.second:02d}.{f.ms:03d}Z"

    def toJSON(self, key: Any = None) -> str | JsNull:
        del key
        return self.toISOString() if self._is_valid else jsnull

    def toString(self) -> str:
        if not self._is_valid:
            return _INVALID
        return f"{self.toDateString()} {self.toTimeString()}"

    def toDateString(self) -> str:
        if not self._is_valid:
            return _INVALID
        f = self._fields()
        return f"{_DAYS[f.weekday]} {_MONTHS[f.month]} {f.day:02d} {_year(f.year)}"

    def toTimeString(self) -> str:
        if not self._is_valid:
            return _INVALID
        f = self._fields()
        time = f"{f.hour:02d}:{f.minute:02d}:{f.second:02d}"
        return f"{time} GMT+0000 (Coordinated Universal Time)"

    def toUTCString(self) -> str:
        if not self._is_valid:
            return _INVALID
        f = self._fields()
        date = f"{_DAYS[f.weekday]}, {f.day:02d} {_MONTHS[f.month]} {_year(f.year)}"
        return f"{date} {f.hour:02d}:{f.minute:02d}:{f.second:02d} GMT"

    def toLocaleDateString(self, *args: Any) -> str:
        """The en-US text: the platform has no other locale."""
        del args
        if not self._is_valid:
            return _INVALID
        f = self._fields()
        return f"{f.month + 1}/{f.day}/{f.year if f.year > 0 else 1 - f.year}"

    def toLocaleTimeString(self, *args: Any) -> str:
        del args
        if not self._is_valid:
            return _INVALID
        f = self._fields()
        half = "AM" if f.hour < 12 else "PM"
        return f"{f.hour % 12 or 12}:{f.minute:02d}:{f.second:02d} {half}"

    def toLocaleString(self, *args: Any) -> str:
        if not self._is_valid:
            return _INVALID
        return f"{self.toLocaleDateString(*args)}, {self.toLocaleTimeString(*args)}"

    def getTimezoneOffset(self) -> int | float:
        return 0 if self._is_valid else math.nan

    def _get(self, name: str) -> int | float:
        return int(getattr(self._fields(), name)) if self._is_valid else math.nan

    def getFullYear(self) -> int | float:
        return self._get("year")

    def getMonth(self) -> int | float:
        return self._get("month")

    def getDate(self) -> int | float:
        return self._get("day")

    def getDay(self) -> int | float:
        return self._get("weekday")

    def getHours(self) -> int | float:
        return self._get("hour")

    def getMinutes(self) -> int | float:
        return self._get("minute")

    def getSeconds(self) -> int | float:
        return self._get("second")

    def getMilliseconds(self) -> int | float:
        return self._get("ms")

    def _change(self, first: str, values: tuple[float, ...]) -> int | float:
        """Set fields from `first` on, as many as are given; they may be out of their range."""
        if not self._is_valid and first != "year":
            return math.nan
        fields = self._fields() if self._is_valid else _Fields(1970, 0, 1, 0, 0, 0, 0, 0)
        start = _Fields._fields.index(first)
        if not all(map(math.isfinite, values)):
            return self._set(math.nan)
        changed = dict(zip(_Fields._fields[start:], map(int, values), strict=False))
        return self._set(time_value(*fields._replace(**changed)[:7]))

    def setFullYear(self, year: float, *rest: float) -> int | float:
        return self._change("year", (year, *rest[:2]))

    def setMonth(self, month: float, *rest: float) -> int | float:
        return self._change("month", (month, *rest[:1]))

    def setDate(self, day: float) -> int | float:
        return self._change("day", (day,))

    def setHours(self, hour: float, *rest: float) -> int | float:
        return self._change("hour", (hour, *rest[:3]))

    def setMinutes(self, minute: float, *rest: float) -> int | float:
        return self._change("minute", (minute, *rest[:2]))

    def setSeconds(self, second: float, *rest: float) -> int | float:
        return self._change("second", (second, *rest[:1]))

    def setMilliseconds(self, ms: float) -> int | float:
        return self._change("ms", (ms,))

    getUTCFullYear = getFullYear
    getUTCMonth = getMonth
    getUTCDate = getDate
    getUTCDay = getDay
    getUTCHours = getHours
    getUTCMinutes = getMinutes
    getUTCSeconds = getSeconds
    getUTCMilliseconds = getMilliseconds
    setUTCFullYear = setFullYear
    setUTCMonth = setMonth
    setUTCDate = setDate
    setUTCHours = setHours
    setUTCMinutes = setMinutes
    setUTCSeconds = setSeconds
    setUTCMilliseconds = setMilliseconds
