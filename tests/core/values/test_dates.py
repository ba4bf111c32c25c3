"""Date, against recordings of the runtime."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.values import JsDate, JsException, jsnull, parse_date
from emulator.core.values.date_parse import civil_from_days, days_from_civil, time_value
from tests.core.values.recordings import RECORDED

nan = math.nan


@pytest.mark.parametrize(("text", "ms"), RECORDED["dates"])
def test_a_text_is_read_as_the_platform_reads_it(text: str, ms: Any) -> None:
    read = parse_date(text)
    assert ("NaN" if read != read else read) == ms


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("Tue, 3 Mar 98 1:02:03.5 PM EST", "1998-03-03T18:02:03.500Z"),
        ("12:05 am Mar 3 2020", "2020-03-03T00:05:00.000Z"),
        ("2020 Mar 3 (a comment)", "2020-03-03T00:00:00.000Z"),
        ("March 2020", "2020-03-01T00:00:00.000Z"),
        ("3/4/05 10:00 -0130", "2005-03-04T11:30:00.000Z"),
        ("3/4", "2001-03-04T00:00:00.000Z"),
        ("2020-01-01T10:00:00-01:00", "2020-01-01T11:00:00.000Z"),
    ],
)
def test_other_ways_to_write_a_date(text: str, iso: str) -> None:
    assert JsDate(parse_date(text)).toISOString() == iso


@pytest.mark.parametrize(
    "text",
    [
        "-000000-01-01T00:00Z",
        "2020-01-01T25:00",
        "2020-01-01T24:01",
        "2020-01-01T10:60",
        "2020-01-32",
        "Mar",
        "Mar 1 2 3",
        "1 2 3 4",
        "13:00 pm 1/2/2020",
        "99:99 1/2/2020",
        "99:99 pm 1/2/2020",
        "13/1/2020",
        "1/40/2020",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert math.isnan(parse_date(text))


@pytest.mark.parametrize("row", RECORDED["date_texts"], ids=[r[1] for r in RECORDED["date_texts"]])
def test_a_date_is_shown_as_the_platform_shows_it(row: list[Any]) -> None:
    d = JsDate(row[0])
    shown = [
        d.toISOString(),
        d.toString(),
        d.toUTCString(),
        d.toDateString(),
        d.toTimeString(),
        d.toLocaleString(),
        d.toLocaleDateString(),
        d.toLocaleTimeString(),
    ]
    assert shown == row[1:]


def test_an_invalid_date_says_so() -> None:
    d = JsDate(nan)
    for text in (
        d.toString(),
        d.toUTCString(),
        d.toDateString(),
        d.toTimeString(),
        d.toLocaleString(),
        d.toLocaleDateString(),
        d.toLocaleTimeString(),
    ):
        assert text == "Invalid Date"
    assert d.toJSON() is jsnull
    assert all(math.isnan(x) for x in (d.getTime(), d.getFullYear(), d.getTimezoneOffset()))
    with pytest.raises(JsException, match="RangeError: Invalid time value"):
        d.toISOString()
    assert math.isnan(JsDate(8.64e15 + 1).getTime())
    assert math.isnan(JsDate(math.inf).valueOf())


def test_the_parts_of_a_date() -> None:
    d = JsDate(1700000000123.9)
    assert d.toJSON() == d.toISOString() == "2023-11-14T22:13:20.123Z"
    assert (d.getTime(), d.valueOf(), d.getTimezoneOffset()) == (1700000000123, 1700000000123, 0)
    parts = (d.getFullYear(), d.getMonth(), d.getDate(), d.getDay())
    assert parts == (2023, 10, 14, 2)
    times = (d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds())
    assert times == (22, 13, 20, 123)
    assert d.getUTCFullYear() == 2023


def test_setting_parts_carries_over() -> None:
    d = JsDate(0)
    # The answers were recorded on the runtime.
    assert d.setHours(25, 61, 61, 1001) == 93722001
    assert d.setDate(0) == -79077999
    assert d.setMonth(-1) == -31615077999
    assert math.isnan(d.setMinutes(nan))
    assert math.isnan(d.setSeconds(1))
    d.setFullYear(2020)
    assert d.toISOString() == "2020-01-01T00:00:00.000Z"
    d.setMonth(0, 31)
    d.setMonth(1)
    assert d.toISOString() == "2020-03-02T00:00:00.000Z"
    d.setMinutes(5, 6, 7)
    d.setMilliseconds(8)
    d.setSeconds(9)
    assert d.toISOString() == "2020-03-02T00:05:09.008Z"
    assert d.setTime(5) == d.getTime() == 5
    assert math.isnan(d.setFullYear(10**7))


@given(st.integers(-100_000_000, 100_000_000))
def test_days_and_dates_are_inverse(days: int) -> None:
    assert days_from_civil(*civil_from_days(days)) == days


@given(st.datetimes())
def test_the_calendar_is_pythons_where_python_has_one(moment: datetime.datetime) -> None:
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    at = moment.replace(tzinfo=datetime.UTC)
    ms = (at - epoch) // datetime.timedelta(milliseconds=1)
    d = JsDate(ms)
    assert (d.getFullYear(), d.getMonth() + 1, d.getDate()) == (at.year, at.month, at.day)
    assert d.getDay() == (at.weekday() + 1) % 7
    assert parse_date(d.toISOString()) == ms
    fields = (at.hour, at.minute, at.second, at.microsecond // 1000)
    assert time_value(at.year, at.month - 1, at.day, *fields) == ms
