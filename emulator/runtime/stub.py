"""A stub: calls into an object from anywhere else.

A stub attaches to the instance that its first call reaches. If that instance breaks, the stub is
broken for good and fails with the same error; if it is evicted, the stub finds the next one.

Source: spec lifecycle §3, §6.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import PRIMITIVES, JsException
from emulator.runtime.aborting import abort_error, give_up_with, hear_of_abort
from emulator.runtime.calls import Call
from emulator.runtime.errors import copy_error
from emulator.runtime.gates import current_gate
from emulator.runtime.leaving import watch_body
from emulator.runtime.method_calls import MethodCall, call_at_once
from emulator.runtime.pipelining import RpcSettled
from emulator.runtime.rpc import RpcStub, transfer
from emulator.runtime.worker import current_request
from emulator.web.fetching import arriving_request, arriving_response, fetch_url
from emulator.web.promises import Promise, Settled, rejected
from emulator.web.redirects import next_request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.values import JsValue
    from emulator.runtime.delivery import Deliverable, UserObject
    from emulator.runtime.instance import Instance
    from emulator.runtime.namespace import Namespace, ObjectId
    from emulator.web.request import Request

__all__ = ["Stub"]

_SMALL: Final = PRIMITIVES - {str}


class _FetchCall(Call):
    kind = "fetch"
    hops = 0

    def __init__(self, stub: Stub, request: Request) -> None:
        self.stub = stub
        self.request = request
        source = request._source
        self.body = source if isinstance(source, bytes) else None  # for a redirect

    @property
    def detail(self) -> str:
        return f"{self.request.method} {self.request.url}"

    def run(self, user: UserObject) -> Any:
        arrived = arriving_request(self.request)
        if self.request._signal is not None:
            hear_of_abort(self.stub.namespace.worker, self.request, arrived)
        return user.fetch(arrived)

    def succeed(self, value: Any) -> None:
        try:
            response = arriving_response(value, self.request)
            followed = next_request(self.request, response, self.body, self.hops)
        except JsException as exc:
            self.fail(exc)
            return
        if followed is None:
            if response._web_socket is not None:
                # The object may sleep before the response is sent: the socket is nobody's ghost.
                response._web_socket._end.is_underway = True
            response._is_redirected = self.hops > 0
            if response._source is not None:
                container = self.stub.namespace.find(self.stub.id.hex)
                watch_body(response, None if container is None else container.instance)
            super().succeed(response)
        else:  # it enters the same object again, whatever host it names (spec §3.4)
            self.hops += 1
            self.request = followed
            self.stub.deliver(self)

    def fail(self, error: BaseException) -> None:
        # A reset has this mark for callers of fetch only (spec lifecycle §6.5, the flag matrix).
        error.__dict__["remote"] = True
        super().fail(error)


class Stub:
    """An address of an object, and the instance that it last spoke to."""

    __slots__ = ("attached", "id", "namespace")

    def __init__(self, namespace: Namespace, object_id: ObjectId) -> None:
        self.namespace = namespace
        self.id = object_id
        self.attached: Instance | None = None

    def call(self, method: str, args: Iterable[JsValue]) -> Promise | Settled:
        """Call a method of the object with copies of `args`.

        Rejects with a DataCloneError, or an Error for more than 32 MiB.
        """
        stubs: list[RpcStub] = []
        sent: list[JsValue] = []
        if args:
            try:
                sent = [arg if type(arg) in _SMALL else transfer(arg, stubs) for arg in args]
            except JsException as exc:
                return RpcSettled(error=exc)
        if not stubs:
            instance = self.attached or self._resident()
            if instance is not None:
                promise = call_at_once(self, instance, method, sent)
                if promise is not None:
                    return promise
        return self._send(MethodCall(method, sent, stubs))

    def _resident(self) -> Instance | None:
        """The object's instance, if it has one; looking does not wake it."""
        container = self.namespace.containers.get(self.id.hex)
        return None if container is None else container.instance

    def fetch(self, request: Request) -> Promise | Settled:
        """Have the object's fetch handler answer `request`.

        Rejects with a TypeError for a URL that is not HTTP.
        """
        try:
            fetch_url(request.url)
        except JsException as exc:
            return rejected(exc)
        call = _FetchCall(self, request)
        signal = request._signal
        if signal is None:
            return self._send(call)
        if signal.aborted:
            return rejected(abort_error(signal))
        return give_up_with(signal, call, self._send(call))

    def _send(self, call: Call) -> Promise | Settled:
        attached = self.attached
        if attached is not None and attached.broken is not None:
            return call.settled_class(error=copy_error(attached.broken))
        gate = current_gate.get()
        caller: Instance | None = None if gate is None else gate.owner
        if caller is None:
            invocation = current_request.get()
            if invocation is not None:
                invocation.reached = self
            self.deliver(call)
        else:
            caller.emit(self.deliver, call)
        return call.as_promise(self.namespace.host.loop, caller)

    @property
    def label(self) -> str:
        """The object as a person knows it: `Room lobby`, or the class and the id's beginning."""
        found = self.namespace.find(self.id.hex)
        name = self.id.name if found is None else found.name
        return f"{self.namespace.class_name} {self.id.hex[:8] if name is None else name}"

    @property
    def broken(self) -> JsException | None:
        """Why every call on this stub fails, if the instance it spoke to broke."""
        return None if self.attached is None else self.attached.broken

    def deliver(self, call: Call) -> None:
        """Bring a call to the object, and attach to the instance that has it."""
        faults = self.namespace.host.faults
        if faults is None:
            self.arrive(call)
        else:
            faults.carry(self, call)

    def arrive(self, call: Deliverable) -> None:
        """The call has reached its object."""
        self.attached = self.namespace.container(self.id).deliver(call)
