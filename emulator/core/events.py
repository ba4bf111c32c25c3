"""What happened, as records. One record feeds the terminal, the timeline, the tests and the explorer.

Invariants:
1. A record is frozen and holds plain values only: no live object, no request or message body.
2. A record is built only when somebody listens, so that recording costs nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["ConsoleLevel", "ConsoleMessage", "Event", "Listener", "RequestServed", "WorkerError"]

type ConsoleLevel = Literal["debug", "info", "log", "warn", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of every record. `time_ms` is the emulator's clock, milliseconds since the epoch."""

    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServed(Event):
    """A response's head was sent (101 too). `path` includes the query, as the client sent it."""

    method: str
    path: str
    status: int
    reason: str
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerError(Event):
    """User code raised where nobody caught it. `object` names the object, None in the entrypoint."""

    object: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleMessage(Event):
    """User code called a method of `console`; `text` is the formatted line, without its newline."""

    level: ConsoleLevel
    text: str


type Listener = Callable[[Event], None]
