"""The wall clock of an emulator that runs in real time."""

from __future__ import annotations

import time

from emulator.core.clock import Millis

__all__ = ["SystemClock"]


class SystemClock:
    """The machine's clock, kept from going back when somebody sets it."""

    def __init__(self) -> None:
        self._last_ms = 0

    def now_ms(self) -> Millis:
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        return Millis(self._last_ms)
