"""The classes of errors, and `DOMException`.

Source: ECMAScript Error; WebIDL DOMException.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import (
    DomException,
    JsArray,
    JsException,
    JsProxy,
    JsValue,
    js_value,
    to_string,
)
from emulator.core.values.errors import ERROR_NAMES
from emulator.web.webidl import has_member, iterate, member
from emulator.worker.javascript.builders import js_class

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["error_globals"]


def error_globals() -> dict[str, Any]:
    statics: dict[str, Callable[..., JsValue]] = {
        "captureStackTrace": lambda *_: None,
        "isError": lambda value=None: isinstance(value, JsException),
    }
    classes: dict[str, Any] = {}
    for name in ERROR_NAMES - {"AggregateError"}:
        construct = _constructor(name)
        classes[name] = js_class(
            name, construct, statics if name == "Error" else None, plain=construct
        )
    return {
        **classes,
        "AggregateError": js_class("AggregateError", _aggregate, plain=_aggregate),
        "DOMException": js_class("DOMException", _dom_exception),
    }


def _constructor(name: str) -> Callable[..., JsException]:
    def construct(message: JsValue = None, options: JsValue = None) -> JsException:
        return _with_cause(JsException(name, _text(message)), options)

    return construct


def _text(message: JsValue) -> str:
    return "" if message is None else to_string(message)


def _with_cause(made: JsException, options: JsValue) -> JsException:
    if isinstance(options, JsProxy) and has_member(options, "cause"):
        made.__dict__["cause"] = member(options, "cause")
    return made


def _aggregate(
    errors: JsValue = None, message: JsValue = None, options: JsValue = None
) -> JsException:
    made = JsException("AggregateError", _text(message))
    made.__dict__["errors"] = JsArray(list(map(js_value, iterate(errors) or ())))
    return _with_cause(made, options)


def _dom_exception(message: JsValue = None, name: JsValue = None) -> JsException:
    if isinstance(name, JsProxy):
        found = member(name, "name")
        return _with_cause(
            DomException("Error" if found is None else to_string(found), _text(message)), name
        )
    return DomException("Error" if name is None else to_string(name), _text(message))
