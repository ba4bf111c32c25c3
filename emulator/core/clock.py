"""Time, as everything above the core asks for it."""

from __future__ import annotations

from typing import NewType, Protocol

__all__ = ["Clock", "Millis"]

Millis = NewType("Millis", int)
"""Milliseconds since the epoch."""


class Clock(Protocol):
    """The wall clock of one emulator. It never goes back."""

    def now_ms(self) -> Millis: ...
