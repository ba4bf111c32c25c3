"""The calendar, and `Date.parse`: the ISO form, and V8's lenient reading of anything else.

Source: ECMAScript Date Time String Format; V8's legacy date parser, as far as programs use it:
month names, slashes, times, zones. Proved by recordings in tests/core/values/.
"""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = ["civil_from_days", "parse_date", "time_value"]

_ISO: Final = re.compile(
    r"(?P<y>[+-]\d{6}|\d{4})(?:-(?P<m>\d\d)(?:-(?P<d>\d\d))?)?"
    r"(?:T(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?(?P<z>Z|[+-]\d\d:?\d\d)?)?\Z",
    re.ASCII,
).match
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_DAYS: Final = frozenset({"sun", "mon", "tue", "wed", "thu", "fri", "sat"})
_ZONES: Final = {
    "gmt": 0,
    "utc": 0,
    "ut": 0,
    "z": 0,
    "est": -300,
    "edt": -240,
    "cst": -360,
    "cdt": -300,
    "mst": -420,
    "mdt": -360,
    "pst": -480,
    "pdt": -420,
}
_TIME: Final = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?", re.ASCII)
_OFFSET: Final = re.compile(r"(?<=[\sa-z])([+-])(\d{2}):?(\d{2})\b", re.ASCII)
_PARTS: Final = re.compile(r"[a-z]+|\d+", re.ASCII)
_COMMENT: Final = re.compile(r"\([^()]*\)")


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since the epoch of a date of the Gregorian calendar; `month` counts from 1."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        era * 146097
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + (day_of_year - 719468)
    )


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month (from 1) and day; the inverse of `days_from_civil`."""
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year_of_era + era * 400 + (month <= 2), month, day


def time_value(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, ms: int = 0
) -> float:
    """Milliseconds since the epoch. `month` counts from 0; every field may be out of its range."""
    year += month // 12
    if abs(year) > 400_000:
        return math.nan
    days = days_from_civil(year, month % 12 + 1, 1) + day - 1
    return float(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms)


def parse_date(text: str) -> float:
    """`Date.parse`: milliseconds since the epoch, NaN if the text is no date."""
    match = _ISO(text)
    if match is None:
        return _parse_other(text)
    part = match.groupdict()
    if part["y"] == "-000000":
        return math.nan
    month, day, hour = int(part["m"] or 1), int(part["d"] or 1), int(part["H"] or 0)
    minute, second = int(part["M"] or 0), int(part["S"] or 0)
    ms = int((part["f"] or "0")[:3].ljust(3, "0"))
    if not (1 <= month <= 12 and 1 <= day <= 31 and minute < 60 and second < 60):
        return math.nan
    if hour > 24 or (hour == 24 and (minute or second or ms)):
        return math.nan
    value = time_value(int(part["y"]), month - 1, day, hour, minute, second, ms)
    zone = part["z"] or "Z"
    if zone != "Z":
        offset = int(zone[1:3]) * 60 + int(zone[-2:])
        value -= offset * 60_000 * (1 if zone[0] == "+" else -1)
    return value


def _parse_other(text: str) -> float:
    text = _COMMENT.sub(" ", text.lower())
    time, text = _take_time(text)
    offset = 0
    match = _OFFSET.search(text)
    if match is not None:
        sign, hours, minutes = match.groups()
        offset = (int(hours) * 60 + int(minutes)) * (1 if sign == "+" else -1)
        text = text[: match.start()] + " " + text[match.end() :]
    numbers: list[int] = []
    month: int | None = None
    for part in _PARTS.findall(text):
        if part.isdigit():
            numbers.append(int(part))
        elif part[:3] in _MONTHS:
            month = _MONTHS.index(part[:3])
        elif part in _ZONES:
            offset += _ZONES[part]
        elif part == "pm" or part == "am":
            time = _half_day(time, part)
        elif part[:3] not in _DAYS and part != "t":
            return math.nan
    date = _date_of(numbers, month)
    if date is None or time is None:
        return math.nan
    return time_value(*date, *time) - offset * 60_000


type _Time = tuple[int, int, int, int]


def _take_time(text: str) -> tuple[_Time | None, str]:
    """The time of day in `text`, midnight if there is none, None if it is wrong; and the rest."""
    match = _TIME.search(text)
    if match is None:
        return (0, 0, 0, 0), text
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    ms = int((match[4] or "0")[:3].ljust(3, "0"))
    rest = f"{text[: match.start()]} {text[match.end() :]}"
    is_right = hour < 25 and minute < 60 and second < 60
    return ((hour, minute, second, ms) if is_right else None), rest


def _half_day(time: _Time | None, half: str) -> _Time | None:
    if time is None or not 1 <= time[0] <= 12:
        return None
    return (time[0] % 12 + (12 if half == "pm" else 0), *time[1:])


def _date_of(numbers: list[int], month: int | None) -> tuple[int, int, int] | None:
    """Year, month (from 0) and day, from the numbers in their order."""
    if month is not None:
        if not 1 <= len(numbers) <= 2:
            return None
        day, year = (*numbers, 2001)[:2]
        if day > 31:
            day, year = (year, day) if len(numbers) > 1 else (1, day)
    elif len(numbers) == 3 and numbers[0] > 31:
        year, month, day = numbers[0], numbers[1] - 1, numbers[2]
    elif 1 <= len(numbers) <= 3:
        month, day, year = (*numbers, *(1, 1, 2001)[len(numbers) :])
        month -= 1
    else:
        return None
    if year < 100:
        year += 2000 if year < 50 else 1900
    return (year, month, day) if 0 <= month <= 11 and 1 <= day <= 31 else None
