"""Functions and classes of JavaScript's world, as Python calls them.

Source: spec python-surface §2.2, §2.5; Pyodide's rules of implicit conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values.border import from_js, js_value
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import JsProxy, JsValue

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JsClass", "JsFunction", "call"]


class JsFunction(JsProxy, js_name="Function"):
    """A function of JavaScript's world. It is called with Python values and converts them.

    `function` receives JavaScript values and gives one back.
    """

    typeof = "function"

    def __init__(self, name: str, function: Callable[..., JsValue]) -> None:
        self.name = name
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call(self._function, args, kwargs)

    def toString(self) -> str:
        return f"function {self.name}() {{ [native code] }}"


class JsClass(JsFunction, js_name="Function"):
    """A constructor: `js.Map.new(...)`. Statics are given as keyword arguments."""

    def __init__(self, name: str, construct: Callable[..., JsValue], **statics: Any) -> None:
        super().__init__(name, construct)
        self.__dict__.update(statics)

    def new(self, *args: Any, **kwargs: Any) -> Any:
        return call(self._function, args, kwargs)


def call(function: Callable[..., JsValue], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call into JavaScript: implicit conversion of arguments, keyword arguments as one object."""
    if kwargs:
        args = (*args, JsObject({key: js_value(value) for key, value in kwargs.items()}))
    return from_js(function(*map(js_value, args)))
