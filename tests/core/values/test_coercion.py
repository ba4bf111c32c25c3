"""Arguments as the platform takes them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import (
    JsArray,
    JsBigInt,
    JsBoxed,
    JsDate,
    JsException,
    JsFunction,
    JsMap,
    JsObject,
    JsSymbol,
    JsValue,
    coerce_key,
    is_function,
    js_truthy,
    jsnull,
    list_limit,
    options,
    to_int32,
    to_integer,
    to_number,
)
from emulator.core.values.border import PyProxy
from emulator.core.values.callbacks import callback

nan, inf = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("", 0),
        (" 12 ", 12),
        ("0x1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("0x", nan),
        ("0x1_0", nan),
        ("0b12", nan),
        ("1e3", 1000),
        (".5", 0.5),
        ("5.", 5),
        ("+5", 5),
        ("-", nan),
        ("Infinity", inf),
        ("1_000", nan),
        ("٣", nan),
        ("0x٣", nan),
        ("12px", nan),
        (jsnull, 0),
        (None, nan),
        (True, 1),
        (7, 7),
        (1.5, 1.5),
        (JsArray([5]), 5),
        (JsArray(), 0),
        (JsArray([1, 2]), nan),
        (JsObject(), nan),
        (JsDate(5), 5),
        (JsBoxed("3"), 3),
        (PyProxy("4"), 4),
    ],
)
def test_a_number_is_made_as_javascript_makes_it(value: JsValue, number: float) -> None:
    made = to_number(value)
    assert type(made) is float
    assert made == number or (made != made and number != number)


def test_a_bigint_and_a_symbol_are_no_numbers() -> None:
    with pytest.raises(JsException, match="TypeError: Cannot convert a BigInt value to a number"):
        to_number(JsBigInt(1))
    with pytest.raises(JsException, match="TypeError: Cannot convert a Symbol value to a number"):
        to_number(JsSymbol("q"))


@pytest.mark.parametrize(
    ("value", "whole"), [(5, 5), (2.9, 2), (-2.9, -2), ("7", 7), (nan, 0), (inf, 0), (True, 1)]
)
def test_an_integer_is_the_whole_part(value: JsValue, whole: int) -> None:
    assert to_integer(value) == whole
    assert to_int32(value) == whole


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e300, "3000000000"])
def test_an_integer_of_more_than_32_bits_is_refused(value: JsValue) -> None:
    with pytest.raises(JsException) as caught:
        to_int32(value)
    assert caught.value.message == (
        "Value out of range. Must be between -2147483648 and 2147483647 (inclusive)."
    )
    assert to_int32(2**31 - 1) == 2**31 - 1


@pytest.mark.parametrize(("value", "limit"), [(None, None), (2.9, 2), ("2", 2), (True, 1)])
def test_a_limit_is_truncated(value: JsValue, limit: int | None) -> None:
    assert list_limit(value) == limit


@pytest.mark.parametrize("value", [0, -1, nan, inf, "x", jsnull, 0.5])
def test_a_limit_is_positive(value: JsValue) -> None:
    with pytest.raises(JsException, match=r"TypeError: List limit must be positive\."):
        list_limit(value)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (5, "5"),
        (jsnull, "null"),
        (None, "undefined"),
        (True, "true"),
        (JsObject(), "[object Object]"),
        (JsArray(["a", "b"]), "a,b"),
        ("", ""),
    ],
)
def test_a_key_is_made_a_string(value: JsValue, key: str) -> None:
    assert coerce_key(value) == key


def test_a_symbol_is_no_key() -> None:
    with pytest.raises(JsException, match="TypeError: Cannot convert a Symbol value to a string"):
        coerce_key(JsSymbol("q"))


def given(value: Any, **kwargs: Any) -> Any:
    return options(
        value,
        kwargs,
        method="list",
        owner="DurableObjectStorage",
        position=1,
        type_name="ListOptions",
    )


class _Settings:
    limit = 2**60


def test_options_come_from_any_object() -> None:
    assert given(None) == {}
    assert given(jsnull) == {}
    assert given(None, limit=2) == {"limit": 2}
    assert given(JsObject({"limit": 2}))["limit"] == 2
    assert given(JsObject({"limit": 2}).as_object_map())["limit"] == 2
    assert given({"limit": 2, 5: 1}) == {"limit": 2, "5": 1}
    assert given(PyProxy({"limit": 2}))["limit"] == 2
    assert given(JsFunction("f", lambda: None)) == {}
    assert given(JsMap([("limit", 2)])) == {}


def test_keyword_arguments_behind_an_argument_are_not_read() -> None:
    assert given({"limit": 2}, limit=3) == {"limit": 2}


def test_an_array_lists_backwards() -> None:
    assert js_truthy(given(JsArray()).get("reverse"))


def test_a_python_object_offers_its_attributes() -> None:
    found = given(_Settings())
    assert isinstance(found["limit"], JsBigInt)
    assert found.get("start") is None
    assert (list(found), len(found)) == ([], 0)


@pytest.mark.parametrize("value", [5, 1.5, "s", True, JsBigInt(1), JsSymbol("q")])
def test_a_primitive_is_no_options(value: JsValue) -> None:
    with pytest.raises(JsException) as caught:
        given(value)
    assert str(caught.value) == (
        "TypeError: Failed to execute 'list' on 'DurableObjectStorage': "
        "parameter 1 is not of type 'ListOptions'."
    )


@pytest.mark.parametrize("value", [1, "x", True, JsArray(), JsObject(), PyProxy([]), JsBigInt(2)])
def test_true_values(value: JsValue) -> None:
    assert js_truthy(value)


@pytest.mark.parametrize("value", [0.0, nan, "", False, None, jsnull, JsBigInt()])
def test_false_values(value: JsValue) -> None:
    assert not js_truthy(value)


def test_functions_are_known() -> None:
    assert is_function(JsFunction("f", lambda: None))
    assert is_function(PyProxy(len))
    assert not is_function(PyProxy([]))
    assert not is_function(JsObject())
    assert not is_function(5)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, "number 5"),
        (None, "undefined"),
        (jsnull, "object null"),
        ("x", 'string "x"'),
        (True, "boolean true"),
        (JsBigInt(3), "bigint 3"),
        (JsObject(), "object"),
        (JsSymbol(), "symbol"),
    ],
)
def test_what_is_no_function_is_named(value: JsValue, shown: str) -> None:
    with pytest.raises(JsException) as caught:
        callback(value)
    assert str(caught.value) == f"TypeError: {shown} is not a function"


def test_a_callback_gets_and_gives_converted_values() -> None:
    call = callback(lambda a, b: [a, b])
    result = call(2.0, PyProxy({"x": 1}))
    assert isinstance(result, PyProxy)
    assert result.unwrap() == [2, {"x": 1}]
