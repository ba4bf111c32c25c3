"""The value encoding against another V8: the one inside node, if there is a node."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from typing import Final

import pytest

from emulator.core.values import (
    HOLE,
    TYPED_ARRAYS,
    ArrayBuffer,
    JsArray,
    JsBigInt,
    JsDate,
    JsMap,
    JsObject,
    JsRegExp,
    JsSet,
    JsValue,
    dumps,
    jsnull,
    loads,
    structured_clone,
)
from tests.core.values.recordings import plain

_NODE: Final = shutil.which("node")
_COUNT: Final = 600
# Reads expressions, writes what V8 makes of each.
_PROGRAM: Final = """
const v8 = require('v8');
const blobs = JSON.parse(require('fs').readFileSync(0, 'utf8')).map((source) => {
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(eval('(' + source + ')'));
  return serializer.releaseBuffer().toString('hex');
});
console.log(JSON.stringify(blobs));
"""
_SCALARS: Final[list[tuple[str, JsValue]]] = [
    ("null", jsnull),
    ("undefined", None),
    ("true", True),
    ("false", False),
    ("0", 0),
    ("-1", -1),
    ("63", 63),
    ("-70000", -70000),
    ("1073741823", 2**30 - 1),
    ("-1073741824", -(2**30)),
    # Between 31 and 32 bits node keeps an integer and the platform a double.
    ("2147483648", 2**31),
    ("-2147483649", -(2**31) - 1),
    ("9007199254740991", 2**53 - 1),
    ("1.5", 1.5),
    ("NaN", float("nan")),
    ("-Infinity", float("-inf")),
    ("1e300", 1e300),
    ("0n", JsBigInt(0)),
    ("-5n", JsBigInt(-5)),
    ("18446744073709551616n", JsBigInt(2**64)),
    ('""', ""),
    ('"abc"', "abc"),
    ('"h\\u00e9"', "hé"),
    ('"\\u65e5\\u672c"', "日本"),
    ('"\\ud83d\\ude00"', "😀"),
    ('"\\ud800"', "\ud800"),
    (f'"{"x" * 200}"', "x" * 200),
    ("new Date(5)", JsDate(5)),
    ("new Date(NaN)", JsDate(float("nan"))),
    ("/a+/gim", JsRegExp("a+", "gim")),
    ("new Uint8Array([1, 2])", TYPED_ARRAYS["Uint8Array"].of_values([1, 2])),
    ("new Float64Array([1.5])", TYPED_ARRAYS["Float64Array"].of_values([1.5])),
    ("new BigInt64Array([-1n])", TYPED_ARRAYS["BigInt64Array"].of_values([JsBigInt(-1)])),
    ("new ArrayBuffer(3)", ArrayBuffer(bytearray(3))),
    ("new Uint8Array(5).subarray(1, 3)", TYPED_ARRAYS["Uint8Array"].of_values([0] * 5)[1:3]),
]
_KEYS: Final = ["a", "b", "bb", "10", "7", "01", "é", "日", "", "__proto_", "4294967295", "x y"]


def _value(dice: random.Random, depth: int = 0) -> tuple[str, JsValue]:  # noqa: PLR0911  # one a kind
    """A value, as an expression of JavaScript and as ours."""
    kind = dice.choice(["scalar", "object", "array", "numbers", "map", "set"])
    if depth > 3 or kind == "scalar":
        source, value = dice.choice(_SCALARS)
        return source, structured_clone(value)  # an expression makes a new object each time
    members = [_value(dice, depth + 1) for _ in range(dice.randrange(5))]
    sources, values = [s for s, _ in members], [v for _, v in members]
    if kind == "object":
        keys = dice.sample(_KEYS, len(members))
        pairs = zip(keys, sources, strict=True)
        text = ", ".join(f"{json.dumps(k)}: {s}" for k, s in pairs)
        return f"{{{text}}}", JsObject(dict(zip(keys, values, strict=True)))
    if kind == "array":
        # A text in front: an array of numbers alone is another kind of array.
        sources, values = ['"s"', *sources], ["s", *values]
        if dice.random() < 0.2:
            return f"[{', '.join(sources)}, , 1]", JsArray([*values, HOLE, 1])
        return f"[{', '.join(sources)}]", JsArray(values)
    if kind == "numbers":
        numbers = [dice.choice([1, 2, -5, 1.5, 2**31, 3]) for _ in range(dice.randrange(6))]
        return json.dumps(numbers), JsArray(list(numbers))
    if kind == "map":
        pairs = [(f"k{i}", v) for i, v in enumerate(values)]
        text = ", ".join(f'["k{i}", {s}]' for i, s in enumerate(sources))
        return f"new Map([{text}])", JsMap(pairs)
    return f"new Set([{', '.join(['"s"', *sources])}])", JsSet(["s", *values])


@pytest.mark.skipif(_NODE is None, reason="there is no node here")
def test_node_writes_the_same_bytes_and_its_bytes_are_read() -> None:
    assert _NODE is not None
    dice = random.Random(20_261_117)
    cases = [_value(dice) for _ in range(_COUNT)]
    answer = subprocess.run(
        [_NODE, "-e", _PROGRAM],
        input=json.dumps([source for source, _ in cases]),
        capture_output=True,
        text=True,
        check=True,
        timeout=15,
    )
    blobs = json.loads(answer.stdout)
    for (source, value), blob in zip(cases, blobs, strict=True):
        assert dumps(value).hex() == blob, source
        assert plain(loads(bytes.fromhex(blob))) == plain(value), source
