"""A stub: calls into an object from anywhere else.

A stub attaches to the instance that its first call reaches. If that instance breaks, the stub is
broken for good and fails with the same error; if it is evicted, the stub finds the next one.

Source: spec lifecycle §3, §6.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import from_js
from emulator.runtime.errors import copy_error
from emulator.runtime.gates import current_gate
from emulator.web.promises import Promise, Settled, rejected, resolved

if TYPE_CHECKING:
    import asyncio

    from emulator.core.values import JsValue
    from emulator.runtime.delivery import UserObject
    from emulator.runtime.instance import Instance
    from emulator.runtime.namespace import Namespace, ObjectId

__all__ = ["Stub"]


class _Call:
    """A delivery that is its own outcome. A promise is made only if the caller has to wait."""

    kind = "call"
    dispatched = None
    started_s = 0.0
    task: asyncio.Task[Any] | None = None
    is_settled = False
    value: Any = None
    error: BaseException | None = None
    promise: Promise | None = None
    waiter: Instance | None = None

    @property
    def detail(self) -> str:
        raise NotImplementedError

    def run(self, user: UserObject) -> Any:
        raise NotImplementedError

    def succeed(self, value: Any) -> None:
        self.is_settled = True
        self.value = value = from_js(value)
        promise = self.promise
        if promise is not None:
            if not promise.done():
                promise.set_result(value)
            self._release()

    def fail(self, error: BaseException) -> None:
        self.is_settled = True
        self.error = error
        promise = self.promise
        if promise is not None:
            if not promise.done():
                promise.set_exception(error)
                # A rejection that nobody handles is silent (spec lifecycle §8).
                promise._Future__log_traceback = False  # type: ignore[attr-defined]
            self._release()

    def _release(self) -> None:
        if self.waiter is not None:
            self.waiter.unpin(self)

    def as_promise(
        self, loop: asyncio.AbstractEventLoop, waiter: Instance | None
    ) -> Promise | Settled:
        if self.is_settled:
            return resolved(self.value) if self.error is None else rejected(self.error)
        self.promise = Promise(loop=loop)
        if waiter is not None:
            self.waiter = waiter
            waiter.pin(self, "call", self.detail)
        return self.promise


class _MethodCall(_Call):
    kind = "rpc"

    def __init__(self, method: str, args: list[JsValue]) -> None:
        self.method = method
        self.args = args

    @property
    def detail(self) -> str:
        return f"{self.method}()"

    def run(self, user: UserObject) -> Any:
        return user.call(self.method, self.args)


class _FetchCall(_Call):
    kind = "fetch"

    def __init__(self, request: Any) -> None:
        self.request = request

    @property
    def detail(self) -> str:
        return f"{self.request.method} {self.request.url}"

    def run(self, user: UserObject) -> Any:
        return user.fetch(self.request)


class Stub:
    """An address of an object, and the instance that it last spoke to."""

    __slots__ = ("_attached", "id", "namespace")

    def __init__(self, namespace: Namespace, object_id: ObjectId) -> None:
        self.namespace = namespace
        self.id = object_id
        self._attached: Instance | None = None

    def call(self, method: str, args: list[JsValue]) -> Promise | Settled:
        """Call a method of the object."""
        return self._send(_MethodCall(method, args))

    def fetch(self, request: Any) -> Promise | Settled:
        """Have the object's fetch handler answer `request`."""
        return self._send(_FetchCall(request))

    def _send(self, call: _Call) -> Promise | Settled:
        attached = self._attached
        if attached is not None and attached.broken is not None:
            return rejected(copy_error(attached.broken))
        gate = current_gate.get()
        caller: Instance | None = None if gate is None else gate.owner
        if caller is None:
            self._deliver(call)
        else:
            caller.emit(self._deliver, call)
        return call.as_promise(self.namespace.host.loop, caller)

    def _deliver(self, call: _Call) -> None:
        self._attached = self.namespace.container(self.id).deliver(call)
