"""Event, its kinds, and EventTarget.

A listener is kept as the proxy it came as: `create_proxy(f)` can be removed again, a plain function
is borrowed, dies with the call that brought it and never fires. An attribute `on<type>` persists.

Source: spec python-surface §2.2, §2.5; texts and order measured on workerd.
Proved by tests/web/test_events.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from emulator.core.compat import LISTENER, warn
from emulator.core.values import (
    JsArray,
    JsNull,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    dom_exception,
    from_js,
    illegal_parameter,
    js_value,
    jsnull,
    to_string,
    type_error,
)
from emulator.core.values.callbacks import js_truthy
from emulator.web.webidl import (
    MISSING,
    invoke,
    invoke_now,
    is_callable,
    is_object,
    member,
    options_of,
    refused_construction,
    to_integer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CloseEvent", "CustomEvent", "ErrorEvent", "Event", "EventTarget", "MessageEvent"]

NONE, CAPTURING_PHASE, AT_TARGET, BUBBLING_PHASE = 0, 1, 2, 3


class Event(JsProxy, js_name="Event"):
    """Something that happened. `_of` makes the runtime's own, which are trusted."""

    NONE, CAPTURING_PHASE, AT_TARGET, BUBBLING_PHASE = 0, 1, 2, 3
    composed = bubbles = cancelable = isTrusted = defaultPrevented = cancelBubble = False
    target: Any = None
    currentTarget: Any = None
    eventPhase = NONE
    timeStamp = 0
    _is_dispatched = _is_stopped = False

    def __init__(self, kind: JsValue = MISSING, init: JsValue = None) -> None:
        if kind is MISSING:
            raise refused_construction(self.js_name, 1, "string")
        self.type = to_string(kind)
        if is_object(init):
            self.bubbles = js_truthy(member(init, "bubbles"))
            self.cancelable = js_truthy(member(init, "cancelable"))
            self.composed = js_truthy(member(init, "composed"))
            self._fill(init)

    @classmethod
    def _of(cls, kind: str, **members: JsValue) -> Self:
        event = cls(kind, JsObject(members))
        event.isTrusted = True
        return event

    def _fill(self, init: JsValue) -> None:
        """Take what a kind of event adds from its init object."""

    @property
    def srcElement(self) -> Any:
        return self.target

    @property
    def returnValue(self) -> bool:
        return not self.defaultPrevented

    def preventDefault(self) -> None:
        self.defaultPrevented = True

    def stopPropagation(self) -> None:
        self.cancelBubble = True

    def stopImmediatePropagation(self) -> None:
        self.cancelBubble = self._is_stopped = True

    def composedPath(self) -> JsArray:
        return JsArray([self.target] if self._is_dispatched else [])


class CustomEvent(Event, js_name="CustomEvent"):
    detail: Any = None

    def _fill(self, init: JsValue) -> None:
        self.detail = from_js(member(init, "detail"))


class MessageEvent(Event, js_name="MessageEvent"):
    data: Any = jsnull
    origin = lastEventId = ""
    source: Any = jsnull

    def _fill(self, init: JsValue) -> None:
        data = member(init, "data")
        self.data = jsnull if data is None else from_js(data)

    @property
    def ports(self) -> JsArray:
        return JsArray()


class CloseEvent(Event, js_name="CloseEvent"):
    code = 0
    reason = ""
    wasClean = False

    def _fill(self, init: JsValue) -> None:
        self.code = to_integer(member(init, "code"))
        reason = member(init, "reason")
        self.reason = "" if reason is None else to_string(reason)
        self.wasClean = js_truthy(member(init, "wasClean"))


class ErrorEvent(Event, js_name="ErrorEvent"):
    message = filename = ""
    lineno = colno = 0
    error: Any = None

    def _fill(self, init: JsValue) -> None:
        message, filename = member(init, "message"), member(init, "filename")
        self.message = "" if message is None else to_string(message)
        self.filename = "" if filename is None else to_string(filename)
        self.lineno = to_integer(member(init, "lineno"))
        self.colno = to_integer(member(init, "colno"))
        self.error = from_js(member(init, "error"))


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    handler: JsValue
    is_once: bool

    @property
    def is_dead(self) -> bool:
        return isinstance(self.handler, PyProxy) and self.handler.is_borrowed

    def call(self, event: Event) -> None:
        if is_callable(self.handler):
            invoke(self.handler, event)
            return
        method = member(self.handler, "handleEvent")
        if is_callable(method):
            invoke_now(method, event)


class EventTarget(JsProxy, js_name="EventTarget"):
    """Whatever events happen to."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[_Listener]] = {}

    def addEventListener(
        self,
        kind: Any = MISSING,
        handler: Any = MISSING,
        options: Any = None,
        **keywords: Any,
    ) -> None:
        if kind is MISSING:
            raise illegal_parameter("addEventListener", "EventTarget", 1, "string")
        proxy = _handler("addEventListener", handler)
        if proxy is None:
            return
        if isinstance(proxy, PyProxy) and proxy.is_borrowed:
            warn(LISTENER, "A plain function given to addEventListener() is never called.")
        extra = options_of(options, keywords)
        _refuse_capture(extra)
        listeners = self._listeners.setdefault(to_string(js_value(kind)), [])
        if any(known.handler is proxy for known in listeners):
            return
        listener = _Listener(proxy, js_truthy(member(extra, "once")))
        signal = member(extra, "signal")
        follow: Callable[[Callable[[], None]], object] | None = getattr(signal, "_on_abort", None)
        if follow is not None:
            follow(lambda: _discard(listeners, listener))
        listeners.append(listener)

    def removeEventListener(
        self, kind: Any = MISSING, handler: Any = MISSING, options: Any = None, **keywords: Any
    ) -> None:
        del options, keywords
        proxy = _handler("removeEventListener", handler)
        listeners = self._listeners.get(to_string(js_value(kind)), [])
        listeners[:] = [known for known in listeners if known.handler is not proxy]

    def dispatchEvent(self, event: Any = MISSING) -> bool:
        """Call the listeners; False if one of them prevented the default."""
        if not isinstance(event, Event):
            raise illegal_parameter("dispatchEvent", "EventTarget", 1, "Event")
        if event._is_dispatched:
            raise dom_exception("InvalidStateError", "The event is already being dispatched.")
        self._dispatch(event)
        return not event.defaultPrevented

    def _has_listeners(self, kind: str) -> bool:
        return bool(self._listeners.get(kind)) or is_callable(self._attribute_handler(kind))

    def _attribute_handler(self, kind: str) -> JsValue:
        return js_value(self.__dict__.get(f"on{kind}"))

    def _dispatch(self, event: Event) -> None:
        """Deliver `event`, the `on…` attribute first. A listener's exception ends the delivery."""
        event.target = event.currentTarget = self
        event.eventPhase, event._is_dispatched = AT_TARGET, True
        try:
            handler = self._attribute_handler(event.type)
            if is_callable(handler):
                # An attribute's function is kept by the assignment: never borrowed.
                invoke_now(handler, event)
            for listener in list(self._listeners.get(event.type, ())):
                if event._is_stopped:
                    break
                self._deliver(listener, event)
        finally:
            event.eventPhase, event._is_dispatched = NONE, False

    def _deliver(self, listener: _Listener, event: Event) -> None:
        listeners = self._listeners[event.type]
        if listener.is_dead or listener not in listeners:
            return
        if listener.is_once:
            listeners.remove(listener)
        listener.call(event)


def _discard(listeners: list[_Listener], listener: _Listener) -> None:
    if listener in listeners:
        listeners.remove(listener)


def _handler(method: str, handler: Any) -> JsValue:
    """The listener of a call; None for JavaScript's null, which is ignored."""
    value = None if handler is MISSING else js_value(handler)
    if isinstance(value, JsNull):
        return None
    if not is_object(value):
        raise illegal_parameter(method, "EventTarget", 2, "function or HandlerObject")
    return value


def _refuse_capture(options: JsValue) -> None:
    if options is True:
        raise type_error("addEventListener(): useCapture must be false.")
    if js_truthy(member(options, "capture")):
        raise type_error("addEventListener(): options.capture must be false.")
