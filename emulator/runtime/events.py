"""The recorder: makes a record of what happens to the objects, and hands it to one listener.

The runtime asks `if host.recorder is not None` and calls one method; without a recorder nothing is
built. Records are plain values (core/events.py).

Proof: tests/testing/test_events.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from emulator.core.events import (
    AlarmChanged,
    Disturbed,
    HandlerEnded,
    HandlerStarted,
    MessageSent,
    ObjectBroke,
    ObjectSlept,
    ObjectWoke,
    SocketAccepted,
    StorageCommitted,
)
from emulator.core.sockets import payload_bytes
from emulator.runtime.errors import as_js_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.clock import Clock
    from emulator.core.events import Listener
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.delivery import Deliverable
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Recorder"]

NS_PER_MS = 1_000_000


class _Where(TypedDict):
    time_ms: int
    class_name: str
    id: str
    name: str | None


class Recorder:
    """Tells `listener` of everything that happens to an emulator's objects."""

    def __init__(self, clock: Clock, listener: Listener) -> None:
        self._clock = clock
        self._tell = listener

    def woke(self, container: ActorContainer) -> None:
        self._tell(ObjectWoke(**self._where(container), generation=container.generation))

    def slept(self, container: ActorContainer, cut_off: int) -> None:
        where = self._where(container)
        self._tell(ObjectSlept(**where, generation=container.generation, cut_off=cut_off))

    def broke(self, container: ActorContainer, reason: BaseException) -> None:
        where = self._where(container)
        text = _text(reason)
        self._tell(ObjectBroke(**where, generation=container.generation, reason=text))

    def queued(self, container: ActorContainer, event: Deliverable) -> None:
        """The event waits at the input gate."""

    def started(self, container: ActorContainer, event: Deliverable) -> None:
        where = self._where(container)
        self._tell(HandlerStarted(**where, kind=event.kind, detail=event.detail))

    def ended(
        self, container: ActorContainer, event: Deliverable, failure: BaseException | None
    ) -> None:
        where = self._where(container)
        text = None if failure is None else _text(failure)
        self._tell(HandlerEnded(**where, kind=event.kind, detail=event.detail, error=text))

    def committing(self, container: ActorContainer) -> None:
        """The commit begins."""

    def committed(self, container: ActorContainer) -> None:
        self._tell(StorageCommitted(**self._where(container)))

    def alarm_changed(self, container: ActorContainer, alarm_ns: int | None) -> None:
        due_ms = None if alarm_ns is None else alarm_ns // NS_PER_MS
        self._tell(AlarmChanged(**self._where(container), due_ms=due_ms))

    def accepted(
        self, container: ActorContainer, tags: Sequence[str], end: WebSocketEnd | None = None
    ) -> None:
        del end
        self._tell(SocketAccepted(**self._where(container), tags=tuple(tags)))

    def sent(self, container: ActorContainer, frame: Any, end: WebSocketEnd | None = None) -> None:
        del end
        kind = _KINDS.get(type(frame), "close")
        where = self._where(container)
        self._tell(MessageSent(**where, kind=kind, payload_bytes=payload_bytes(frame)))

    def disturbed(self, container: ActorContainer, what: str) -> None:
        self._tell(Disturbed(**self._where(container), what=what))

    def text_of(self, failure: BaseException) -> str:
        """What failed, in one line."""
        return _text(failure)

    def _where(self, container: ActorContainer) -> _Where:
        return {
            "time_ms": self._clock.now_ms(),
            "class_name": container.namespace.class_name,
            "id": container.id,
            "name": container.name,
        }


_KINDS: Any = {str: "text", bytes: "binary"}


def _text(failure: BaseException) -> str:
    error = as_js_error(failure)
    if error.name != "PythonError":
        return str(error)
    cause = error.__cause__
    return str(error) if cause is None else f"{type(cause).__name__}: {cause}"
