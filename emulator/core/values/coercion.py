"""Arguments as the platform takes them: numbers, keys, options.

Source: ECMAScript ToNumber, ToBoolean; the runtime's WebIDL; spec storage §1.2-§1.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.border import PyProxy, js_value
from emulator.core.values.boxed import JsBoxed, JsSymbol
from emulator.core.values.callbacks import is_function, js_truthy
from emulator.core.values.dates import JsDate
from emulator.core.values.errors import illegal_parameter, type_error
from emulator.core.values.objects import JsObject, ObjectMap
from emulator.core.values.proxies import JsBigInt, JsNull, JsProxy, JsValue
from emulator.core.values.text import string_to_number, to_string

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "coerce_key",
    "is_function",
    "js_truthy",
    "list_limit",
    "options",
    "to_int32",
    "to_integer",
    "to_number",
]

_INT32_MIN: Final = -(2**31)
_INT32_MAX: Final = 2**31 - 1


def to_number(value: JsValue) -> float:
    """ToNumber: NaN for what is no number.

    Raises:
        JsException: TypeError for a BigInt or a symbol.
    """
    kind = type(value)
    if kind is float:
        return float(value)
    if kind is int or kind is bool:
        return float(value)
    if value is None:
        return math.nan
    if isinstance(value, JsNull):
        return 0.0
    if isinstance(value, JsProxy):
        return _object_to_number(value)
    if isinstance(value, JsBigInt):
        raise type_error("Cannot convert a BigInt value to a number")
    return string_to_number(value)


def _object_to_number(value: JsProxy) -> float:
    if isinstance(value, JsSymbol):
        raise type_error("Cannot convert a Symbol value to a number")
    if isinstance(value, JsDate):
        return value._ms
    if isinstance(value, JsBoxed):
        return to_number(value._value)
    return string_to_number(to_string(value))


def to_integer(value: JsValue) -> int:
    """The whole part of the number; 0 for NaN and the infinities."""
    if type(value) is int:
        return int(value)
    number = to_number(value)
    return int(number) if math.isfinite(number) else 0


def to_int32(value: JsValue) -> int:
    """The platform's `int` argument: `to_integer`, refused if it has more than 32 bits.

    Raises:
        JsException: TypeError, also for a BigInt or a symbol.
    """
    number = to_integer(value)
    if not _INT32_MIN <= number <= _INT32_MAX:
        raise type_error(
            "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."
        )
    return number


def list_limit(value: JsValue) -> int | None:
    """The `limit` of a list: None if it is not given (spec: storage §1.4).

    Raises:
        JsException: TypeError, if it is not positive or out of range.
    """
    if value is None:
        return None
    limit = to_int32(value)
    if limit <= 0:
        raise type_error("List limit must be positive.")
    return limit


def coerce_key(value: JsValue) -> str:
    """A string argument: anything is made a string, but not a symbol.

    Raises:
        JsException: TypeError for a symbol.
    """
    if isinstance(value, JsSymbol):
        raise type_error("Cannot convert a Symbol value to a string")
    return to_string(value)


class _Attributes(Mapping[str, JsValue]):
    """The properties of a Python object that stands where options are expected."""

    __slots__ = ("_target",)

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getitem__(self, key: str) -> JsValue:
        try:
            return js_value(getattr(self._target, key))
        except AttributeError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NO_OPTIONS: Final[Mapping[str, JsValue]] = {}


def options(
    value: Any,
    kwargs: Mapping[str, Any],
    *,
    method: str,
    owner: str,
    position: int,
    type_name: str,
) -> Mapping[str, JsValue]:
    """The members of an options argument, as JavaScript values.

    Any object is taken, null and undefined as no options. Keyword arguments are the options where
    no argument stands; behind one they would be an argument too many, which nobody reads.

    Raises:
        JsException: TypeError, naming `position`, for a primitive.
    """
    if value is None:
        return {name: js_value(x) for name, x in kwargs.items()} if kwargs else _NO_OPTIONS
    inside = js_value(value)
    if isinstance(inside, JsNull):
        return _NO_OPTIONS
    if not isinstance(inside, JsProxy) or isinstance(inside, JsSymbol):
        raise illegal_parameter(method, owner, position, type_name)
    return _members(inside)


def _members(value: JsProxy) -> Mapping[str, JsValue]:
    if isinstance(value, JsObject):
        return value._members
    if isinstance(value, ObjectMap):
        return value._object._members
    if isinstance(value, JsArray):
        # Sic: an array lists backwards, because Array.prototype.reverse is truthy.
        return {"reverse": value}
    if isinstance(value, PyProxy):
        target = value.unwrap()
        if isinstance(target, Mapping):
            return {to_string(js_value(key)): js_value(x) for key, x in target.items()}
        return _Attributes(target)
    return value._own()
