from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import JsArray, JsException, PyProxy, jsnull
from emulator.web.abort import (
    AbortController,
    AbortSignal,
    abort_signal_abort,
    abort_signal_any,
    abort_signal_timeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def test_a_controller_aborts_its_signal_once() -> None:
    controller, log = AbortController(), list[Any]()
    signal = controller.signal
    assert (signal.aborted, signal.reason, signal.onabort) == (False, None, jsnull)
    signal.addEventListener("abort", PyProxy(lambda e: log.append("listener")))
    signal.onabort = lambda e: log.append((e.type, e.isTrusted, e.target is signal))
    controller.abort()
    controller.abort("z")
    assert log == [("abort", True, True), "listener"]
    assert (signal.aborted, signal.reason.name, signal.reason.code) == (True, "AbortError", 20)
    assert signal.reason.message == "The operation was aborted"


def test_a_reason_is_kept() -> None:
    controller = AbortController()
    controller.abort(jsnull)
    assert controller.signal.reason is jsnull
    assert abort_signal_abort("q").reason == "q"
    thing = {"a": 1}
    other = AbortController()
    other.abort(thing)
    assert other.signal.reason is thing


def test_throw_if_aborted() -> None:
    controller = AbortController()
    controller.signal.throwIfAborted()
    controller.abort()
    assert refused(controller.signal.throwIfAborted) == "AbortError: The operation was aborted"
    other = AbortController()
    other.abort(KeyError("python"))
    with pytest.raises(KeyError):
        other.signal.throwIfAborted()


def test_a_signal_cannot_be_constructed() -> None:
    assert refused(AbortSignal) == "TypeError: Illegal constructor"


def test_any_follows_the_first() -> None:
    first, second = AbortController(), AbortController()
    signal = abort_signal_any(JsArray([first.signal, second.signal]))
    assert not signal.aborted
    second.abort("w")
    first.abort("late")
    assert (signal.aborted, signal.reason) == (True, "w")
    assert abort_signal_any(JsArray([abort_signal_abort(5)])).reason == 5
    assert abort_signal_any(JsArray()).aborted is False
    assert abort_signal_any(PyProxy([first.signal])).aborted


def test_a_timeout_uses_the_runtimes_timer() -> None:
    timers: list[tuple[float, Callable[[], None]]] = []
    signal = abort_signal_timeout(5, set_timer=lambda *timer: timers.append(timer))
    abort_signal_timeout(-1, set_timer=lambda *timer: timers.append(timer))
    abort_signal_timeout("x", set_timer=lambda *timer: timers.append(timer))
    assert [delay for delay, _ in timers] == [5, 0, 0]
    timers[0][1]()
    assert (signal.reason.name, signal.reason.message, signal.reason.code) == (
        "TimeoutError",
        "The operation was aborted due to timeout",
        23,
    )


def test_the_arguments_are_checked() -> None:
    assert refused(lambda: abort_signal_timeout(set_timer=print)) == (
        "TypeError: Failed to execute 'timeout' on 'AbortSignal': "
        "parameter 1 is not of type 'number'."
    )
    assert refused(lambda: abort_signal_any(5)) == (
        "TypeError: Failed to execute 'any' on 'AbortSignal': parameter 1 is not of type 'Array'."
    )
    assert refused(lambda: abort_signal_any(JsArray([1]))) == (
        "TypeError: Incorrect type for array element 0: "
        "the provided value is not of type 'AbortSignal'."
    )


def test_a_follower_can_be_taken_back() -> None:
    controller, log = AbortController(), list[str]()
    controller.signal._on_abort(lambda: log.append("stays"))
    remove = controller.signal._on_abort(lambda: log.append("goes"))
    remove()
    controller.abort()
    remove()
    assert log == ["stays"]
