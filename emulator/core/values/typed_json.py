"""JavaScript values as JSON that says what JSON cannot: for people who look at them and edit them.

    null, booleans, texts, finite numbers, arrays, plain objects     themselves
    {"$bigint": "12"}  {"$date": 0}  {"$map": [[k, v]]}  {"$bytes": "…", "as": "Uint8Array"} …

An object whose only or first key begins with `$` is one of those; a plain object with such a key is
written as `{"$object": [[key, value]]}`. The whole table is in docs/control-api.md.

Invariant: `read(write(v).json)` is `v`, for every `v` whose `is_exact` is true.
Proof: tests/core/values/test_typed_json.py.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.boxed import JsBoxed
from emulator.core.values.buffers import ArrayBuffer, ArrayBufferView
from emulator.core.values.dates import JsDate
from emulator.core.values.errors import JsException
from emulator.core.values.maps import JsMap, JsSet
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import HOLE, JsBigInt, JsNull, JsProxy, JsValue
from emulator.core.values.regexps import JsRegExp
from emulator.core.values.text import number_to_string

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TypedJson", "type_name", "write"]

DEPTH_MAX: Final = 200

type Json = Any
"""None, bool, int, float, str, list or dict of those."""


@dataclass(frozen=True, slots=True)
class TypedJson:
    """A value as JSON. `is_exact`: reading it gives the same value again."""

    json: Json
    is_exact: bool


def type_name(value: JsValue) -> str:
    """In one word: number, bigint, map, bytes …"""
    found = _TYPE_NAMES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, (ArrayBuffer, ArrayBufferView)):
        return "bytes"
    return "error" if isinstance(value, JsException) else "other"


_TYPE_NAMES: Final[dict[type, str]] = {
    type(None): "undefined",
    JsNull: "null",
    bool: "boolean",
    int: "number",
    float: "number",
    JsBigInt: "bigint",
    str: "string",
    JsObject: "object",
    JsArray: "array",
    JsMap: "map",
    JsSet: "set",
    JsDate: "date",
    JsRegExp: "regexp",
    JsBoxed: "boxed",
}


def write(value: JsValue) -> TypedJson:
    """The value as JSON; shared parts and what has no form of its own make it inexact."""
    writer = _Writer()
    return TypedJson(writer.value(value, 0), writer.is_exact)


class _Writer:
    def __init__(self) -> None:
        self.is_exact = True
        self._met: dict[int, int] = {}

    def value(self, value: JsValue, depth: int) -> Json:
        if value is None:
            return {"$undefined": True}
        kind = type(value)
        if kind is str or kind is bool:
            return value
        if kind is int or kind is float:
            return _number(value)
        if kind is JsBigInt:
            return {"$bigint": int.__repr__(value)}
        if isinstance(value, JsNull):
            return None
        return self._object(value, depth)

    def _object(self, value: Any, depth: int) -> Json:
        if value is HOLE:
            return {"$hole": True}
        known = self._met.get(id(value))
        if known is not None:
            self.is_exact = False
            return {"$ref": known}
        self._met[id(value)] = len(self._met)
        if depth > DEPTH_MAX:
            return self._other(value)
        form = _FORMS.get(type(value))
        if form is not None:
            return form(self, value, depth + 1)
        if isinstance(value, (ArrayBuffer, ArrayBufferView)):
            return self._bytes(value)
        return self._error(value) if isinstance(value, JsException) else self._other(value)

    def _members(self, value: JsObject, depth: int) -> Json:
        members = value._own()
        if any(key.startswith("$") for key in members):
            return {"$object": [[key, self.value(v, depth)] for key, v in members.items()]}
        return {key: self.value(member, depth) for key, member in members.items()}

    def _array(self, value: JsArray, depth: int) -> Json:
        return [self.value(item, depth) for item in value._items]

    def _map(self, value: JsMap, depth: int) -> Json:
        pairs = value._entries.values()
        return {"$map": [[self.value(k, depth), self.value(v, depth)] for k, v in pairs]}

    def _set(self, value: JsSet, depth: int) -> Json:
        return {"$set": [self.value(item, depth) for item in value._values.values()]}

    def _date(self, value: JsDate, depth: int) -> Json:
        del depth
        ms = value.getTime()
        return {"$date": None if math.isnan(ms) else ms}

    def _regexp(self, value: JsRegExp, depth: int) -> Json:
        del depth
        return {"$regexp": value.source, "flags": value.flags}

    def _boxed(self, value: JsBoxed, depth: int) -> Json:
        return {"$boxed": self.value(value._value, depth)}

    def _bytes(self, value: ArrayBuffer | ArrayBufferView) -> Json:
        buffer = value if isinstance(value, ArrayBuffer) else value.buffer
        content = value.to_bytes()
        if buffer.max_byte_length is not None or len(buffer._data) != len(content):
            self.is_exact = False  # a part of a buffer, or one that can grow
        return {"$bytes": base64.b64encode(content).decode(), "as": value.js_name}

    def _error(self, value: JsException) -> Json:
        # Causes, properties and DOMExceptions cannot be told in this form.
        self.is_exact = self.is_exact and type(value) is JsException and not value.own_properties()
        return {"$error": value.message, "name": value.name, "stack": str(value.stack)}

    def _other(self, value: JsProxy) -> Json:
        self.is_exact = False
        return {"$other": value.js_name, "preview": f"{value.js_name} {{…}}"}


_FORMS: Final[dict[type, Callable[[_Writer, Any, int], Json]]] = {
    JsObject: _Writer._members,
    JsArray: _Writer._array,
    JsMap: _Writer._map,
    JsSet: _Writer._set,
    JsDate: _Writer._date,
    JsRegExp: _Writer._regexp,
    JsBoxed: _Writer._boxed,
}


def _number(value: Any) -> Json:
    if isinstance(value, float):
        if not math.isfinite(value) or (not value and math.copysign(1.0, value) < 0):
            text = "-0" if not value else number_to_string(value)
            return {"$number": text}
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
    return value
