"""Texts of numbers, the borders of a call, errors, functions and boxes."""

from __future__ import annotations

import enum
import math
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.values import (
    HOLE,
    ConversionError,
    DomException,
    JsArray,
    JsBigInt,
    JsBoxed,
    JsClass,
    JsException,
    JsFunction,
    JsMap,
    JsObject,
    JsProxy,
    JsSymbol,
    JsValue,
    PyProxy,
    Uint8Array,
    call,
    data_clone_error,
    error,
    from_js,
    illegal_parameter,
    internal_error,
    is_array_index,
    js_value,
    jsnull,
    number_to_string,
    range_error,
    string_to_number,
    syntax_error,
    to_js,
    to_string,
    type_error,
)
from emulator.core.values.convert import to_js as convert_to_js


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-5, "-5"),
        (1.1, "1.1"),
        (100.0, "100"),
        (123456789.125, "123456789.125"),
        (1e21, "1e+21"),
        (-1e21, "-1e+21"),
        (10**21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (5e-324, "5e-324"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_number_has_javascripts_text(number: float, text: str) -> None:
    assert number_to_string(number) == text


@given(st.floats(allow_nan=False))
def test_the_text_of_a_number_reads_back(number: float) -> None:
    assert string_to_number(number_to_string(number)) == number


@given(st.integers(0, 2**64 - 1))
def test_any_double_reads_back(bits: int) -> None:
    (number,) = struct.unpack("<d", struct.pack("<Q", bits))
    back = string_to_number(number_to_string(number))
    assert back == number or (back != back and number != number)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("0", True),
        ("7", True),
        ("4294967294", True),
        ("4294967295", False),
        ("01", False),
        ("-1", False),
        ("1.5", False),
        ("", False),
        ("a", False),
        ("٣", False),
        ("99999999999", False),
    ],
)
def test_array_indices_are_canonical(key: str, answer: bool) -> None:
    assert is_array_index(key) is answer


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, "undefined"),
        (jsnull, "null"),
        (True, "true"),
        (False, "false"),
        (1.0, "1"),
        (7, "7"),
        (JsBigInt(2**70), "1180591620717411303424"),
        (JsObject(), "[object Object]"),
        (JsSymbol("q"), "Symbol(q)"),
        (PyProxy([1]), "[1]"),
        (b"x", "b'x'"),
    ],
)
def test_a_value_has_javascripts_text(value: JsValue, text: str) -> None:
    assert to_string(value) == text


class _Color(enum.StrEnum):
    RED = "red"


class _Level(enum.IntEnum):
    HIGH = 3


class _Ratio(float):
    pass


def test_python_values_cross_as_what_they_are() -> None:
    assert (js_value("a"), js_value(1.5), js_value(True), js_value(None)) == ("a", 1.5, True, None)
    assert type(js_value(_Color.RED)) is str
    assert type(js_value(_Level.HIGH)) is int
    assert type(js_value(_Ratio(1.5))) is float
    assert js_value(jsnull) is jsnull
    o = JsObject()
    assert js_value(o) is o
    proxy = js_value([1])
    assert isinstance(proxy, PyProxy)
    assert proxy.is_borrowed


def test_big_integers_cross_as_bigints() -> None:
    assert type(js_value(2**53 - 2)) is int
    assert type(js_value(2**53 - 1)) is JsBigInt
    assert type(js_value(-(2**53) + 1)) is JsBigInt


def test_javascript_values_come_out_as_pythons() -> None:
    assert (from_js(2.0), type(from_js(2.0))) == (2, int)
    assert type(from_js(-0.0)) is int
    assert type(from_js(2.0**53)) is float
    assert type(from_js(2**53)) is float
    assert from_js(1.5) == 1.5
    assert math.isnan(from_js(math.nan))
    target = [1]
    assert from_js(PyProxy(target)) is target
    assert from_js(HOLE) is None
    assert from_js(jsnull) is jsnull


async def _answer() -> int:
    return 5


async def test_a_proxy_of_a_python_object_forwards_to_it() -> None:
    target = {"a": 1}
    proxy = PyProxy(target)
    assert (list(proxy), proxy.keys(), str(proxy)) == (["a"], target.keys(), "{'a': 1}")
    assert proxy == PyProxy(target)
    assert proxy != PyProxy({"a": 1})
    assert proxy.js_id == PyProxy(target).js_id
    assert proxy.unwrap() is proxy.to_py() is target
    assert (proxy.typeof, PyProxy(len).typeof) == ("object", "function")
    assert PyProxy(len)([1]) == 1
    assert await PyProxy(_answer()) == 5
    copy = proxy.copy()
    proxy.destroy()
    assert (proxy.is_destroyed, copy.is_destroyed, copy.is_once) == (True, False, False)
    with pytest.raises(TypeError):
        hash(proxy)


def test_null_is_false_and_one() -> None:
    assert not jsnull
    assert repr(jsnull) == "jsnull"
    assert jsnull.typeof == "object"
    assert jsnull.__reduce__() == "jsnull"
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(jsnull)


def test_proxies_are_equal_by_identity_and_have_no_hash() -> None:
    one, other = JsObject(), JsObject()
    assert one == one
    assert one != other
    assert one.js_id != other.js_id
    assert one.valueOf() is one
    assert one.toLocaleString() == "[object Object]"
    with pytest.raises(TypeError, match=r"unhashable type: 'pyodide.ffi.JsProxy'|JsProxy"):
        hash(one)
    assert type(one).__name__ == type(JsArray()).__name__ == "JsProxy"
    assert repr(one.constructor) == "function Object() { [native code] }"
    assert JsArray().constructor.name == "Array"


class _Bare(JsProxy, js_name="Bare"):
    pass


def test_an_object_without_a_counterpart_goes_to_the_converter() -> None:
    bare = _Bare()
    assert bare.to_py() is bare
    seen: list[Any] = []

    def convert(value: Any, recurse: Any, remember: Any) -> Any:
        seen.append(value)
        remember(value, "made")
        return recurse(JsArray([1.0]))

    assert JsArray([bare]).to_py(default_converter=convert) == [[1]]
    assert seen == [bare]
    assert list(bare.object_keys()) == []


def test_to_js_converts_deeply() -> None:
    shared: list[Any] = []
    made = to_js({"a": (1, shared, shared), "s": {1}, "b": b"xy", 5: None, "n": 2**60})
    assert isinstance(made, JsObject)
    assert isinstance(made.a, JsArray)
    assert made.a[1] is made.a[2]
    assert isinstance(made.b, Uint8Array)
    assert made._members["5"] is None
    assert isinstance(made.n, JsBigInt)
    assert to_js("x") == "x"
    assert isinstance(to_js(memoryview(b"x")), Uint8Array)
    assert to_js(made) is made


def test_to_js_keeps_cycles_and_stops_at_depth() -> None:
    whole: dict[str, Any] = {}
    whole["self"] = whole
    made = to_js(whole)
    assert made.self is made
    assert isinstance(to_js([[1]], depth=1)._items[0], PyProxy)
    proxies: list[Any] = []
    to_js([object(), object()], pyproxies=proxies)
    assert len(proxies) == 2


def test_to_js_uses_its_converters() -> None:
    as_map = to_js({"a": {"b": 1}}, dict_converter=lambda pairs: JsMap(map(tuple, pairs)))
    assert isinstance(as_map, JsMap)
    assert isinstance(as_map["a"], JsMap)

    def from_entries(pairs: Any) -> Any:
        raise AssertionError

    from_entries.is_from_entries = True  # type: ignore[attr-defined]
    assert to_js({"a": 1}, dict_converter=from_entries).a == 1

    def convert(value: Any, recurse: Any, remember: Any) -> Any:
        remember(value, "seen")
        return recurse([1]) if isinstance(value, complex) else value

    whole = 1j
    made = to_js([whole, whole, object()], default_converter=convert)
    assert str(made._items[0]) == "1"
    assert made._items[1] == "seen"
    assert isinstance(made._items[2], PyProxy)
    assert to_js(5, eager_converter=lambda value, recurse, remember: value + 1) == 6
    assert to_js([5], eager_converter=lambda value, recurse, remember: recurse([6]))[0] == 6


def test_to_js_may_refuse_proxies() -> None:
    with pytest.raises(ConversionError):
        to_js([object()], create_pyproxies=False)
    assert convert_to_js is to_js


def test_a_function_is_called_with_converted_values() -> None:
    seen: list[Any] = []

    def function(*args: JsValue) -> JsValue:
        seen.extend(args)
        return 2.0

    f = JsFunction("f", function)
    assert f(1, [2], key=3) == 2
    assert isinstance(seen[1], PyProxy)
    assert seen[2]._members == {"key": 3}
    assert (str(f), f.typeof) == ("function f() { [native code] }", "function")
    made = JsClass("C", lambda *args: JsArray(list(args)), of=5)
    assert list(made.new(1, 2)) == [1, 2]
    assert (made.of, made.name) == (5, "C")
    assert call(function, (), {}) == 2


def test_boxes_hold_primitives() -> None:
    assert [JsBoxed(x).constructor.name for x in (True, 1, 1.5, "s", JsBigInt(1))] == [
        "Boolean",
        "Number",
        "Number",
        "String",
        "BigInt",
    ]
    box = JsBoxed(2.0)
    assert (str(box), box.valueOf(), box.to_py()) == ("2", 2, box)
    assert box.to_py(default_converter=lambda value, *rest: value.valueOf()) == 2


def test_errors_have_name_message_and_properties() -> None:
    made = error("boo", code=5)
    assert (made.name, made.message, str(made), made.stack) == (
        *("Error", "boo"),
        *("Error: boo", "Error: boo"),
    )
    assert made.own_properties() == {"code": 5}
    assert made.js_error is made
    assert made.args == (made,)
    assert made.constructor.name == "Error"
    assert type_error("x").constructor.name == "TypeError"
    assert JsException("MyErr", "x").constructor.name == "Error"
    assert [str(f("x")) for f in (range_error, syntax_error)] == ["RangeError: x", "SyntaxError: x"]
    assert str(JsException("E", "")) == "E"
    assert str(JsException("", "m")) == "m"
    assert isinstance(hash(made), int)
    assert made.to_py() is made
    with pytest.raises(JsException) as caught:
        raise made
    assert caught.value is made
    assert type(made).__name__ == "JsException"


def test_a_dom_exception_has_a_code() -> None:
    made = data_clone_error("m")
    assert (made.name, made.code, made.constructor.name) == ("DataCloneError", 25, "DOMException")
    assert DomException("Strange", "m").code == 0
    assert DomException("AbortError", "m").own_properties() == {}


def test_the_platforms_own_words() -> None:
    assert str(internal_error(lambda: "x" * 24, durableObjectReset=True)) == (
        f"Error: internal error; reference = {'x' * 24}"
    )
    assert str(illegal_parameter("get", "Storage", 1, "string")) == (
        "TypeError: Failed to execute 'get' on 'Storage': parameter 1 is not of type 'string'."
    )
