"""The timeline as JSON, and as a trace for Chrome's viewer.

docs/control-api.md has the shapes. Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from emulator.core.events import (
    AlarmChanged,
    ConsoleMessage,
    Disturbed,
    Event,
    GateWaited,
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
    from collections.abc import Iterable

    from emulator.runtime.recording import Entry, Timeline

__all__ = ["CATEGORIES", "category_of", "chrome_trace", "entry_json", "line_json"]

type Json = Any

CATEGORIES: Final = (
    *("fetch", "rpc", "websocket", "alarm", "storage", "gate", "life", "request", "console"),
    "error",
)
_BY_TYPE: Final[dict[type[Event], str]] = {
    AlarmChanged: "alarm",
    SocketAccepted: "websocket",
    MessageSent: "websocket",
    StorageCommitted: "storage",
    GateWaited: "gate",
    ObjectWoke: "life",
    ObjectSlept: "life",
    ObjectBroke: "life",
    Disturbed: "life",
    RequestServed: "request",
    ConsoleMessage: "console",
    WorkerError: "error",
}
_NOT_DATA: Final = frozenset(
    {"time_ms", "class_name", "id", "name", "error", "detail", "kind", "text", "duration_ms"}
)
_US_PER_MS: Final = 1000


def category_of(event: Event) -> str:
    found = _BY_TYPE.get(type(event))
    if found is not None:
        return found
    kind: str = getattr(event, "kind", "life")
    if kind == "edit":
        return "storage"
    return kind if kind in CATEGORIES else "rpc"


def _title(event: Event) -> str:
    match event:
        case HandlerStarted() | HandlerEnded() | GateWaited():
            return event.detail
        case RequestServed():
            return f"{event.method} {event.path}"
        case ConsoleMessage() | WorkerError():
            return event.text
        case SocketAccepted():
            return "accepted a WebSocket"
        case MessageSent():
            return f"sent {event.kind}"
        case _:
            return _WORDS.get(type(event), type(event).__name__)


_WORDS: Final[dict[type[Event], str]] = {
    StorageCommitted: "commit",
    ObjectWoke: "woke",
    ObjectSlept: "slept",
    ObjectBroke: "broke",
    AlarmChanged: "alarm changed",
}


def _phase(entry: Entry) -> str:
    if entry.span is None:
        return "instant"
    return "start" if entry.span == entry.seq else "end"


def _who(entry: Entry) -> dict[str, Json]:
    event, key = entry.event, entry.key
    name, class_name = entry.data.get("name"), entry.data.get("class")
    if isinstance(event, ObjectEvent):
        name, class_name = event.name, event.class_name
    return {
        "namespace": None if key is None else key[0],
        "class": class_name,
        "id": None if key is None else key[1],
        "name": name,
    }


def _data(entry: Entry) -> dict[str, Json]:
    event = entry.event
    found: dict[str, Json] = {
        field.name: getattr(event, field.name)
        for field in fields(event)
        if field.name not in _NOT_DATA
    }
    if isinstance(event, MessageSent):
        found["frame"], found["bytes"] = event.kind, found.pop("payload_bytes")
    if isinstance(event, GateWaited):
        found["event"] = event.kind
    if isinstance(event, ObjectEvent):
        found |= entry.data
    return found


def entry_json(timeline: Timeline, entry: Entry) -> Json:
    """One entry of `GET …/timeline`."""
    event = entry.event
    error = getattr(event, "error", None)
    if isinstance(event, WorkerError):
        error = event.text
    elif isinstance(event, ObjectBroke):
        error = event.reason
    duration = entry.duration_s
    return {
        "seq": entry.seq,
        "time_ms": timeline.wall_ms(entry.time_s),
        "category": category_of(event),
        "kind": type(event).__name__,
        "phase": _phase(entry),
        "span": entry.span,
        "duration_ms": None if duration is None else round(duration * 1000, 3),
        "title": _title(event),
        "error": error,
        **_who(entry),
        "data": _data(entry),
    }


def line_json(timeline: Timeline, entry: Entry) -> Json:
    """One line of `GET …/console`."""
    event = entry.event
    return {
        "seq": entry.seq,
        "time_ms": timeline.wall_ms(entry.time_s),
        "level": event.level if isinstance(event, ConsoleMessage) else "error",
        "text": _title(event),
        **_who(entry),
    }


def chrome_trace(timeline: Timeline, entries: Iterable[Entry]) -> Json:
    """Chrome's trace format: a process per class, a thread per object, flows for calls."""
    trace = _Trace(timeline)
    for entry in entries:
        trace.add(entry)
    return {"traceEvents": trace.events, "displayTimeUnit": "ms"}


class _Trace:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.events: list[Json] = []
        self._processes: dict[str, int] = {}
        self._threads: dict[tuple[str, str], int] = {}

    def _place(self, who: dict[str, Json]) -> tuple[int, int]:
        group = who["namespace"] or "worker"
        process = self._processes.get(group)
        if process is None:
            process = self._processes[group] = len(self._processes) + 1
            self._meta("process_name", process, 0, who["class"] or "worker")
        thread = self._threads.get((group, who["id"] or ""))
        if thread is None:
            thread = len(self._threads) + 1
            self._threads[group, who["id"] or ""] = thread
            self._meta("thread_name", process, thread, who["name"] or who["id"] or "requests")
        return process, thread

    def _meta(self, name: str, process: int, thread: int, text: str) -> None:
        self.events.append(
            {"ph": "M", "name": name, "pid": process, "tid": thread, "args": {"name": text}}
        )

    def add(self, entry: Entry) -> None:
        shown = entry_json(self._timeline, entry)
        process, thread = self._place(shown)
        duration_us = (shown["duration_ms"] or 0) * _US_PER_MS
        end_us = shown["time_ms"] * _US_PER_MS
        base = {"name": shown["title"], "cat": shown["category"], "pid": process, "tid": thread}
        args = {**shown["data"], **({"error": shown["error"]} if shown["error"] else {})}
        if shown["phase"] == "start":
            self._flow(shown, base, end_us)
        elif shown["duration_ms"] is not None:
            self.events.append(
                {**base, "ph": "X", "ts": end_us - duration_us, "dur": duration_us, "args": args}
            )
        else:
            self.events.append({**base, "ph": "i", "s": "t", "ts": end_us, "args": args})

    def _flow(self, shown: Json, base: Json, time_us: float) -> None:
        """An arrow from the object that called."""
        caller = shown["data"].get("caller")
        if caller is None:
            return
        process, thread = self._place(caller)
        arrow = {"name": base["name"], "cat": "call", "id": shown["seq"], "ts": time_us}
        self.events.append({**arrow, "ph": "s", "pid": process, "tid": thread})
        self.events.append({**arrow, "ph": "f", "bp": "e", "pid": base["pid"], "tid": base["tid"]})
