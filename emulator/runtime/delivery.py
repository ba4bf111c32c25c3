"""One event on its way into an object: what runs, and who waits for its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.alarms import AlarmInfo
    from emulator.core.sockets import Failure
    from emulator.core.values import JsValue
    from emulator.runtime.state import DurableObjectState
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Deliverable", "Delivery", "ObjectClass", "UserObject"]


class UserObject(Protocol):
    """The user's instance, as the worker ring wraps it.

    A handler is called with JavaScript values, gives a value or an awaitable of one, and raises a
    `JsException` for whatever user code raised.
    """

    def has(self, handler: str) -> bool: ...
    def fetch(self, request: JsValue) -> Any: ...
    def call(self, method: str, args: list[JsValue]) -> Any: ...
    def begin(self, method: str, args: list[JsValue]) -> Any:
        """As `call`; but what it gives, now or as a coroutine, has yet to go through `result`."""

    def result(self, value: Any) -> JsValue: ...
    def failure(self, exc: BaseException) -> BaseException:
        """What the caller gets for what `begin`, its coroutine or `result` raised."""
        ...

    def alarm(self, info: AlarmInfo) -> Any: ...
    def web_socket_message(self, socket: WebSocketEnd, message: str | bytes) -> Any:
        """Without a handler, nothing."""

    def web_socket_close(
        self, socket: WebSocketEnd, code: int, reason: str, was_clean: bool
    ) -> Any: ...
    def web_socket_error(self, socket: WebSocketEnd, failure: Failure) -> Any: ...


class ObjectClass(Protocol):
    """A class of the worker, ready to be constructed."""

    name: str

    def construct(self, state: DurableObjectState) -> UserObject: ...


class Deliverable(Protocol):
    """An event. Exactly one of `succeed` and `fail` is called, once, through the output gate."""

    started_s: float
    task: Any

    @property
    def kind(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def dispatched(self) -> Callable[[], None] | None: ...
    @property
    def run(self) -> Callable[[UserObject], Any]: ...
    @property
    def succeed(self) -> Callable[[Any], None]: ...
    @property
    def fail(self) -> Callable[[BaseException], None]: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """An event put together from functions: an alarm, an event of a socket."""

    kind: str
    detail: str
    run: Callable[[UserObject], Any]
    succeed: Callable[[Any], None]
    fail: Callable[[BaseException], None]
    dispatched: Callable[[], None] | None = None  # the handler's synchronous part has run
    started_s: float = 0.0
    task: Any = None
