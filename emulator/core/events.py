"""What happened, as records. One record feeds the terminal, the timeline, the tests and the explorer.

Invariants:
1. A record is frozen and holds plain values only: no live object, no request or message body.
2. A record is built only when somebody listens, so that recording costs nothing otherwise.
3. Two runs with one seed give equal records: nothing in them depends on the process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "AlarmChanged",
    "AlarmRan",
    "ConsoleLevel",
    "ConsoleMessage",
    "Disturbed",
    "Event",
    "GateWaited",
    "HandlerEnded",
    "HandlerStarted",
    "Listener",
    "MessageSent",
    "ObjectBroke",
    "ObjectEvent",
    "ObjectSlept",
    "ObjectWoke",
    "RequestServed",
    "SocketAccepted",
    "SocketEnded",
    "StateMigrated",
    "StorageCommitted",
    "WorkerError",
]

type ConsoleLevel = Literal["debug", "info", "log", "warn", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of every record. `time_ms` is the emulator's clock, milliseconds since the epoch."""

    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServed(Event):
    """A response's head was sent (101 too). `path` includes the query, as the client sent it.

    `object` is the last one that the entrypoint called for it, as `Room lobby`.
    """

    method: str
    path: str
    status: int
    reason: str
    duration_ms: float
    object: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketEnded(Event):
    """The connection of a WebSocket has ended; `code` is the first Close's, if there was one."""

    path: str
    object: str | None
    code: int | None
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerError(Event):
    """User code raised where nobody caught it. `object` names the object, None in the entrypoint.

    `trace` is the traceback of an error whose text has none: one of JavaScript's classes.
    """

    object: str | None
    text: str
    trace: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleMessage(Event):
    """User code called a method of `console`; `text` is the formatted line, without its newline."""

    level: ConsoleLevel
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMigrated(Event):
    """A migration changed which objects are stored, or could not; `tag` is None for `exports`."""

    worker: str
    tag: str | None
    text: str


# --- what happens to objects ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent(Event):
    """Base of what happens to one object: its class, its id in hex, its name if it knows it."""

    class_name: str
    id: str
    name: str | None

    @property
    def object(self) -> str:
        """`Room lobby`, or the class and the beginning of the id."""
        return f"{self.class_name} {self.name if self.name is not None else self.id[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectWoke(ObjectEvent):
    """An instance is about to be constructed, the `generation`-th of this object."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSlept(ObjectEvent):
    """The instance was discarded: storage and sockets stay. `cut_off` events were still running."""

    generation: int
    cut_off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectBroke(ObjectEvent):
    """The object was reset: sockets and uncommitted writes are gone."""

    generation: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerStarted(ObjectEvent):
    """An event was let in. `kind` is rpc, fetch, alarm, websocket; `detail` says which."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerEnded(ObjectEvent):
    """The outcome of an event left the object; `error` is None for a success."""

    kind: str
    detail: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWaited(ObjectEvent):
    """An event has waited at the input gate and is let in now; it is named as by HandlerStarted."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageCommitted(ObjectEvent):
    """What a turn had written is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChanged(ObjectEvent):
    """The committed alarm is another one; `due_ms` is None if there is none."""

    due_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRan(Event):
    """A delivery of an alarm has ended; it comes again in `retry_in_ms`, if that is not None."""

    object: str
    duration_ms: float
    has_failed: bool = False
    retry_in_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketAccepted(ObjectEvent):
    """acceptWebSocket() took a socket in."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(ObjectEvent):
    """Code sent on a socket: `text`, `binary` or `close`, of so many bytes of payload."""

    kind: Literal["text", "binary", "close"]
    payload_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed(ObjectEvent):
    """A test did something to the object that the platform may do, such as `crash`."""

    what: str


type Listener = Callable[[Event], None]
