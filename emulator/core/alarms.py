"""Rules of alarms: what setAlarm accepts, and when a failed run is tried again.

Source: spec storage §6.1, §6.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from emulator.core.clock import Millis
from emulator.core.values.errors import type_error

__all__ = ["RETRIES_MAX", "AlarmInfo", "check_alarm_time", "retry_delay_s"]

RETRIES_MAX: Final = 6  # so an alarm that always fails runs seven times
_TIME_MS_MAX: Final = 9_223_372_036_854
NO_HANDLER: Final = (
    "Your Durable Object class must have an alarm() handler in order to call setAlarm()"
)


@dataclass(frozen=True, slots=True)
class AlarmInfo:
    """What `alarm(info)` is told."""

    scheduled_time_ms: Millis
    retry_count: int

    @property
    def is_retry(self) -> bool:
        return self.retry_count > 0


def check_alarm_time(time_ms: float, now_ms: Millis) -> Millis:
    """The time to store for `setAlarm(time_ms)`: whole milliseconds, never in the past.

    Raises:
        JsException: TypeError, for a time that is none, not positive, or after 2189.
    """
    if not math.isfinite(time_ms):
        raise type_error("The value cannot be converted because it is not a valid Date.")
    whole = math.trunc(time_ms)
    if whole <= 0:
        raise type_error("setAlarm() cannot be called with an alarm time <= 0")
    if whole > _TIME_MS_MAX:
        raise type_error("This API doesn't support dates after 2189.")
    return Millis(max(whole, now_ms))


def retry_delay_s(retry: int, jitter: float) -> float:
    """Seconds before retry number `retry` (0, 1, …); `jitter` is in [0, 1)."""
    return float(2 << min(retry, 9)) * (1 + 0.25 * jitter)
