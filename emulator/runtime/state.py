"""`ctx`: what an object may ask of its own container.

Source: spec lifecycle §4.3, §7; websockets §1, §2.3, §3.
"""

from __future__ import annotations

import asyncio
import inspect
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import PyProxy, error
from emulator.runtime.errors import Aborted
from emulator.runtime.legacy_storage import LegacyStorage
from emulator.runtime.namespace import ObjectId
from emulator.runtime.storage import ObjectStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.sockets import AutoResponse
    from emulator.core.values import JsObject
    from emulator.runtime.instance import Instance
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.web.promises import Promise

__all__ = ["DurableObjectState"]

ABORTED: Final = "Application called abort() to reset Durable Object."
EVENT_TIMEOUT_MS_MAX: Final = 604_800_000


class DurableObjectState:
    """The state object of one instance. It is useless once the instance is dead."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.container = instance.container
        self.namespace = instance.container.namespace
        self.id = ObjectId(instance.container.id, instance.container.name)
        self.props: JsObject | None = None
        engine = LegacyStorage if self.namespace.is_legacy else ObjectStorage
        self.storage: ObjectStorage = engine(instance)

    def wait_until_settled(self, promise: Any) -> None:
        """Keep the instance awake until a promise is settled; any other value is ignored.

        A coroutine is ignored too, and so never runs: on the platform it is a proxy that dies
        when the call returns (spec python-surface §2.5).
        """
        target = promise.unwrap() if isinstance(promise, PyProxy) else promise
        if isinstance(promise, PyProxy) and inspect.iscoroutine(target):
            if promise.is_borrowed:
                target.close()
                return
            target = self.instance.loop.create_task(target)
        if isinstance(target, asyncio.Future) and not target.done():
            key = object()
            self.instance.pin(key, "waitUntil", "a promise given to waitUntil()")
            target.add_done_callback(lambda _: self._settled(key, target), context=Context())

    def _settled(self, key: object, future: asyncio.Future[Any]) -> None:
        self.instance.unpin(key)
        if not future.cancelled():
            future.exception()  # seen: a rejection here is silent (spec lifecycle §7)

    def block_concurrency_while(self, callback: Callable[[], Any]) -> Promise:
        """Run `callback` alone. Raises: JsException, nested deeper than 64."""
        return self.instance.block_concurrency_while(callback)

    def abort(self, reason: str | None, *, retries_alarm: bool = True) -> None:
        """Reset the object at once. Never returns to the object's code."""
        failure = error(ABORTED if reason is None else reason)
        if not retries_alarm:
            self.container.running_alarm_is_final = True
        self.instance.break_(failure)
        raise Aborted(str(failure))

    # --- hibernatable sockets --------------------------------------------------------------

    def accept_web_socket(self, end: WebSocketEnd, tags: list[str]) -> None:
        """Put `end` in the object's keeping. Raises: JsException."""
        self.container.sockets.accept(end, tags)

    def get_web_sockets(self, tag: str | None = None) -> list[WebSocketEnd]:
        return self.container.sockets.sockets(tag)

    def get_tags(self, end: WebSocketEnd) -> tuple[str, ...]:
        return self.container.sockets.tags(end)

    def set_web_socket_auto_response(self, pair: AutoResponse | None) -> None:
        self.container.sockets.auto_response = pair

    def get_web_socket_auto_response(self) -> AutoResponse | None:
        return self.container.sockets.auto_response

    def set_event_timeout_ms(self, timeout_ms: int | None) -> None:
        """Raises: JsException (Error) for more than seven days."""
        if timeout_ms is not None and timeout_ms > EVENT_TIMEOUT_MS_MAX:
            raise error(f"Event timeout should not exceed {EVENT_TIMEOUT_MS_MAX} ms.")
        self.container.sockets.event_timeout_ms = timeout_ms or None

    def get_event_timeout_ms(self) -> int | None:
        return self.container.sockets.event_timeout_ms
