from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsArray, JsException, JsObject, PyProxy, jsnull
from emulator.web.abort import AbortController
from emulator.web.events import (
    CloseEvent,
    CustomEvent,
    ErrorEvent,
    Event,
    EventTarget,
    MessageEvent,
)


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def kept(function: Any) -> PyProxy:
    """What `create_proxy` gives."""
    return PyProxy(function)


def test_listeners_run_in_order_and_see_the_event() -> None:
    target, log = EventTarget(), list[Any]()
    event = Event("a")
    target.addEventListener(
        "a",
        kept(lambda e: log.append((e is event, e.target is target, e.currentTarget is target))),
    )
    target.addEventListener("a", kept(lambda e: log.append((e.type, e.eventPhase))))
    assert target.dispatchEvent(event) is True
    assert log == [(True, True, True), ("a", 2)]
    assert (event.eventPhase, event.target is target, event.srcElement is target) == (
        0,
        True,
        True,
    )


def test_a_plain_function_never_fires() -> None:
    target, log = EventTarget(), list[Any]()
    target.addEventListener("a", log.append)
    target.dispatchEvent(Event("a"))
    assert log == []


def test_an_attribute_persists_and_runs_first() -> None:
    target, log = EventTarget(), list[Any]()
    target.addEventListener("a", kept(lambda e: log.append("listener")))
    setattr(target, "ona", lambda e: log.append("attribute"))  # noqa: B010
    target.dispatchEvent(Event("a"))
    target.dispatchEvent(Event("a"))
    assert log == ["attribute", "listener"] * 2


def test_a_listener_is_added_once_and_removed_by_its_proxy() -> None:
    target, log = EventTarget(), list[Any]()
    proxy = kept(log.append)
    target.addEventListener("a", proxy)
    target.addEventListener("a", proxy)
    target.removeEventListener("a", log.append)
    target.dispatchEvent(Event("a"))
    assert len(log) == 1
    target.removeEventListener("a", proxy)
    target.dispatchEvent(Event("a"))
    assert len(log) == 1


def test_once_and_signal_take_a_listener_away() -> None:
    target, log = EventTarget(), list[str]()
    controller = AbortController()
    target.addEventListener("a", kept(lambda e: log.append("once")), once=True)
    target.addEventListener("a", kept(lambda e: log.append("signal")), signal=controller.signal)
    target.dispatchEvent(Event("a"))
    controller.abort()
    target.dispatchEvent(Event("a"))
    assert log == ["once", "signal"]


def test_a_handler_object_works() -> None:
    class Handler:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def handleEvent(self, event: Any) -> None:
            self.seen.append(event.type)

    target, handler = EventTarget(), Handler()
    target.addEventListener("a", kept(handler))
    target.dispatchEvent(Event("a"))
    assert handler.seen == ["a"]


def test_stop_immediate_propagation_ends_the_delivery() -> None:
    target, log = EventTarget(), list[Any]()
    target.addEventListener("a", kept(lambda e: e.stopImmediatePropagation()))
    target.addEventListener("a", kept(log.append))
    target.dispatchEvent(Event("a"))
    assert log == []


def test_changes_during_a_delivery() -> None:
    target, log = EventTarget(), list[Any]()
    late = kept(lambda e: log.append("late"))
    gone = kept(lambda e: log.append("gone"))

    def first(event: Any) -> None:
        log.append("first")
        target.addEventListener("a", late)
        target.removeEventListener("a", gone)

    target.addEventListener("a", kept(first))
    target.addEventListener("a", gone)
    target.dispatchEvent(Event("a"))
    assert log == ["first"]


def test_a_throwing_listener_ends_the_delivery() -> None:
    target, log = EventTarget(), list[Any]()

    def fail(event: Any) -> None:
        raise ValueError("bo")

    target.addEventListener("a", kept(fail))
    target.addEventListener("a", kept(log.append))
    event = Event("a")
    with pytest.raises(ValueError, match="bo"):
        target.dispatchEvent(event)
    assert (log, event.eventPhase) == ([], 0)


def test_a_prevented_default_is_told() -> None:
    target = EventTarget()
    target.addEventListener("a", kept(lambda e: e.preventDefault()))
    event = Event("a", JsObject({"cancelable": True}))
    assert target.dispatchEvent(event) is False
    assert (event.defaultPrevented, event.returnValue) == (True, False)


def test_an_event_is_dispatched_by_one_at_a_time() -> None:
    target, event = EventTarget(), Event("a")
    texts: list[str] = []
    target.addEventListener(
        "a", kept(lambda e: texts.append(refused(lambda: target.dispatchEvent(e))))
    )
    target.addEventListener("a", kept(lambda e: texts.append(str(len(e.composedPath())))))
    target.dispatchEvent(event)
    assert texts == ["InvalidStateError: The event is already being dispatched.", "1"]
    assert list(event.composedPath()) == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: EventTarget().dispatchEvent({}),
            "Failed to execute 'dispatchEvent' on 'EventTarget': parameter 1 is not of type 'Event'.",
        ),
        (
            lambda: EventTarget().addEventListener("a"),
            "Failed to execute 'addEventListener' on 'EventTarget': "
            "parameter 2 is not of type 'function or HandlerObject'.",
        ),
        (
            lambda: EventTarget().addEventListener(),
            "Failed to execute 'addEventListener' on 'EventTarget': "
            "parameter 1 is not of type 'string'.",
        ),
        (
            lambda: EventTarget().addEventListener("a", len, True),
            "addEventListener(): useCapture must be false.",
        ),
        (
            lambda: EventTarget().addEventListener("a", len, capture=True),
            "addEventListener(): options.capture must be false.",
        ),
        (
            Event,
            "Failed to construct 'Event': constructor parameter 1 is not of type 'string'.",
        ),
    ],
)
def test_refusals_have_the_platforms_words(call: Any, text: str) -> None:
    assert refused(call) == f"TypeError: {text}"


def test_null_is_no_listener() -> None:
    target = EventTarget()
    target.addEventListener("a", jsnull)
    assert target.dispatchEvent(Event("a"))


def test_the_members_of_events() -> None:
    made = Event("x", JsObject({"bubbles": True, "cancelable": True, "composed": True}))
    assert (made.bubbles, made.cancelable, made.composed, made.isTrusted) == (
        True,
        True,
        True,
        False,
    )
    assert (Event(5).type, made.target, made.timeStamp, made.AT_TARGET) == ("5", None, 0, 2)
    made.stopPropagation()
    assert made.cancelBubble
    assert Event._of("x").isTrusted
    assert CustomEvent("a", JsObject({"detail": JsObject({"q": 1})})).detail.q == 1
    assert CustomEvent("a").detail is None


def test_the_events_of_sockets() -> None:
    message = MessageEvent("message", JsObject({"data": "x"}))
    assert (message.data, message.origin, message.lastEventId, message.source) == (
        "x",
        "",
        "",
        jsnull,
    )
    assert isinstance(message.ports, JsArray)
    assert MessageEvent("message").data is jsnull
    close = CloseEvent("close", JsObject({"code": 5, "reason": "r", "wasClean": True}))
    assert (close.code, close.reason, close.wasClean) == (5, "r", True)
    assert (CloseEvent("c").code, CloseEvent("c").reason, CloseEvent("c").wasClean) == (
        0,
        "",
        False,
    )
    error = ErrorEvent("error", JsObject({"error": 5, "message": "m"}))
    assert (error.error, error.message, error.filename, error.lineno) == (5, "m", "", 0)
    assert ErrorEvent("c").error is None
