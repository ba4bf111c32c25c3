"""Functions and classes of `js`, made from Python functions over JavaScript values.

Surplus arguments are dropped, as JavaScript does.
"""

from __future__ import annotations

import inspect
import keyword
from typing import TYPE_CHECKING, Any, NoReturn

from emulator.core.values import (
    JsClass,
    JsFunction,
    JsObject,
    JsValue,
    from_js,
    js_value,
    type_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GlobalClass", "HostFunction", "functions", "js_class", "namespace", "no_plain_call"]


class GlobalClass(JsClass, js_name="Function"):
    """A class of `js`: `.new(...)` makes an instance, a call without it does what `plain` says."""

    def __init__(
        self, name: str, construct: Callable[..., JsValue], plain: Callable[..., JsValue]
    ) -> None:
        super().__init__(name, construct)
        self._plain = plain

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = (*args, JsObject({key: js_value(value) for key, value in kwargs.items()}))
        return from_js(self._plain(*map(js_value, args)))


class HostFunction(JsFunction, js_name="Function"):
    """A function that takes Python values as they are: it needs to see what is borrowed."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)


def _limited(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, called with no more positional arguments than it takes."""
    target: Any = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    code = getattr(target, "__code__", None)
    if code is None and isinstance(function, type):
        count = 0  # a class without a constructor of its own
    elif code is None or code.co_flags & inspect.CO_VARARGS:
        return function
    else:
        count = code.co_argcount - (1 if isinstance(function, type) else 0)

    def call(*args: Any) -> Any:
        return function(*args[:count])

    return call


def functions(members: Mapping[str, Callable[..., JsValue]]) -> dict[str, JsValue]:
    """The members as JavaScript functions, by their names."""
    return {name: JsFunction(name, _limited(function)) for name, function in members.items()}


def namespace(
    members: Mapping[str, Callable[..., JsValue]], values: Mapping[str, JsValue] | None = None
) -> JsObject:
    """An object such as `Math`: functions and values."""
    return JsObject(functions(members) | dict(values or {}))


def no_plain_call(name: str) -> Callable[..., NoReturn]:
    """What a class does that must be called with `new`."""

    def refuse(*_: JsValue) -> NoReturn:
        raise type_error(
            f"Failed to construct '{name}': Please use the 'new' operator, this object "
            "constructor cannot be called as a function."
        )

    return refuse


def js_class(
    name: str,
    construct: Callable[..., JsValue],
    statics: Mapping[str, Callable[..., JsValue]] | None = None,
    *,
    values: Mapping[str, JsValue] | None = None,
    plain: Callable[..., JsValue] | None = None,
) -> GlobalClass:
    """A class with static methods and static values.

    Args:
        plain: what a call without `new` does; it is refused by default.
    """
    made = GlobalClass(
        name,
        _limited(construct),
        no_plain_call(name) if plain is None else _limited(plain),
    )
    members = made.__dict__
    members.update(values or {})
    for key, function in functions(statics or {}).items():
        members[key] = function
        if keyword.iskeyword(key):  # Pyodide: a word that Python keeps for itself is `from_`
            members[f"{key}_"] = function
    return made
