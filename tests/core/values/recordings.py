"""What the runtime answered (recorded.json), and deep comparison of values."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

from emulator.core.values import (
    HOLE,
    ArrayBuffer,
    ArrayBufferView,
    JsArray,
    JsBigInt,
    JsBoxed,
    JsDate,
    JsException,
    JsMap,
    JsObject,
    JsRegExp,
    JsSet,
    JsValue,
)

RECORDED: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "recorded.json").read_text(encoding="utf-8")
)


def plain(value: JsValue, seen: tuple[int, ...] = ()) -> Any:  # noqa: PLR0911  # one a class
    """The value as tuples that compare by content; a cycle is the depth it goes back to."""
    if id(value) in seen:
        return ("cycle", seen.index(id(value)))
    inner = (*seen, id(value))

    def deep(item: JsValue) -> Any:
        return plain(item, inner)

    match value:
        case JsObject():
            return ("object", [(k, deep(v)) for k, v in value._own().items()])
        case JsArray():
            return ("array", [deep(v) for v in value._items])
        case JsMap():
            return ("map", [(deep(k), deep(v)) for k, v in value._entries.values()])
        case JsSet():
            return ("set", [deep(v) for v in value._values.values()])
        case JsException():
            return ("error", value.name, value.message, sorted(value.own_properties()))
    return _leaf(value)


def _leaf(value: JsValue) -> Any:  # noqa: PLR0911  # one a class
    match value:
        case bool() | str() | None:
            return value
        case JsBigInt():
            return ("bigint", int(value))
        case int() | float():
            return ("number", repr(float(value)))
        case JsDate():
            return ("date", repr(value._ms))
        case JsRegExp():
            return ("regexp", value.source, value.flags)
        case JsBoxed():
            return ("boxed", _leaf(value._value))
        case ArrayBuffer():
            return ("buffer", bytes(value._data), value.max_byte_length)
        case ArrayBufferView():
            whole = plain(value.buffer)
            return (value.js_name, whole, value.byteOffset, value._fixed)
    assert value is HOLE or not math.isnan(0), "a value that the tests do not know"
    return repr(type(value).__name__)
