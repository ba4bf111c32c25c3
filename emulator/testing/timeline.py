"""Records as lines of text: the timeline of a failed test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.events import (
    AlarmChanged,
    ConsoleMessage,
    Disturbed,
    HandlerEnded,
    HandlerStarted,
    MessageSent,
    ObjectBroke,
    ObjectEvent,
    ObjectSlept,
    ObjectWoke,
    RequestServed,
    SocketAccepted,
    StorageCommitted,
    WorkerError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.events import Event

__all__ = ["describe", "timeline"]

LINES_MAX: Final = 40


def timeline(events: Sequence[Event], start_ms: int) -> str:
    """The last events, one a line, with the seconds since the test began."""
    lines = [f"{(e.time_ms - start_ms) / 1000:9.3f}  {describe(e)}" for e in events[-LINES_MAX:]]
    if len(events) > LINES_MAX:
        lines.insert(0, f"           ... {len(events) - LINES_MAX} earlier")
    return "\n".join(lines)


def describe(event: Event) -> str:
    """One record in words."""
    match event:
        case ObjectEvent():
            return f"{event.object}  {_happened(event)}"
        case ConsoleMessage():
            return f"console.{event.level}  {event.text}"
        case WorkerError():
            return f"{event.object or 'worker'}  error: {event.text.strip().splitlines()[-1]}"
        case RequestServed():
            return f"{event.method} {event.path}  {event.status}"
        case _:
            return type(event).__name__


def _happened(event: ObjectEvent) -> str:
    match event:
        case HandlerStarted():
            return f"> {event.kind} {event.detail}"
        case HandlerEnded():
            outcome = "" if event.error is None else f": {event.error.splitlines()[0]}"
            return f"< {event.kind} {event.detail}{outcome}"
        case MessageSent():
            return f"sends {event.kind}, {event.payload_bytes} bytes"
        case StorageCommitted():
            return "commits"
        case AlarmChanged():
            return "has no alarm" if event.due_ms is None else f"alarm at {event.due_ms}"
        case _:
            return _lives(event)


def _lives(event: ObjectEvent) -> str:
    match event:
        case ObjectWoke():
            return f"wakes ({event.generation}.)"
        case ObjectSlept():
            cut_off = f", {event.cut_off} event(s) cut off" if event.cut_off else ""
            return f"sleeps{cut_off}"
        case ObjectBroke():
            return f"breaks: {event.reason.splitlines()[0]}"
        case SocketAccepted():
            return f"accepts a socket {' '.join(event.tags)}".rstrip()
        case Disturbed():
            return f"** {event.what}"
        case _:
            return type(event).__name__
