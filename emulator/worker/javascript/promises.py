"""`Promise`: its constructor and its statics, over the promises of the web ring.

Source: ECMAScript Promise; spec python-surface §2.2.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsArray,
    JsException,
    JsFunction,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    from_js,
    js_value,
    to_string,
    type_error,
)
from emulator.core.values.callbacks import callback
from emulator.web.promises import Promise, Settled, promise_method, promise_of, rejected
from emulator.web.webidl import iterate, reason_of, settle, to_exception
from emulator.worker.javascript.builders import js_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

__all__ = ["promise_globals"]


def promise_globals() -> dict[str, Any]:
    return {"Promise": js_class("Promise", _construct, _STATICS, plain=_no_plain_call)}


def _no_plain_call(*_: JsValue) -> JsValue:
    raise type_error("Promise constructor cannot be invoked without 'new'")


def _fresh() -> Promise:
    return Promise(loop=asyncio.get_running_loop())


def _resolve(promise: Promise, value: JsValue) -> None:
    """Settle `promise` with a value, or let it follow another promise or Python awaitable."""
    if promise.done():
        return
    target = value.unwrap() if isinstance(value, PyProxy) else value
    if not hasattr(target, "__await__"):
        promise.set_result(from_js(value))
        return
    inner = promise_of(_value_of(target))
    _follow(inner, promise)


async def _value_of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _follow(inner: Promise | Settled, promise: Promise) -> None:
    def copy(source: Any) -> None:
        if promise.done():
            return
        failure = source.exception()
        if failure is None:
            promise.set_result(from_js(js_value(source.result())))
        else:
            _reject(promise, failure)

    if isinstance(inner, Settled):
        copy(inner)
    else:
        inner.add_done_callback(copy)


def _reject(promise: Promise, exc: BaseException) -> None:
    if not promise.done():
        promise.set_exception(exc)
        promise._log_traceback = False  # a rejection that nobody handles is silent


def _functions(promise: Promise) -> tuple[JsFunction, JsFunction]:
    """The two functions that settle `promise`; only the first call of either counts."""
    is_called = False

    def once(settle_it: Callable[[], None]) -> None:
        nonlocal is_called
        if not is_called:
            is_called = True
            settle_it()

    def resolve(value: JsValue = None) -> None:
        once(lambda: _resolve(promise, value))

    def reject(reason: JsValue = None) -> None:
        once(lambda: _reject(promise, to_exception(reason)))

    return JsFunction("", resolve), JsFunction("", reject)


def _construct(executor: JsValue = None) -> Any:
    if not (isinstance(executor, JsProxy) and executor.typeof == "function"):
        raise type_error(f"Promise resolver {to_string(executor)} is not a function")
    promise = _fresh()
    resolve, reject = _functions(promise)
    try:
        callback(executor)(resolve, reject)
    except Exception as exc:
        reject(reason_of(exc))
    return promise


def _with_resolvers() -> JsObject:
    promise = _fresh()
    resolve, reject = _functions(promise)
    return JsObject({"promise": js_value(promise), "resolve": resolve, "reject": reject})


def _resolved(value: JsValue = None) -> Any:
    if isinstance(value, Settled):
        return value
    if isinstance(value, PyProxy) and isinstance(value.unwrap(), Promise):
        return value.unwrap()
    promise = _fresh()
    _resolve(promise, value)
    return promise


def _try(function: JsValue = None, *args: JsValue) -> Any:
    promise = _fresh()
    try:
        _resolve(promise, callback(function)(*args))
    except Exception as exc:
        _reject(promise, exc)
    return promise


# --- combinators ---------------------------------------------------------------------------------


def _started(values: JsValue) -> list[Promise | Settled]:
    """Every member as a promise that runs already."""
    members: Iterable[JsValue] | None = values if isinstance(values, str) else iterate(values)
    if members is None:
        raise type_error(f"{to_string(values)} is not iterable")
    return [promise_of(settle(member)) for member in members]


async def _outcome(promise: Promise | Settled) -> tuple[JsValue, Exception | None]:
    try:
        return js_value(await promise), None
    except Exception as exc:
        return None, exc


@promise_method
async def _all(values: JsValue = None) -> JsArray:
    promises = _started(values)
    if all(isinstance(promise, Settled) for promise in promises):
        return JsArray([js_value(await promise) for promise in promises])
    outcomes = await asyncio.gather(*map(_value_of, promises))
    return JsArray(list(map(js_value, outcomes)))


@promise_method
async def _all_settled(values: JsValue = None) -> JsArray:
    results: list[JsValue] = []
    for promise in _started(values):
        value, failure = await _outcome(promise)
        if failure is None:
            results.append(JsObject({"status": "fulfilled", "value": value}))
        else:
            results.append(JsObject({"status": "rejected", "reason": reason_of(failure)}))
    return JsArray(results)


def _race(values: JsValue = None) -> Promise:
    first = _fresh()
    for promise in _started(values):
        _follow(promise, first)
    return first


def _any(values: JsValue = None) -> Promise:
    first = _fresh()
    promises = _started(values)
    failures: list[JsValue] = [None] * len(promises)
    left = len(promises)

    def settled(i: int, source: Any) -> None:
        nonlocal left
        failure = source.exception()
        if failure is None:
            _resolve(first, js_value(source.result()))
            return
        failures[i] = reason_of(failure)
        left -= 1
        if not left:
            _reject(first, _all_failed(failures))

    if not promises:
        _reject(first, _all_failed([]))
    for i, promise in enumerate(promises):
        if isinstance(promise, Settled):
            settled(i, promise)
        else:
            promise.add_done_callback(lambda source, i=i: settled(i, source))  # type: ignore[misc]
    return first


def _all_failed(failures: list[JsValue]) -> JsException:
    return JsException(
        "AggregateError", "All promises were rejected", errors=JsArray(list(failures))
    )


_STATICS: Final[Mapping[str, Callable[..., JsValue]]] = {
    "all": _all,
    "allSettled": _all_settled,
    "any": _any,
    "race": _race,
    "reject": lambda reason=None: rejected(to_exception(reason)),
    "resolve": _resolved,
    "try": _try,
    "withResolvers": _with_resolvers,
}
