"""`Math`, `Number`, `BigInt`, `Boolean`, and the number functions of the global scope.

Source: ECMAScript.
"""

from __future__ import annotations

import math
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    MAX_SAFE_INTEGER,
    JsBigInt,
    JsBoxed,
    JsProxy,
    JsValue,
    js_truthy,
    range_error,
    string_to_number,
    syntax_error,
    to_integer,
    to_number,
    to_string,
    type_error,
)
from emulator.worker.javascript.builders import functions, js_class, namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.runtime.host import Host

__all__ = ["number_globals"]

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def number_globals(host: Callable[[], Host]) -> dict[str, Any]:
    plain = functions(
        {
            "parseInt": _parse_int,
            "parseFloat": _parse_float,
            "isNaN": lambda value=None: math.isnan(to_number(value)),
            "isFinite": lambda value=None: math.isfinite(to_number(value)),
        }
    )
    return {
        **plain,
        "NaN": math.nan,
        "Infinity": math.inf,
        "Math": namespace(_math(host), _CONSTANTS),
        "Number": js_class(
            "Number",
            lambda value=0: JsBoxed(_number(value)),
            {
                "isInteger": _is_integer,
                "isSafeInteger": lambda x=None: _is_integer(x) and abs(x) <= MAX_SAFE_INTEGER,
                "isFinite": lambda x=None: _is_number(x) and math.isfinite(x),
                "isNaN": lambda x=None: _is_number(x) and math.isnan(x),
                "parseFloat": _parse_float,
                "parseInt": _parse_int,
            },
            values={
                "EPSILON": sys.float_info.epsilon,
                "MAX_SAFE_INTEGER": MAX_SAFE_INTEGER,
                "MAX_VALUE": sys.float_info.max,
                "MIN_SAFE_INTEGER": -MAX_SAFE_INTEGER,
                "MIN_VALUE": 5e-324,
                "NEGATIVE_INFINITY": -math.inf,
                "NaN": math.nan,
                "POSITIVE_INFINITY": math.inf,
            },
            plain=lambda value=0: _number(value),
        ),
        "BigInt": js_class(
            "BigInt",
            _no_new_bigint,
            {"asIntN": _as_int, "asUintN": _as_uint},
            plain=_bigint,
        ),
        "Boolean": js_class(
            "Boolean",
            lambda value=None: JsBoxed(js_truthy(value)),
            plain=lambda value=None: js_truthy(value),
        ),
    }


def _number(value: JsValue) -> float:
    return float(value) if isinstance(value, JsBigInt) else to_number(value)


def _is_number(value: JsValue) -> bool:
    return type(value) in (int, float)


def _is_integer(value: JsValue = None) -> bool:
    return _is_number(value) and math.isfinite(value) and float(value).is_integer()


def _parse_float(text: JsValue = None) -> float:
    """The number that a text begins with, NaN if it begins with none."""
    source = to_string(text).strip()
    for end in range(min(len(source), 400), 0, -1):
        head = source[:end]
        if head[-1] in "0123456789.y" and head[:2].lower() not in ("0x", "0o", "0b"):
            number = string_to_number(head)
            if number == number:
                return number
    return math.nan


def _parse_int(text: JsValue = None, radix: JsValue = None) -> float:
    source = to_string(text).strip().lower()
    sign = -1.0 if source[:1] == "-" else 1.0
    source = source.lstrip("+-") if source[:1] in ("+", "-") else source
    base = 0 if radix is None else to_integer(radix)
    if base in (0, 16) and source[:2] == "0x":
        source, base = source[2:], 16
    base = base or 10
    if not 2 <= base <= 36:
        return math.nan
    allowed = _DIGITS[:base]
    count = next((i for i, c in enumerate(source) if c not in allowed), len(source))
    return sign * float(int(source[:count], base)) if count else math.nan


# --- Math ----------------------------------------------------------------------------------------

_CONSTANTS: Final = {
    "E": math.e,
    "LN10": math.log(10),
    "LN2": math.log(2),
    "LOG10E": math.log10(math.e),
    "LOG2E": math.log2(math.e),
    "PI": math.pi,
    "SQRT1_2": math.sqrt(0.5),
    "SQRT2": math.sqrt(2),
}


def _real(function: Callable[[float], float]) -> Callable[..., float]:
    """A function of one number: NaN outside its domain, infinite where it overflows."""

    def call(value: JsValue = None) -> float:
        number = to_number(value)
        try:
            return float(function(number))
        except ValueError:
            return math.nan
        except OverflowError:
            return math.copysign(math.inf, number)

    return call


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    """Rounding, which leaves NaN, the infinities and the sign of zero alone."""

    def call(number: float) -> float:
        return math.copysign(float(function(number)), number) if math.isfinite(number) else number

    return call


def _log(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else function(x)


def _round(number: float) -> float:
    # Halves go up, also those below zero.
    if not math.isfinite(number) or abs(number) >= 2**52:
        return number
    return math.copysign(float(math.floor(number + 0.5)), number)


def _cbrt(number: float) -> float:
    return math.copysign(abs(number), number) if number in (0, math.inf) else math.cbrt(number)


def _fround(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _int32(value: JsValue) -> int:
    number = to_number(value)
    whole = int(number) & 0xFFFFFFFF if math.isfinite(number) else 0
    return whole - 2**32 if whole >= 2**31 else whole


def _imul(one: JsValue = None, other: JsValue = None) -> int:
    return _int32(float((_int32(one) * _int32(other)) & 0xFFFFFFFF))


def _extreme(pick: Callable[..., float], empty: float) -> Callable[..., float]:
    def call(*values: JsValue) -> float:
        numbers = [to_number(value) for value in values]
        return math.nan if any(x != x for x in numbers) else pick(numbers, default=empty)

    return call


def _pow(base: JsValue = None, exponent: JsValue = None) -> float:
    x, y = to_number(base), to_number(exponent)
    if y == 0:
        return 1.0
    if (abs(x) == 1 and math.isinf(y)) or y != y:
        return math.nan
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 else math.inf
    except ValueError:
        return math.inf if x == 0 else math.nan


_REAL: Final[Mapping[str, Callable[[float], float]]] = {
    "abs": abs,
    "acos": math.acos,
    "acosh": math.acosh,
    "asin": math.asin,
    "asinh": math.asinh,
    "atan": math.atan,
    "atanh": lambda x: math.copysign(math.inf, x) if abs(x) == 1 else math.atanh(x),
    "cbrt": _cbrt,
    "ceil": _whole(math.ceil),
    "clz32": lambda x: 32 - (_int32(x) & 0xFFFFFFFF).bit_length(),
    "cos": math.cos,
    "cosh": lambda x: math.cosh(abs(x)),
    "exp": math.exp,
    "expm1": math.expm1,
    "floor": _whole(math.floor),
    "fround": _fround,
    "log": _log(math.log),
    "log10": _log(math.log10),
    "log1p": lambda x: -math.inf if x == -1 else math.log1p(x),
    "log2": _log(math.log2),
    "round": _round,
    "sign": lambda x: x if x == 0 or x != x else math.copysign(1.0, x),
    "sin": math.sin,
    "sinh": math.sinh,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
    "trunc": _whole(math.trunc),
}


def _math(host: Callable[[], Host]) -> dict[str, Callable[..., JsValue]]:
    def random() -> float:
        return host().random.random()

    return {
        **{name: _real(function) for name, function in _REAL.items()},
        "atan2": lambda y=None, x=None: math.atan2(to_number(y), to_number(x)),
        "hypot": lambda *values: math.hypot(*map(to_number, values)),
        "imul": _imul,
        "max": _extreme(max, -math.inf),
        "min": _extreme(min, math.inf),
        "pow": _pow,
        "random": random,
    }


# --- BigInt --------------------------------------------------------------------------------------


def _no_new_bigint(*_: JsValue) -> JsValue:
    raise type_error("BigInt is not a constructor")


def _bigint(value: JsValue = None) -> JsBigInt:
    if isinstance(value, bool | JsBigInt):
        return JsBigInt(value)
    if isinstance(value, int | float):
        if not math.isfinite(value) or not float(value).is_integer():
            raise range_error(
                f"The number {to_string(value)} cannot be converted to a BigInt "
                "because it is not an integer"
            )
        return JsBigInt(int(value))
    if value is None or not isinstance(value, str | JsProxy):
        raise type_error(f"Cannot convert {to_string(value)} to a BigInt")
    text = to_string(value).strip()
    try:
        return JsBigInt(int(text or "0", 0 if text[:2].lower() in ("0x", "0o", "0b") else 10))
    except ValueError:
        raise syntax_error(f"Cannot convert {text} to a BigInt") from None


def _as_uint(bits: JsValue = None, value: JsValue = None) -> JsBigInt:
    return JsBigInt(_bigint(value) & ((1 << to_integer(bits)) - 1))


def _as_int(bits: JsValue = None, value: JsValue = None) -> JsBigInt:
    width = to_integer(bits)
    whole = _as_uint(width, value)
    return JsBigInt(whole - (1 << width) if width and whole >> (width - 1) else whole)
