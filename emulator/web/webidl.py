"""What WebIDL does on the way into a JavaScript API: coercions, option members, callbacks, refusals.

Methods of the web classes are called by user code with Python values, or by a constructor with
JavaScript ones; `js_value` is idempotent, so a method converts what it was given and goes on with
JavaScript values. Keyword arguments of a method are its trailing options object.

Source: spec python-surface §2.2, §2.5; the texts are workerd's (measured).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsArray,
    JsException,
    JsFunction,
    JsIterator,
    JsMap,
    JsNull,
    JsObject,
    JsProxy,
    JsSet,
    JsValue,
    PyProxy,
    error,
    from_js,
    js_value,
    string_to_number,
    to_string,
    type_error,
)
from emulator.core.values.buffers import buffer_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MISSING",
    "field_error",
    "has_member",
    "invoke",
    "invoke_now",
    "is_callable",
    "is_object",
    "iterate",
    "lossy_text",
    "member",
    "options_of",
    "reason_of",
    "refused_construction",
    "refused_value",
    "settle",
    "to_exception",
    "to_integer",
    "to_number",
    "usv_string",
    "utf8",
]


class _Missing:
    """The class of `MISSING`: an argument that was not given, which is not the same as undefined."""

    def __repr__(self) -> str:
        return "<not given>"


MISSING: Final[Any] = _Missing()

_BORROWED: Final = (
    "This borrowed proxy was automatically destroyed at the end of a function call. "
    "Try using create_proxy or create_once_callable."
)
_DESTROYED: Final = "Object has already been destroyed"


def is_object(value: JsValue) -> bool:
    """Whether `typeof value` is "object" or "function", null excluded."""
    return isinstance(value, JsProxy)


def is_callable(value: JsValue) -> bool:
    if isinstance(value, PyProxy):
        return callable(value.unwrap())
    return isinstance(value, JsFunction)


def refused_construction(owner: str, position: int, expected: str) -> JsException:
    return type_error(
        f"Failed to construct '{owner}': "
        f"constructor parameter {position} is not of type '{expected}'."
    )


def refused_value(expected: str) -> JsException:
    return type_error(f"Incorrect type: the provided value is not of type '{expected}'.")


def field_error(field: str, dictionary: str, expected: str) -> JsException:
    return type_error(
        f"Incorrect type for the '{field}' field on '{dictionary}': "
        f"the provided value is not of type '{expected}'."
    )


def options_of(options: Any, keywords: dict[str, Any]) -> JsValue:
    """The options of a method call: its argument, or its keyword arguments as an object."""
    if keywords:
        return JsObject({key: js_value(value) for key, value in keywords.items()})
    return js_value(options)


def member(target: JsValue, name: str) -> JsValue:
    """The property `name` of a JavaScript value, undefined where it has none."""
    if isinstance(target, JsObject):
        return target._members.get(name)
    if isinstance(target, PyProxy):
        wrapped = target.unwrap()
        value = wrapped.get(name) if isinstance(wrapped, dict) else getattr(wrapped, name, None)
        return js_value(value)
    if isinstance(target, JsProxy):
        return js_value(getattr(target, name, None))
    return None


def has_member(target: JsValue, name: str) -> bool:
    return member(target, name) is not None


def to_number(value: JsValue) -> float:
    """ToNumber, without BigInt's refusal."""
    if isinstance(value, (bool, int, float)):
        return value
    if value is None:
        return math.nan
    if isinstance(value, JsNull):
        return 0
    return string_to_number(to_string(value))


def to_integer(value: JsValue) -> int:
    """ToIntegerOrInfinity with NaN as 0, for values that are clamped afterwards."""
    number = to_number(value)
    if number != number:
        return 0
    return int(max(-(2.0**63), min(2.0**63, number)))


def usv_string(value: JsValue) -> str:
    """ToString, then every lone surrogate replaced by U+FFFD."""
    text = value if type(value) is str else to_string(value)
    return text if text.isascii() else _scalars(text)


def _scalars(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # By way of UTF-16, where two halves of a pair are the one character that they spell.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def lossy_text(text: str) -> str:
    """`text` after a trip through bytes: a lone surrogate comes back as three U+FFFD.

    Strings that the runtime keeps as UTF-8 (header values, bodies, frames) make that trip.
    """
    return text if text.isascii() else utf8(text).decode("utf-8", "replace")


def utf8(text: str) -> bytes:
    """The bytes of `text`, each lone surrogate as three times U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pairs = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return "".join("\ufffd" * 3 if "\ud800" <= c <= "\udfff" else c for c in pairs).encode()


def iterate(value: JsValue) -> Iterator[JsValue] | None:
    """The members of an iterable object, None for anything else (strings included)."""
    if isinstance(value, JsArray):
        return iter(list(value._items))
    if isinstance(value, (JsMap, JsSet, JsIterator)):
        entries = value.entries() if isinstance(value, JsMap) else value
        return map(js_value, entries)
    if isinstance(value, PyProxy):
        wrapped = value.unwrap()
        return map(js_value, wrapped) if hasattr(wrapped, "__iter__") else None
    if isinstance(value, JsProxy) and hasattr(value, "__iter__") and buffer_bytes(value) is None:
        return map(js_value, value)
    return None


def invoke(function: JsValue, *args: JsValue) -> JsValue:
    """Call a function that JavaScript kept, from JavaScript.

    A borrowed proxy (an argument handed over without `create_proxy`) has died with the call that
    brought it, so keeping one and calling it later fails as on the platform.
    """
    if not isinstance(function, PyProxy):
        return js_value(function(*map(from_js, args)))
    if function.is_borrowed or function.is_destroyed:
        text = _BORROWED if function.is_borrowed else _DESTROYED
        wrapped = function.unwrap()
        raise error(
            f'{text}\nThe object was of type "{type(wrapped).__name__}" and had repr "{wrapped!r}"'
        )
    return invoke_now(function, *args)


def invoke_now(function: JsValue, *args: JsValue) -> JsValue:
    """Call a function during the call that brought it: a borrowed proxy still lives."""
    return js_value(function(*map(from_js, args)))


async def settle(value: JsValue) -> JsValue:
    """`await value` in JavaScript: a promise or a Python awaitable gives its result."""
    target = value.unwrap() if isinstance(value, PyProxy) else value
    if hasattr(target, "__await__"):
        return js_value(await target)
    return value


def to_exception(reason: JsValue) -> BaseException:
    """What Python sees raised when JavaScript throws `reason`."""
    if isinstance(reason, BaseException):
        return reason
    if isinstance(reason, PyProxy) and isinstance(reason.unwrap(), BaseException):
        wrapped: BaseException = reason.unwrap()
        return wrapped
    return error(to_string(reason))


def reason_of(exc: BaseException) -> JsValue:
    """What JavaScript catches when Python raises `exc`."""
    return exc if isinstance(exc, JsException) else PyProxy(exc)
