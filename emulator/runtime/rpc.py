"""What crosses from one object to another: copies of values, and live functions.

A value that is sent is copied. A function stays where it is: the other side gets a stub, and
calling the stub runs the function where it was made, through the gates of the object that made
it. A stub that was an argument ends when the method returns, unless it was `dup()`ed; one that
was a result lives as long as somebody holds it, and keeps the object that made it awake.

Source: spec lifecycle §4.2, §6.2 to §6.4; python-surface §2.3 (Pyodide's proxies).
"""

from __future__ import annotations

import asyncio
import inspect
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Final

from emulator.core.rpc import STUB_DISPOSED, check_message, not_implemented
from emulator.core.values import (
    PRIMITIVES,
    DomException,
    JsException,
    JsProxy,
    PyProxy,
    data_clone_error,
    error,
    js_value,
)
from emulator.core.values.clone import structured_clone
from emulator.runtime.calls import Call
from emulator.runtime.errors import as_js_error, copy_error
from emulator.runtime.eviction import STUB
from emulator.runtime.gates import current_gate
from emulator.runtime.pipelining import RpcPromise, RpcSettled, find_member, not_callable
from emulator.runtime.worker import current_worker, has_native_errors
from emulator.web.host_codec import carried
from emulator.web.promises import Promise, Settled, rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.values import JsValue
    from emulator.runtime.delivery import UserObject
    from emulator.runtime.instance import Instance

__all__ = ["FunctionCall", "LiveFunction", "RpcStub", "call_result", "remote_error", "transfer"]

HOST_GONE: Final = "The execution context which hosts this callback is no longer running."
NOT_A_RECEIVER: Final = (
    "Proxy could not be serialized because it is not a valid RPC receiver type. The Proxy must "
    "emulate either a plain object or an RpcTarget, as indicated by the Proxy's prototype chain."
)
_BIG_TEXT_CHARS: Final = 16_000_000  # a shorter text is never too big


def transfer(value: JsValue, stubs: list[RpcStub] | None = None) -> JsValue:
    """What the other side gets for `value`, which running code sends.

    Args:
        stubs: takes the stubs that were made, for those who must dispose of them.

    Raises:
        JsException: a DataCloneError for what cannot be sent, an Error for more than 32 MiB.
    """
    if type(value) in PRIMITIVES:
        if type(value) is str and len(value) > _BIG_TEXT_CHARS:
            check_message(value)
        return value
    made: list[RpcStub] = [] if stubs is None else stubs
    copy = structured_clone(
        value, native_errors=has_native_errors(), host=lambda other: _sent(other, made)
    )
    check_message(copy)
    return copy


def _sent(value: JsProxy, made: list[RpcStub]) -> JsValue:
    """A value that structured clone does not know."""
    if isinstance(value, RpcStub):
        made.append(value.dup())
        return made[-1]
    if value.typeof == "function" and callable(value):
        target = value.unwrap() if isinstance(value, PyProxy) else value
        if not inspect.isclass(target):
            made.append(RpcStub(LiveFunction(target)))
            return made[-1]
    if isinstance(value, PyProxy):
        raise data_clone_error(NOT_A_RECEIVER)
    as_fetcher = getattr(value, "_as_fetcher", None)
    if as_fetcher is not None:
        return as_fetcher()
    return carried(value)


class LiveFunction:
    """A function that others may call, and the context that it runs in."""

    __slots__ = ("context", "function", "owner")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.context = copy_context()
        gate = current_gate.get()
        self.owner: Instance | None = None if gate is None else gate.owner

    @property
    def place(self) -> Any:
        """The line of the function, for those who ask why its object is awake."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return None if code is None else (code, code.co_firstlineno)


class RpcStub(JsProxy, js_name="RpcStub"):
    """A function of somebody else."""

    __slots__ = ("__weakref__", "_is_disposed", "_target")

    typeof = "function"

    def __init__(self, target: LiveFunction) -> None:
        self._target = target
        self._is_disposed = False
        if target.owner is not None and not target.owner.is_dead:
            target.owner.residency.pin(
                id(self), STUB, "a function that a caller holds", target.place
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Promise | Settled:
        if self._is_disposed:
            return RpcSettled(error=error(STUB_DISPOSED))
        del kwargs  # a JavaScript function has none
        try:
            sent: list[RpcStub] = []
            call = FunctionCall(self._target, [transfer(js_value(a), sent) for a in args], sent)
        except JsException as exc:
            return RpcSettled(error=exc)
        return call.send()

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__" or name in ("js_object", "length", "then"):
            raise AttributeError(name)
        return lambda *_args, **_kwargs: rejected(not_implemented(name))

    def __enter__(self) -> RpcStub:
        # Only the newest runtime's proxies of what has Symbol.dispose are context managers.
        worker = current_worker()
        if worker is not None and not worker.has_disposable_proxies:
            raise TypeError("'JsProxy' object does not support the context manager protocol")
        return self

    def __exit__(self, *_: object) -> None:
        self._dispose()

    def dup(self) -> RpcStub:
        """An independent stub of the same function."""
        if self._is_disposed:
            raise error(STUB_DISPOSED)
        return RpcStub(self._target)

    def _dispose(self) -> None:
        """`stub[Symbol.dispose]()`: this stub is used no more."""
        if not self._is_disposed:
            self._is_disposed = True
            if self._target.owner is not None:
                self._target.owner.unpin(id(self))

    def __del__(self) -> None:
        self._dispose()


class FunctionCall(Call):
    """A call of a live function."""

    kind = "rpc"
    detail: str = "a function that was sent to somebody"
    promise_class: type[Promise] = RpcPromise
    settled_class: type[Settled] = RpcSettled

    def __init__(self, target: LiveFunction, args: list[JsValue], stubs: list[RpcStub]) -> None:
        self.target = target
        self.args = args
        self.stubs = stubs

    def send(self) -> Promise | Settled:
        return self._emit(self.deliver)

    def _emit(self, release: Callable[[asyncio.AbstractEventLoop], None]) -> Promise | Settled:
        """Have `release` called when output may leave the caller; the outcome."""
        gate = current_gate.get()
        caller: Instance | None = None if gate is None else gate.owner
        loop = asyncio.get_running_loop()
        promise = self.as_promise(loop, caller)
        if caller is None:
            release(loop)
        else:
            caller.emit(release, loop)
        return promise

    def deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        owner = self.target.owner
        if owner is None:
            loop.call_soon(self._run_outside, context=Context())
        elif owner.is_dead:
            self.fail(error(HOST_GONE))
        else:
            # Through the loop and in the context it was made in: the gate that was open for the
            # code that sent the function is the one that lets it in (spec §5.2).
            owner.in_flight[self] = None
            self.started_s = loop.time()
            loop.call_soon(owner.start, self, self.target.context, context=self.target.context)

    def _run_outside(self) -> None:
        self.task = asyncio.Task(
            self._outside(),
            loop=asyncio.get_running_loop(),
            eager_start=True,
            context=self.target.context.copy(),
        )

    async def _outside(self) -> None:
        try:
            result = self.run(None)
            self.succeed(await result if hasattr(result, "__await__") else result)
        except Exception as exc:
            self.fail(exc)

    def run(self, user: UserObject | None) -> Any:
        del user
        try:
            result = self.target.function(*self.args)
            if hasattr(result, "__await__"):
                return self._wait(result)
            return transfer(js_value(result))
        except Exception as exc:
            raise remote_error(exc) from exc

    async def _wait(self, awaitable: Any) -> JsValue:
        try:
            return transfer(js_value(await awaitable))
        except Exception as exc:
            raise remote_error(exc) from exc

    def settled(self) -> None:
        for stub in self.stubs:
            stub._dispose()


def call_result(
    parent: Promise | Settled, path: tuple[str, ...], args: tuple[Any, ...]
) -> Promise | Settled:
    """Call what a path through the result of another call leads to, as soon as that is there."""
    try:
        sent: list[RpcStub] = []
        call = _PipelinedCall(path, [transfer(js_value(arg), sent) for arg in args], sent)
    except JsException as exc:
        return RpcSettled(error=exc)
    return call.send_after(parent)


class _PipelinedCall(FunctionCall):
    """A call of something in the result of another call."""

    def __init__(self, path: tuple[str, ...], args: list[JsValue], stubs: list[RpcStub]) -> None:
        self.path = path
        self.args = args
        self.stubs = stubs
        self.detail = f"{'.'.join(path)}() of a result"

    def send_after(self, parent: Promise | Settled) -> Promise | Settled:
        def release(loop: asyncio.AbstractEventLoop) -> None:
            _when_settled(parent, lambda: self._arrive(parent, loop))

        return self._emit(release)

    def _arrive(self, parent: Promise | Settled, loop: asyncio.AbstractEventLoop) -> None:
        try:
            found = find_member(parent.result(), self.path)
        except JsException as exc:
            self.fail(copy_error(exc))
            return
        if isinstance(found, RpcStub):
            self.target = found._target
            self.deliver(loop)
        elif callable(found):
            inner = found(*self.args)
            _when_settled(inner, lambda: self._take(inner))
        else:
            self.fail(not_callable(self.path))

    def _take(self, inner: Promise | Settled) -> None:
        failure = inner.exception()
        if failure is None:
            self.succeed(inner.result())
        else:
            self.fail(failure)


def _when_settled(promise: Promise | Settled, then: Callable[[], None]) -> None:
    if isinstance(promise, Promise) and not promise.done():
        promise.add_done_callback(lambda _: then(), context=Context())
    else:
        then()


def remote_error(exc: BaseException, object_id: str | None = None) -> JsException:
    """The error that a caller gets for what user code raised.

    Args:
        object_id: of the object whose method raised; no handler of events has one.
    """
    raised = as_js_error(exc)
    if isinstance(raised, DomException):
        return copy_error(raised, remote=True)
    try:
        sent = structured_clone(raised)
    except JsException:  # something in it cannot be sent: the details are dropped
        overloaded = {"overloaded": True} if raised.__dict__.get("overloaded") is True else {}
        return JsException("Error", raised.toString(), remote=True, **overloaded)
    assert isinstance(sent, JsException), "the copy of an error is one"
    if object_id is not None:
        sent.__dict__["durableObjectId"] = object_id
    sent.__dict__["remote"] = True
    sent.__cause__ = raised.__cause__
    return sent
