"""JavaScript's texts: ToString of numbers and values, and its inverse.

Source: ECMAScript Number::toString and StringToNumber; spec storage §1.2, websockets §1.7.
"""

from __future__ import annotations

import math
import re
from typing import Final

from emulator.core.values.proxies import JsNull, JsProxy, JsValue

__all__ = ["is_array_index", "number_to_string", "string_to_number", "to_string"]

_ARRAY_INDEX: Final = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z").match
_DECIMAL: Final = re.compile(
    r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\Z", re.ASCII
).match
_RADIX: Final = {"0x": 16, "0o": 8, "0b": 2}
# What StringToNumber trims: WhiteSpace and LineTerminator of ECMAScript.
_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def is_array_index(key: str) -> bool:
    """Whether a property name is an array index (canonical, 0 to 2**32 - 2)."""
    return bool(key) and key[0] <= "9" and _ARRAY_INDEX(key) is not None and int(key) < 4294967295


def number_to_string(value: float) -> str:
    """The shortest decimal text that reads back as `value`, in JavaScript's notation."""
    if isinstance(value, int):
        if -(10**21) < value < 10**21:
            return str(value)
        value = float(value)
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    return sign + _layout(whole, fraction, int(exponent or 0))


def _layout(whole: str, fraction: str, exponent: int) -> str:
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) + exponent - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{tail}e{'+' if power > 0 else '-'}{abs(power)}"


def string_to_number(text: str) -> float:
    """StringToNumber: NaN where the text is no number, 0 for an empty one."""
    text = text.strip(_SPACE)
    if not text:
        return 0.0
    radix = _RADIX.get(text[:2].lower())
    if radix is not None:
        try:
            # int() would take underscores, signs and digits of other scripts.
            is_plain = text.isascii() and text[2:].isalnum()
            return float(int(text[2:], radix)) if is_plain else math.nan
        except ValueError:
            return math.nan
    if _DECIMAL(text) is None:
        return math.nan
    return float(text)


def to_string(value: JsValue) -> str:  # noqa: PLR0911  # one a type
    """`String(value)`. A Python object that crossed as a proxy gives its own `str()`."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return "undefined"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return number_to_string(value)
    if isinstance(value, JsNull):
        return "null"
    if isinstance(value, JsProxy):
        return value.toString()
    if isinstance(value, int):
        return int.__repr__(value)
    return str(value)
