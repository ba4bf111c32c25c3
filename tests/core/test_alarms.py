"""Rules of alarms, spec storage §6.1, §6.3."""

from __future__ import annotations

import math

import pytest

from emulator.core.alarms import RETRIES_MAX, AlarmInfo, check_alarm_time, retry_delay_s
from emulator.core.clock import Millis
from emulator.core.values import JsException

NOW = Millis(1_700_000_000_000)


def test_a_time_is_kept_in_whole_milliseconds():
    assert check_alarm_time(NOW + 1.9, NOW) == NOW + 1


@pytest.mark.parametrize("time_ms", [1, 1.5, NOW - 1])
def test_a_past_time_is_now(time_ms):
    assert check_alarm_time(time_ms, NOW) == NOW


def test_the_last_moment_that_can_be_stored_is_accepted():
    assert check_alarm_time(9_223_372_036_854, NOW) == 9_223_372_036_854


@pytest.mark.parametrize(
    ("time_ms", "message"),
    [
        (0, "setAlarm() cannot be called with an alarm time <= 0"),
        (-1, "setAlarm() cannot be called with an alarm time <= 0"),
        (0.5, "setAlarm() cannot be called with an alarm time <= 0"),
        (math.nan, "The value cannot be converted because it is not a valid Date."),
        (math.inf, "The value cannot be converted because it is not a valid Date."),
        (-math.inf, "The value cannot be converted because it is not a valid Date."),
        (9_223_372_036_855, "This API doesn't support dates after 2189."),
    ],
)
def test_a_time_that_is_none_is_refused_in_the_platforms_words(time_ms, message):
    with pytest.raises(JsException) as caught:
        check_alarm_time(time_ms, NOW)
    assert (caught.value.name, caught.value.message) == ("TypeError", message)


def test_the_first_run_is_no_retry():
    assert not AlarmInfo(NOW, 0).is_retry
    assert AlarmInfo(NOW, 1).is_retry


def test_a_failing_alarm_runs_seven_times():
    assert RETRIES_MAX == 6


def test_the_delay_doubles_from_two_seconds_up_to_1024():
    assert [retry_delay_s(n, 0.0) for n in range(12)] == [
        2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024,
    ]  # fmt: skip


def test_jitter_adds_up_to_a_quarter():
    assert retry_delay_s(1, 0.5) == 4.5
    assert 2.0 <= retry_delay_s(0, 0.999_999) < 2.5


def test_the_gaps_that_were_seen_on_the_runtime_are_possible():
    for retry, seen_s in enumerate((2.1, 4.8, 8.6, 18.2, 34.4, 67.9)):
        assert retry_delay_s(retry, 0.0) <= seen_s <= retry_delay_s(retry, 1.0)
