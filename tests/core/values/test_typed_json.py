"""Typed JSON: exact both ways, and one line of it."""

from __future__ import annotations

import json
import math

import pytest

from emulator.core.values import (
    HOLE,
    TYPED_ARRAYS,
    ArrayBuffer,
    JsArray,
    JsBigInt,
    JsBoxed,
    JsDate,
    JsMap,
    JsObject,
    JsRegExp,
    JsSet,
    dumps,
    jsnull,
    type_error,
)
from emulator.core.values.previews import preview
from emulator.core.values.typed_json import type_name, write
from emulator.core.values.typed_json_read import TypedJsonError, read

EXACT = {
    "undefined": (None, {"$undefined": True}),
    "null": (jsnull, None),
    "true": (True, True),
    "int": (7, 7),
    "float": (1.5, 1.5),
    "nan": (math.nan, {"$number": "NaN"}),
    "infinity": (-math.inf, {"$number": "-Infinity"}),
    "minus zero": (-0.0, {"$number": "-0"}),
    "big": (1e300, 1e300),
    "bigint": (JsBigInt(2**64), {"$bigint": str(2**64)}),
    "text": ("a\ud800b<script>", "a\ud800b<script>"),
    "object": (JsObject({"a": 1, "$b": 2}), {"$object": [["a", 1], ["$b", 2]]}),
    "plain": (JsObject({"a": JsArray([1, HOLE])}), {"a": [1, {"$hole": True}]}),
    "map": (JsMap([(1, JsBigInt(2)), ("x", None)]), {"$map": [[1, {"$bigint": "2"}], ["x", {"$undefined": True}]]}),
    "set": (JsSet([1, "a"]), {"$set": [1, "a"]}),
    "date": (JsDate(1_700_000_000_123), {"$date": 1_700_000_000_123}),
    "no date": (JsDate(math.nan), {"$date": None}),
    "regexp": (JsRegExp("a/b+", "gi"), {"$regexp": "a\\/b+", "flags": "gi"}),
    "bytes": (ArrayBuffer(bytearray(b"\x01\x02")), {"$bytes": "AQI=", "as": "ArrayBuffer"}),
    "array": (TYPED_ARRAYS["Uint16Array"](ArrayBuffer(bytearray(4))), {"$bytes": "AAAAAA==", "as": "Uint16Array"}),
    "boxed": (JsBoxed(JsBigInt(5)), {"$boxed": {"$bigint": "5"}}),
    "error": (type_error("boom"), {"$error": "boom", "name": "TypeError", "stack": "TypeError: boom"}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_value_is_written_and_read_again_bit_by_bit(name):
    value, expected = EXACT[name]
    written = write(value)
    assert written.json == expected
    assert written.is_exact
    wire = json.loads(json.dumps(written.json))
    assert dumps(read(wire)) == dumps(value)


def test_shared_parts_cycles_and_depth_make_it_inexact():
    cycle = JsArray([])
    cycle._items.append(cycle)
    assert write(cycle).json == [{"$ref": 0}]
    assert not write(cycle).is_exact
    deep = JsArray([])
    for _ in range(300):
        deep = JsArray([deep])
    assert not write(deep).is_exact
    view = TYPED_ARRAYS["Uint8Array"](ArrayBuffer(bytearray(b"abc")), 1, 1)
    assert not write(view).is_exact


@pytest.mark.parametrize(
    "wrong",
    [
        {"$ref": 0},
        {"$other": "Headers", "preview": ""},
        {"$nope": 1},
        {"$bigint": 5},
        {"$bigint": "5x"},
        {"$bigint": "9" * 5000},
        {"$number": "1"},
        {"$date": "now"},
        {"$date": True},
        {"$map": [[1]]},
        {"$set": {}},
        {"$object": [[1, 2]]},
        {"$bytes": "*"},
        {"$bytes": "AQI=", "as": "Nope"},
        {"$bytes": "AQI=", "as": "Uint32Array"},
        {"$regexp": "a", "flags": "zz"},
        {"$regexp": 1},
        {"$boxed": {}},
        {"$date": 0, "x": 1},
    ],
)
def test_what_names_no_value_is_refused(wrong):
    with pytest.raises(TypedJsonError):
        read(wrong)


def test_a_value_nested_too_deeply_is_refused():
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypedJsonError):
        read(deep)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (JsObject({"name": "Ada", "a-b": JsArray([1, 2])}), "{ name: 'Ada', 'a-b': [ 1, 2 ] }"),
        (JsMap([("a", jsnull)]), "Map(1) { 'a' => null }"),
        (JsSet([]), "Set(0) {}"),
        (JsBigInt(5), "5n"),
        (ArrayBuffer(bytearray(5)), "ArrayBuffer(5 bytes)"),
        ("it's\n\x1b", "'it\\'s\\n\\u001b'"),
        ("x" * 500, "'" + "x" * 198 + "…"),
        (None, "undefined"),
        (JsArray([HOLE]), "[ <empty> ]"),
    ],
)
def test_a_preview_is_one_short_line(value, text):
    assert preview(write(value).json) == text


def test_every_type_has_a_name():
    names = {name: type_name(value) for name, (value, _) in EXACT.items()}
    assert names["minus zero"] == "number"
    assert names["bytes"] == names["array"] == "bytes"
    assert names["error"] == "error"
    assert type_name(object()) == "other"  # type: ignore[arg-type]  # whatever else there may be
