"""Functions that user code hands to a method of JavaScript's: `array.map(function)`.

Source: ECMAScript; Pyodide calls a Python function with every argument that JavaScript gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.border import from_js, js_value
from emulator.core.values.errors import type_error
from emulator.core.values.proxies import JsBigInt, JsNull, JsProxy, JsValue
from emulator.core.values.text import to_string

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["callback", "is_function", "js_truthy"]


def is_function(value: JsValue) -> bool:
    """Whether `typeof value` is "function"."""
    return isinstance(value, JsProxy) and value.typeof == "function"


def js_truthy(value: JsValue) -> bool:
    """Whether JavaScript takes the value for true: every object, also an empty one."""
    if isinstance(value, JsProxy):
        return True
    return bool(value) and value == value  # NaN is not


def callback(function: Any) -> Callable[..., JsValue]:
    """`function` as JavaScript calls it: it is given and gives back JavaScript values.

    Raises:
        JsException: TypeError, if it is no function.
    """
    inside = js_value(function)
    if not is_function(inside):
        raise type_error(f"{_described(inside)} is not a function")
    target = from_js(inside)

    def call(*args: JsValue) -> JsValue:
        return js_value(target(*map(from_js, args)))

    return call


def _described(value: JsValue) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, JsProxy):
        return value.typeof
    if isinstance(value, str):
        return f'string "{value}"'
    return f"{_TYPE_NAMES[type(value)]} {to_string(value)}"


_TYPE_NAMES: Final = {
    JsNull: "object",
    bool: "boolean",
    int: "number",
    float: "number",
    JsBigInt: "bigint",
}
