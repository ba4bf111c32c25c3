"""setTimeout, setInterval, queueMicrotask and scheduler: time, as JavaScript asks for it.

Source: spec lifecycle §8, §4.2; python-surface §2.5.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsFunction, JsObject, JsProxy, PyProxy, js_value
from emulator.core.values.coercion import to_number
from emulator.runtime.gates import current_gate
from emulator.web.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["timer_globals"]


class Timeout(JsProxy, js_name="Timeout"):
    """What setTimeout gives back."""

    def __init__(self, callback: Callable[[], None], delay_s: float, *, repeats: bool) -> None:
        self._callback = callback
        self._delay_s = delay_s
        self._repeats = repeats
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._wait()

    def toString(self) -> str:
        return "[object Object]"

    def _wait(self) -> None:
        self._handle = self._loop.call_later(self._delay_s, self._strike)

    def _strike(self) -> None:
        if self._repeats:
            self._wait()
        self._callback()

    def cancel(self) -> None:
        self._repeats = False
        if self._handle is not None:
            self._handle.cancel()


def _callback(function: Any, args: tuple[Any, ...]) -> Callable[[], None]:
    found = js_value(function)

    def call() -> None:
        if isinstance(found, PyProxy):
            if found.is_borrowed:
                return  # the borrowed proxy died when setTimeout returned (spec §2.5)
            target = found._object
        else:
            target = found
        result = target(*args)
        if asyncio.iscoroutine(result):
            asyncio.get_running_loop().create_task(result)

    return call


def _delay_s(delay: Any) -> float:
    number = to_number(js_value(delay)) if delay is not None else 0.0
    return max(0.0, number) / 1000 if number == number else 0.0


def set_timeout(function: Any = None, delay: Any = None, *args: Any) -> Timeout:
    return Timeout(_callback(function, args), _delay_s(delay), repeats=False)


def set_interval(function: Any = None, delay: Any = None, *args: Any) -> Timeout:
    # An interval of 0 would never let the loop's clock move on.
    return Timeout(_callback(function, args), max(_delay_s(delay), 0.001), repeats=True)


def clear(timeout: Any = None) -> None:
    if isinstance(timeout, Timeout):
        timeout.cancel()


def queue_microtask(function: Any = None) -> None:
    """Run `function` at the end of the turn, before anything else of the object runs."""
    callback = _callback(function, ())
    gate = current_gate.get()
    if gate is not None:
        gate.owner.microtasks.append(callback)
    else:
        asyncio.get_running_loop().call_soon(callback, context=copy_context())


def wait(delay: Any = None, options: Any = None) -> Promise:
    """`scheduler.wait(ms)`."""
    del options
    loop = asyncio.get_running_loop()
    promise = Promise(loop=loop)
    loop.call_later(_delay_s(delay), lambda: promise.done() or promise.set_result(None))
    return promise


def timer_globals() -> dict[str, Any]:
    """The functions of this module, under JavaScript's names."""
    names: dict[str, Callable[..., Any]] = {
        "setTimeout": set_timeout,
        "setInterval": set_interval,
        "clearTimeout": clear,
        "clearInterval": clear,
        "queueMicrotask": queue_microtask,
        "setImmediate": lambda function=None, *args: set_timeout(function, 0, *args),
        "clearImmediate": clear,
    }
    globals_ = {name: _host_function(name, function) for name, function in names.items()}
    globals_["scheduler"] = JsObject({"wait": _host_function("wait", wait)})
    return globals_


class _HostFunction(JsFunction, js_name="Function"):
    """A function that takes Python values as they are: it needs to see what is borrowed."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)


def _host_function(name: str, function: Callable[..., Any]) -> _HostFunction:
    return _HostFunction(name, function)
