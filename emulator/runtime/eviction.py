"""Why an instance cannot hibernate now: every timer, call, promise, socket and event of it.

The runtime owns all of them, so it always knows. Each reason has a kind, an age, and the line of
the user's code that made it, or that an event waits at.

Hibernation, ten seconds after the last of them ended, is one stage of idleness; the other is the
sweep, which ends whatever has no client, without asking what it still does.

Source: spec lifecycle §4.2.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.runtime.errors import copy_error

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from types import CodeType, FrameType

    from emulator.runtime.delivery import Deliverable
    from emulator.runtime.instance import Instance
    from emulator.runtime.namespace import Namespace
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.web.readable import ReadableStream

__all__ = ["STUB", "Blocker", "Residency", "Sweep", "user_place"]

SWEEP_S: Final = (
    70.0  # spec lifecycle §4.2: so an object goes 70 to 140 seconds after its last event
)
STUB: Final = "stub"
STREAM: Final = "response"

type Place = tuple[CodeType, int] | None
"""A line of the user's code; made into text only for those who look."""

_LOOPS_STEP: Final = "_run_once"  # below it are whoever runs the loop: no code of an object
_NOT_THE_USERS: Final = ("emulator.", "asyncio", "workers.", "contextvars", "importlib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason why an instance cannot hibernate now; `source` is `file:line` of the user's."""

    kind: str
    detail: str
    age_s: float
    source: str | None = None


class Residency:
    """What keeps one instance in memory, beside the events that the instance itself lists."""

    __slots__ = ("_instance", "pins", "sockets", "streams", "timers")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.timers: dict[Any, tuple[float, Place]] = {}
        self.pins: dict[object, tuple[str, str, float, Place]] = {}
        self.sockets: dict[WebSocketEnd, tuple[float, Place]] = {}  # accepted by code
        self.streams: dict[int, weakref.ref[ReadableStream]] = {}  # bodies that leave, by id

    def add_timer(self, timer: Any) -> None:
        self.timers[timer] = (self._instance.loop.time(), user_place(2))

    def add_socket(self, end: WebSocketEnd) -> None:
        self.sockets[end] = (self._instance.loop.time(), user_place(3))

    def add_stream(self, stream: ReadableStream) -> None:
        """A body begins to leave; one that nobody holds any more has ended."""
        key = id(stream)
        self.streams[key] = weakref.ref(stream, lambda _: self._instance.forget_stream(key))
        self.pin(key, STREAM, "a response that is still streaming")

    def pin(self, key: object, kind: str, detail: str, place: Place = None) -> None:
        """Keep the instance awake until `unpin(key)`; `place` is the running line by default."""
        self.pins[key] = (kind, detail, self._instance.loop.time(), place or user_place(3))

    def unpin(self, key: object) -> bool:
        """Whether `key` was pinned."""
        return self.pins.pop(key, None) is not None

    def clear(self) -> None:
        """The instance is dead: its timers never strike, its sockets end."""
        for timer in list(self.timers):
            timer.cancel()
        self.timers.clear()
        self.pins.clear()
        for end in list(self.sockets):
            end.drop()
        reason = self._instance.broken
        for found in list(self.streams.values()):
            stream = found()
            if stream is not None and reason is not None:
                stream._fail(copy_error(reason, remote=True))
        self.streams.clear()

    def blockers(self) -> list[Blocker]:
        """Every reason, oldest first."""
        found = list(self._found())
        if len(found) > 1:
            found.sort(key=lambda blocker: -blocker.age_s)
        return found

    @property
    def is_quiet(self) -> bool:
        """Whether there is no reason at all."""
        return next(self._found(), None) is None

    @property
    def has_client(self) -> bool:
        """Whether somebody outside holds a socket or a function of the instance."""
        return bool(self.sockets) or any(pin[0] in (STUB, STREAM) for pin in self.pins.values())

    def _found(self) -> Iterator[Blocker]:
        instance = self._instance
        now_s = instance.loop.time()
        for delivery in (*instance.in_flight, *instance.queue):
            yield _event(delivery, now_s)
        for since_s, place in self.timers.values():
            yield Blocker(
                kind="timer", detail="a timer", age_s=now_s - since_s, source=_text(place)
            )
        for since_s, place in self.sockets.values():
            yield Blocker(
                kind="web socket",
                detail="a WebSocket that code accepted",
                age_s=now_s - since_s,
                source=_text(place),
            )
        for kind, detail, since_s, place in self.pins.values():
            yield Blocker(kind=kind, detail=detail, age_s=now_s - since_s, source=_text(place))


class Sweep:
    """Removes the objects of one namespace that nobody has asked for lately."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin with the first request to the namespace; later calls change nothing."""
        if self._timer is None:
            self._wait()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self._timer = self._namespace.host.later(SWEEP_S, self._strike)

    def _strike(self) -> None:
        now_s = self._namespace.host.loop.time()
        for container in list(self._namespace.containers.values()):
            if now_s - container.last_request_s > SWEEP_S and not container.has_client:
                container.remove()
        self._wait()


def _event(delivery: Deliverable, now_s: float) -> Blocker:
    return Blocker(
        kind=delivery.kind,
        detail=delivery.detail,
        age_s=now_s - delivery.started_s,
        source=_text(_waits_at(delivery.task)),
    )


def _waits_at(task: Any) -> Place:
    """The innermost line of the user's code that a task is suspended at."""
    place: Place = None
    waiting = None if task is None else task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None and _is_users(frame):
            place = (frame.f_code, frame.f_lineno)
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return place


def user_place(depth: int) -> Place:
    """The nearest line of the user's code, from `depth` frames above the caller's on."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and frame.f_code.co_name != _LOOPS_STEP:
        if _is_users(frame):
            return frame.f_code, frame.f_lineno
        frame = frame.f_back
    return None


def _is_users(frame: FrameType) -> bool:
    name: str = frame.f_globals.get("__name__", "")
    return not name.startswith(_NOT_THE_USERS)


def _text(place: Place) -> str | None:
    return None if place is None else f"{place[0].co_filename}:{place[1]}"
