"""`JSON.stringify`.

Source: ECMAScript SerializeJSONProperty; V8's texts for cycles. A Python object that crossed as a
proxy is written as its contents (golden/python-workers).
"""

from __future__ import annotations

import json.encoder
import re
from typing import Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.border import PyProxy, js_value
from emulator.core.values.boxed import JsBoxed, JsSymbol
from emulator.core.values.callbacks import callback, is_function
from emulator.core.values.errors import range_error, type_error
from emulator.core.values.objects import JsObject, ObjectMap, ordered
from emulator.core.values.proxies import HOLE, JsBigInt, JsNull, JsProxy, JsValue
from emulator.core.values.text import number_to_string, to_string

__all__ = ["stringify"]

_quote: Final = json.encoder.encode_basestring
_SURROGATES: Final = re.compile("[\ud800-\udbff](?=[\udc00-\udfff])[\udc00-\udfff]|[\ud800-\udfff]")
_GAP_CHARS_MAX: Final = 10
_CYCLE_LINES_MAX: Final = 4
_PLAIN_INTEGER_MAX: Final = 10**21  # from there on JavaScript prints an exponent


def stringify(value: JsValue, replacer: JsValue = None, space: JsValue = None) -> str | None:
    """`JSON.stringify`; None for what has no JSON: undefined, a function, a symbol.

    Raises:
        JsException: TypeError for a BigInt or a cycle; RangeError, if it is nested too deeply;
            and whatever a `toJSON` or the replacer raises.
    """
    if type(value) is str and replacer is None:
        return _well_formed(_quote(value))
    writer = _Writer(js_value(replacer), _gap(js_value(space)))
    try:
        text = writer.value("", js_value(value))
    except RecursionError:
        raise range_error("Maximum call stack size exceeded") from None
    return text if text is None else _well_formed(text)


def _well_formed(text: str) -> str:
    """A lone surrogate is written as an escape; a pair of them is one character."""
    return text if text.isascii() else _SURROGATES.sub(_escape_surrogate, text)


def _escape_surrogate(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 2:
        return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return f"\\u{ord(found):04x}"


def _gap(space: JsValue) -> str:
    if isinstance(space, JsBoxed):
        space = space._value
    if isinstance(space, str):
        return space[:_GAP_CHARS_MAX]
    if isinstance(space, (int, float)) and not isinstance(space, (bool, JsBigInt)):
        return " " * int(max(0, min(_GAP_CHARS_MAX, space)))
    return ""


class _Writer:
    """One call. `path` holds the keys and objects that are being written, outermost first."""

    __slots__ = ("_call", "_gap", "_indent", "_keys", "_path")

    def __init__(self, replacer: JsValue, gap: str) -> None:
        self._gap = gap
        self._indent = ""
        self._path: list[tuple[str | int, Any, JsProxy]] = []
        self._call = callback(replacer) if is_function(replacer) else None
        self._keys = _allowed_keys(replacer) if isinstance(replacer, JsArray) else None

    def value(self, key: str | int, value: JsValue) -> str | None:
        if isinstance(value, JsProxy):
            value = _after_to_json(key, value)
        if self._call is not None:
            value = self._call(str(key), value)
        if isinstance(value, JsBoxed):
            value = value._value
        if isinstance(value, JsProxy):
            return self._proxy(key, value)
        if value is None:
            return None
        return _scalar(value)

    def _proxy(self, key: str | int, value: JsProxy) -> str | None:
        if isinstance(value, PyProxy):
            return self._python(key, value)
        if isinstance(value, JsObject):
            return self._object(key, value, value, value._members)
        if isinstance(value, JsArray):
            return self._array(key, value, value, value._items)
        if isinstance(value, ObjectMap):
            return self._object(key, value._object, value, value._object._members)
        if value is HOLE or isinstance(value, JsSymbol) or is_function(value):
            return None
        return self._object(key, value, value, value._own())

    def _python(self, key: str | int, value: PyProxy) -> str | None:
        target = value.unwrap()
        if isinstance(target, dict):
            members = {to_string(js_value(name)): js_value(x) for name, x in target.items()}
            return self._object(key, target, value, members)
        if isinstance(target, (list, tuple)):
            return self._array(key, target, value, list(map(js_value, target)))
        return None if is_function(value) else "{}"

    def _enter(self, key: str | int, identity: Any, value: JsProxy) -> str:
        """Begin to write an object; gives the indentation to restore."""
        for depth, (_, known, _) in enumerate(self._path):
            if known is identity:
                raise type_error(_cycle(self._path[depth:], key))
        self._path.append((key, identity, value))
        before = self._indent
        self._indent += self._gap
        return before

    def _leave(self, parts: list[str], brackets: str, before: str) -> str:
        self._path.pop()
        inner, self._indent = self._indent, before
        if not parts:
            return brackets
        if not self._gap:
            return f"{brackets[0]}{','.join(parts)}{brackets[1]}"
        body = f",\n{inner}".join(parts)
        return f"{brackets[0]}\n{inner}{body}\n{before}{brackets[1]}"

    def _object(
        self, key: str | int, identity: Any, value: JsProxy, members: dict[str, JsValue]
    ) -> str:
        before = self._enter(key, identity, value)
        colon = ": " if self._gap else ":"
        is_plain = self._call is None
        parts = []
        if self._keys is None:
            members = ordered(members)
        else:
            members = {name: members[name] for name in self._keys if name in members}
        for name, x in members.items():
            kind = type(x)
            if is_plain and kind is str:
                text: str | None = _quote(x)
            elif is_plain and kind is int and -_PLAIN_INTEGER_MAX < x < _PLAIN_INTEGER_MAX:
                text = int.__repr__(x)
            else:
                text = self.value(name, x)
            if text is not None:
                parts.append(f"{_quote(name)}{colon}{text}")
        return self._leave(parts, "{}", before)

    def _array(self, key: str | int, identity: Any, value: JsProxy, items: list[JsValue]) -> str:
        before = self._enter(key, identity, value)
        parts = []
        for i, x in enumerate(items):
            text = self.value(i, x)
            parts.append("null" if text is None else text)
        return self._leave(parts, "[]", before)


def _scalar(value: JsValue) -> str:
    kind = type(value)
    if kind is str:
        return _quote(value)
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, JsNull):
        return "null"
    if isinstance(value, JsBigInt):
        raise type_error("Do not know how to serialize a BigInt")
    text = number_to_string(value)
    return text if text[-1].isdigit() else "null"


def _after_to_json(key: str | int, value: JsProxy) -> JsValue:
    """What the value's own `toJSON` makes of it, or the value itself."""
    if isinstance(value, JsObject):
        method = value._members.get("toJSON")
        return callback(method)(str(key)) if is_function(method) else value
    to_json = getattr(type(value), "toJSON", None)
    return value if to_json is None else js_value(to_json(value, str(key)))


def _allowed_keys(replacer: JsArray) -> list[str]:
    keys: dict[str, None] = {}
    for item in replacer._items:
        value = item._value if isinstance(item, JsBoxed) else item
        if isinstance(value, (str, int, float)) and not isinstance(value, (bool, JsBigInt)):
            keys[to_string(value)] = None
    return list(keys)


def _cycle(path: list[tuple[str | int, Any, JsProxy]], key: str | int) -> str:
    """V8 shows where the cycle begins, its first links and the last one, and what closes it."""
    links = [f"    |     {_link(name)} -> {_constructor(x)}" for name, _, x in path[1:]]
    if len(links) >= _CYCLE_LINES_MAX:
        links[2:-1] = ["    |     ..."]
    lines = [
        "Converting circular structure to JSON",
        f"    --> starting at {_constructor(path[0][2])}",
        *links,
        f"    --- {_link(key)} closes the circle",
    ]
    return "\n".join(lines)


def _link(key: str | int) -> str:
    return f"index {key}" if isinstance(key, int) else f"property '{key}'"


def _constructor(value: JsProxy) -> str:
    name = "Object" if isinstance(value, PyProxy) else value.constructor.name
    return f"object with constructor '{name}'"
