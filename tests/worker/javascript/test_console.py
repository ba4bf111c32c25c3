"""`console`, and how it shows values. The texts are Node's."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import jsnull, to_js
from emulator.worker.javascript.inspect import format_message, inspect


def test_each_method_has_its_level(js: Any, surroundings: Any) -> None:
    for level in ("debug", "info", "log", "warn", "error"):
        getattr(js.console, level)(level)
    assert surroundings.lines == [
        (level, level) for level in ("debug", "info", "log", "warn", "error")
    ]


def test_counters_clocks_groups_and_assertions(js: Any, surroundings: Any) -> None:
    js.console.count()
    js.console.count("a")
    js.console.count()
    js.console.countReset()
    js.console.count()
    js.console.time("t")
    js.console.timeLog("t", "half")
    js.console.timeEnd("t")
    js.console.timeEnd("t")
    js.console.group("head")
    js.console.log("in\nside")
    js.console.groupEnd()
    check = getattr(js.console, "assert")
    check(True, "quiet")
    check(False, "loud", 1)
    check(False)
    check(False, 5)
    js.console.trace("here")
    js.console.dir(to_js({"a": 1}))
    js.console.clear()
    assert [text for _, text in surroundings.lines] == [
        "default: 1", "a: 1", "default: 2", "default: 1", "t: 0ms half", "t: 0ms", "head",
        "  in\n  side", "Assertion failed: loud 1", "Assertion failed", "Assertion failed 5",
        "Trace: here", "{ a: 1 }",
    ]  # fmt: skip


def test_nobody_listens_and_nothing_happens(js: Any, surroundings: Any) -> None:
    surroundings.host.listener = None
    js.console.log("x")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("a", 1, None, jsnull, True), "a 1 undefined null true"),
        (("%s is %d years and %i", "Bob", "42.5", 7.9), "Bob is 42.5 years and 7"),
        (("100%", 5), "100% 5"),
        (("%j %%", to_js({"a": 1})), '{"a":1} %'),
        (("%o", to_js([1])), "[ 1, [length]: 1 ]"),
        (("%c styled", "color: red"), " styled"),
        (("%s", to_js({"a": {"b": 1}})), "{ a: [Object] }"),
        (("%s %s", "one"), "one %s"),
        (("%d", to_js({})), "NaN"),
    ],
)
def test_messages(args: tuple[Any, ...], line: str) -> None:
    assert format_message(args) == line


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda js: "it's", '"it\'s"'),
        (lambda js: "a\nb", "'a\\nb'"),
        (lambda js: -0.0, "-0"),
        (lambda js: js.BigInt(5), "5n"),
        (lambda js: to_js({"a": 1, "b-c": "x"}), "{ a: 1, 'b-c': 'x' }"),
        (lambda js: to_js({}), "{}"),
        (lambda js: to_js([]), "[]"),
        (lambda js: to_js({"a": {"b": {"c": {"d": 1}}}}), "{ a: { b: { c: [Object] } } }"),
        (lambda js: to_js([1, "a", [2]]), "[ 1, 'a', [ 2 ] ]"),
        (lambda js: js.Array.new(3), "[ <3 empty items> ]"),
        (lambda js: js.Map.new([["a", to_js([1])]]), "Map(1) { 'a' => [ 1 ] }"),
        (lambda js: js.Set.new([1, 2]), "Set(2) { 1, 2 }"),
        (lambda js: js.Uint8Array.of(1, 2), "Uint8Array(2) [ 1, 2 ]"),
        (lambda js: js.ArrayBuffer.new(2), "ArrayBuffer { [Uint8Contents]: <00 00>, byteLength: 2 }"),
        (lambda js: js.Date.new(0), "1970-01-01T00:00:00.000Z"),
        (lambda js: js.Date.new("x"), "Invalid Date"),
        (lambda js: js.RegExp.new("a", "g"), "/a/g"),
        (lambda js: js.Symbol("s"), "Symbol(s)"),
        (lambda js: js.Map, "[Function: Map]"),
        (lambda js: js.fetch, "[Function: fetch]"),
        (lambda js: js.Object(5), "[Number: 5]"),
        (lambda js: js.Promise.reject(js.Error.new("x")), "Promise { <rejected> [Error: x] }"),
        (lambda js: js.Headers.new(), "Headers(0) { [immutable]: false }"),
        (lambda js: js.Headers.new([["A", "b"]]), "Headers(1) { 'a' => 'b', [immutable]: false }"),
        (lambda js: js.URLSearchParams.new("a=b"), "URLSearchParams(1) { 'a' => 'b' }"),
        (lambda js: js.WeakMap.new(), "WeakMap { <items unknown> }"),
        (lambda js: to_js([[[[1]]]]), "[ [ [ [Array] ] ] ]"),
        (lambda js: to_js([1.5, 2.25, 3, 4, 5, 6, 7.125]),
         "[\n    1.5, 2.25, 3,\n      4,    5, 6,\n  7.125\n]"),
        (lambda js: js.Error.new("boo"), "Error: boo"),
        (lambda js: to_js({"e": js.Error.new("boo")}), "{ e: [Error: boo] }"),
    ],
)  # fmt: skip
def test_values(js: Any, make: Any, text: str) -> None:
    assert inspect(make(js)) == text


def test_an_error_shows_its_cause(js: Any) -> None:
    made = js.Error.new("outer", to_js({"cause": js.TypeError.new("inner")}))
    assert (
        inspect(made) == "Error: outer {\n  [cause]: [TypeError: inner]\n}"
        or inspect(made) == "Error: outer { [cause]: [TypeError: inner] }"
    )


def test_a_python_object_shows_its_own_text() -> None:
    class Thing:
        def __repr__(self) -> str:
            return "<thing>"

    assert inspect(Thing()) == "<thing>"


def test_cycles_are_named(js: Any) -> None:
    target = js.Object.new()
    target.self = target
    assert inspect(target) == "<ref *1> { self: [Circular *1] }"


def test_long_objects_take_a_line_each() -> None:
    value = to_js({f"member{i}": "x" * 20 for i in range(4)})
    assert inspect(value).splitlines()[:2] == ["{", f"  member0: '{'x' * 20}',"]


def test_long_arrays_stand_in_columns() -> None:
    assert inspect(to_js(list(range(1, 11)))) == "[\n  1, 2, 3, 4,  5,\n  6, 7, 8, 9, 10\n]"
    assert inspect(to_js([str(i) for i in range(1, 8)])) == (
        "[\n  '1', '2', '3',\n  '4', '5', '6',\n  '7'\n]"
    )


def test_the_hundred_and_first_element_is_not_shown() -> None:
    text = inspect(to_js([0] * 102))
    assert text.endswith("  ... 2 more items\n]")
