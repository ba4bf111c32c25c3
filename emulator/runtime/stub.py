"""A stub: calls into an object from anywhere else.

A stub attaches to the instance that its first call reaches. If that instance breaks, the stub is
broken for good and fails with the same error; if it is evicted, the stub finds the next one.

Source: spec lifecycle §3, §6.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import from_js
from emulator.runtime.delivery import Delivery, UserObject
from emulator.runtime.gates import current_gate
from emulator.runtime.errors import copy_error
from emulator.web.promises import Promise, Settled, rejected, resolved

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.values import JsValue
    from emulator.runtime.instance import Instance
    from emulator.runtime.namespace import Namespace, ObjectId

__all__ = ["Stub"]


class _Outcome:
    """What a call came to. A promise is made only if the caller has to wait for it."""

    __slots__ = ("error", "is_settled", "promise", "value", "waiter")

    def __init__(self) -> None:
        self.is_settled = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.promise: Promise | None = None
        self.waiter: Instance | None = None

    def succeed(self, value: Any) -> None:
        self.is_settled = True
        self.value = from_js(value)
        if self.promise is not None and not self.promise.done():
            self.promise.set_result(self.value)
        self._release()

    def fail(self, error: BaseException) -> None:
        self.is_settled = True
        self.error = error
        if self.promise is not None and not self.promise.done():
            self.promise.set_exception(error)
            # A rejection that nobody handles is silent (spec lifecycle §8).
            self.promise._Future__log_traceback = False  # type: ignore[attr-defined]
        self._release()

    def _release(self) -> None:
        if self.waiter is not None:
            self.waiter.unpin(self)

    def as_promise(
        self, loop: asyncio.AbstractEventLoop, waiter: Instance | None, detail: str
    ) -> Promise | Settled:
        if self.is_settled:
            return resolved(self.value) if self.error is None else rejected(self.error)
        self.promise = Promise(loop=loop)
        if waiter is not None:
            self.waiter = waiter
            waiter.pin(self, "call", detail)
        return self.promise


class Stub:
    """An address of an object, and the instance that it last spoke to."""

    __slots__ = ("_attached", "id", "namespace")

    def __init__(self, namespace: Namespace, object_id: ObjectId) -> None:
        self.namespace = namespace
        self.id = object_id
        self._attached: Instance | None = None

    def call(self, method: str, args: list[JsValue]) -> Promise | Settled:
        """Call a method of the object."""
        return self._send("rpc", f"{method}()", lambda user: user.call(method, args))

    def fetch(self, request: Any) -> Promise | Settled:
        """Have the object's fetch handler answer `request`."""
        return self._send("fetch", f"fetch({request.url})", lambda user: user.fetch(request))

    def _send(
        self, kind: str, detail: str, run: Callable[[UserObject], Any]
    ) -> Promise | Settled:
        attached = self._attached
        if attached is not None and attached.broken is not None:
            return rejected(copy_error(attached.broken))
        outcome = _Outcome()
        delivery = Delivery(
            kind=kind, detail=detail, run=run, succeed=outcome.succeed, fail=outcome.fail
        )
        gate = current_gate.get()
        caller: Instance | None = None if gate is None else gate.owner
        if caller is None:
            self._deliver(delivery)
        else:
            caller.emit(self._deliver, delivery)
        return outcome.as_promise(self.namespace.host.loop, caller, detail)

    def _deliver(self, delivery: Delivery) -> None:
        self._attached = self.namespace.container(self.id).deliver(delivery)
