"""Promises, as Python code holds them.

Pyodide hands a JavaScript promise to Python as a `PyodideFuture`. Here a promise that is settled
when it is made is a `Settled`: awaiting it does not return to the event loop, which is what V8's
microtasks look like from outside (spec performance §2, storage §1.1). Any other is a `Promise`.

This is the lowest module that knows asyncio: bodies and streams wait too.
"""

from __future__ import annotations

import asyncio
import functools
import types
from typing import TYPE_CHECKING, Any, ClassVar

from emulator.core.values import JsProxy, JsValue, PyProxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

__all__ = ["Promise", "Settled", "promise_method", "promise_of", "rejected", "resolved"]


class Promise(asyncio.Future[Any]):
    """A promise that something will settle. It is an `asyncio.Future`, as in Pyodide."""

    js_name: ClassVar[str] = "Promise"  # what JavaScript calls it, for who cannot take one

    def then(
        self,
        on_fulfilled: Callable[[Any], Any] | None = None,
        on_rejected: Callable[[Any], Any] | None = None,
    ) -> Promise:
        return _chain(self, on_fulfilled, on_rejected)

    def catch(self, on_rejected: Callable[[Any], Any]) -> Promise:
        return _chain(self, None, on_rejected)

    def finally_(self, on_finally: Callable[[], Any]) -> Promise:
        return _finally(self, on_finally)


Promise.__name__ = Promise.__qualname__ = "PyodideFuture"
Promise.__module__ = "pyodide.webloop"


class Settled(JsProxy, js_name="Promise", py_name="PyodideFuture"):
    """A promise that was settled when it was made."""

    __slots__ = ("_error", "_value")

    def __init__(self, value: JsValue = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._error is not None:
            raise self._error
        yield from ()  # makes this a generator: nothing is ever yielded
        return self._value

    def done(self) -> bool:
        return True

    def cancelled(self) -> bool:
        return False

    def exception(self) -> BaseException | None:
        return self._error

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value

    def then(
        self,
        on_fulfilled: Callable[[Any], Any] | None = None,
        on_rejected: Callable[[Any], Any] | None = None,
    ) -> Promise:
        return _chain(self, on_fulfilled, on_rejected)

    def catch(self, on_rejected: Callable[[Any], Any]) -> Promise:
        return _chain(self, None, on_rejected)

    def finally_(self, on_finally: Callable[[], Any]) -> Promise:
        return _finally(self, on_finally)


Settled.__module__ = "pyodide.webloop"

_UNDEFINED = Settled()


def resolved(value: JsValue = None) -> Settled:
    return _UNDEFINED if value is None else Settled(value)


def rejected(error: BaseException) -> Settled:
    return Settled(error=error)


def promise_of(coroutine: Coroutine[Any, Any, Any]) -> Promise | Settled:
    """Start `coroutine` at once; what it gives is settled if it never had to wait."""
    try:
        yielded = coroutine.send(None)
    except StopIteration as stop:
        return resolved(stop.value)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:
        return rejected(exc)
    loop = asyncio.get_running_loop()
    promise = Promise(loop=loop)
    task = asyncio.Task(_resume(coroutine, yielded), loop=loop, eager_start=True)
    # The promise holds the task: the loop alone would let it be collected.
    promise._task = task  # type: ignore[attr-defined]
    task.add_done_callback(functools.partial(_copy_outcome, promise))
    return promise


def promise_method[**P](
    method: Callable[P, Coroutine[Any, Any, Any]],
) -> Callable[P, Promise | Settled]:
    """A JavaScript method that returns a promise, written as `async def`."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> Promise | Settled:
        return promise_of(method(*args, **kwargs))

    return call


@types.coroutine
def _drive(coroutine: Coroutine[Any, Any, Any], yielded: Any) -> Generator[Any, Any, Any]:
    # Continues a coroutine whose first step was made outside the task that now runs it.
    while True:
        try:
            sent = yield yielded
        except BaseException as exc:
            try:
                yielded = coroutine.throw(exc)
            except StopIteration as stop:
                return stop.value
        else:
            try:
                yielded = coroutine.send(sent)
            except StopIteration as stop:
                return stop.value


async def _resume(coroutine: Coroutine[Any, Any, Any], yielded: Any) -> Any:
    return await _drive(coroutine, yielded)


def _copy_outcome(promise: asyncio.Future[Any], source: asyncio.Future[Any]) -> None:
    if promise.done():
        return
    if source.cancelled():
        promise.cancel()
    elif (exc := source.exception()) is not None:
        promise.set_exception(exc)
        # An unhandled rejection is silent on the platform (spec lifecycle §8).
        promise._log_traceback = False
    else:
        promise.set_result(source.result())


def _chain(
    source: Awaitable[Any],
    on_fulfilled: Callable[[Any], Any] | None,
    on_rejected: Callable[[Any], Any] | None,
) -> Promise:
    async def reaction() -> Any:
        try:
            value = await source
        except Exception as exc:
            if on_rejected is None:
                raise
            return await _value_of(on_rejected(exc))
        return value if on_fulfilled is None else await _value_of(on_fulfilled(value))

    return _spawn(reaction())


def _finally(source: Awaitable[Any], on_finally: Callable[[], Any]) -> Promise:
    async def reaction() -> Any:
        try:
            return await source
        finally:
            await _value_of(on_finally())

    return _spawn(reaction())


async def _value_of(value: Any) -> Any:
    if isinstance(value, PyProxy):
        value = value.unwrap()
    return await value if hasattr(value, "__await__") else value


def _spawn(coroutine: Coroutine[Any, Any, Any]) -> Promise:
    # A reaction never runs before the code that registered it has finished.
    loop = asyncio.get_running_loop()
    promise = Promise(loop=loop)
    task = loop.create_task(coroutine)
    promise._task = task  # type: ignore[attr-defined]
    task.add_done_callback(functools.partial(_copy_outcome, promise))
    return promise
