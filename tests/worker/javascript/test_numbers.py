"""`Math`, `Number`, `BigInt`, `Boolean`, and the number functions of the global scope."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import JsBigInt, JsException

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("text", "number"),
    [("12px", 12), ("-1.5e3x", -1500), (".5", 0.5), ("Infinityx", INF), ("0x10", 0), ("abc", NAN),
     ("", NAN), (" 7 ", 7), ("1e", 1)],
)  # fmt: skip
def test_parse_float(js: Any, text: str, number: float) -> None:
    assert js.parseFloat(text) == pytest.approx(number, nan_ok=True)


@pytest.mark.parametrize(
    ("args", "number"),
    [(("12.9",), 12), (("0x1F",), 31), (("ff", 16), 255), (("0b1",), 0), (("-42abc",), -42),
     (("z", 36), 35), (("9", 8), NAN), (("1", 1), NAN), (("",), NAN), ((None,), NAN)],
)  # fmt: skip
def test_parse_int(js: Any, args: tuple[Any, ...], number: float) -> None:
    assert js.parseInt(*args) == pytest.approx(number, nan_ok=True)


def test_global_tests_coerce_and_those_of_number_do_not(js: Any) -> None:
    assert js.isNaN("abc")
    assert not js.Number.isNaN("abc")
    assert js.isFinite("5")
    assert not js.Number.isFinite("5")
    assert js.Number.isInteger(5.0)
    assert not js.Number.isInteger(5.5)
    assert js.Number.isSafeInteger(2**53 - 1.0)
    assert not js.Number.isSafeInteger(2.0**53)


def test_number_and_boolean(js: Any) -> None:
    assert js.Number("12") == 12
    assert js.Number() == 0
    assert js.Number(JsBigInt(5)) == 5
    assert math.isnan(js.Number("x"))
    assert js.Number.new(5).constructor.name == "Number"
    assert js.Number.MAX_SAFE_INTEGER == 2**53 - 1
    assert js.Boolean(js.Array.new()) is True
    assert js.Boolean("") is False
    assert js.Boolean.new(0).valueOf() is False


@pytest.mark.parametrize(
    ("name", "args", "value"),
    [
        ("floor", (-1.5,), -2), ("ceil", (1.2,), 2), ("trunc", (-1.9,), -1), ("round", (2.5,), 3),
        ("round", (-2.5,), -2), ("sign", (-3,), -1), ("abs", ("-4",), 4), ("max", (1, "3", 2), 3),
        ("max", (), -INF), ("min", (), INF), ("max", (1, None), NAN), ("hypot", (3, 4), 5),
        ("pow", (2, 0.5), math.sqrt(2)), ("pow", (1, INF), NAN), ("pow", (0, -1), INF),
        ("pow", (10, 400), INF), ("pow", (-10, 401), -INF), ("sqrt", (-1,), NAN), ("log", (0,), -INF),
        ("log", (-1,), NAN), ("log10", (1000,), 3), ("log1p", (-1,), -INF), ("exp", (1000,), INF),
        ("cbrt", (27,), 3), ("cbrt", (-INF,), -INF), ("clz32", (1,), 31), ("fround", (5.5,), 5.5),
        ("fround", (1e300,), INF), ("imul", (0xFFFFFFFF, 5), -5), ("atan2", (1, 1), math.pi / 4),
        ("atanh", (1,), INF), ("acosh", (0,), NAN), ("sinh", (1000,), INF), ("floor", (NAN,), NAN),
        ("trunc", (-INF,), -INF), ("sin", (INF,), NAN),
    ],
)  # fmt: skip
def test_math(js: Any, name: str, args: tuple[Any, ...], value: float) -> None:
    assert getattr(js.Math, name)(*args) == pytest.approx(value, nan_ok=True)


def test_math_constants_and_dice(js: Any) -> None:
    assert math.pi == js.Math.PI
    assert math.sqrt(2) == js.Math.SQRT2
    assert 0 <= js.Math.random() < 1
    assert js.Infinity == INF


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("12", 12), (" 0x1f ", 31), ("", 0), (True, 1), (2.0**60, 2**60)]
)
def test_bigint(js: Any, value: Any, number: int) -> None:
    made = js.BigInt(value)
    assert made == number
    assert type(made) is JsBigInt


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.5, "RangeError: The number 1.5 cannot be converted to a BigInt because it is not"),
        ("1.5", "SyntaxError: Cannot convert 1.5 to a BigInt"),
        (None, "TypeError: Cannot convert undefined to a BigInt"),
    ],
)
def test_what_is_no_bigint(js: Any, value: Any, words: str) -> None:
    with pytest.raises(JsException) as caught:
        js.BigInt(value)
    assert str(caught.value).startswith(words)


def test_bigint_wraps(js: Any) -> None:
    assert js.BigInt.asIntN(8, js.BigInt(255)) == -1
    assert js.BigInt.asUintN(8, js.BigInt(-1)) == 255
    with pytest.raises(JsException, match="BigInt is not a constructor"):
        js.BigInt.new(1)
