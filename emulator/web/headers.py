"""Headers: the fetch standard's header list as JavaScript shows it.

Invariants:
1. `_pairs` is the list as it was given (name in the caller's case, value), in order.
2. A lookup goes by the lower-case name; the index is built when it is first needed, so that a
   request whose headers nobody reads costs one list.

Source: spec websockets §6, python-surface §2.2; names, order and texts measured on workerd.
Proved by tests/web/test_headers.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsArray,
    JsIterator,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    illegal_parameter,
    js_value,
    jsnull,
    to_string,
    type_error,
)
from emulator.web.webidl import (
    MISSING,
    invoke_now,
    iterate,
    lossy_text,
    refused_construction,
    refused_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "GUARD_IMMUTABLE",
    "GUARD_NONE",
    "GUARD_REQUEST",
    "GUARD_RESPONSE",
    "Headers",
    "headers_of",
    "is_header_name",
]

# Who made the headers, as the fetch standard and the value encoding know it. Only those without a
# guard can be changed.
GUARD_IMMUTABLE: Final = 0
GUARD_REQUEST: Final = 1
GUARD_RESPONSE: Final = 2
GUARD_NONE: Final = 3

# The empty name is accepted (sic, measured).
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*\Z").match
_FORBIDDEN: Final = re.compile(r"[\0\r\n]").search
_SPACE: Final = "\t\r\n "
_SET_COOKIE: Final = "set-cookie"
_INIT: Final = "Headers or Sequence or object"


class Headers(JsProxy, js_name="Headers"):
    """A list of headers, seen as a mapping from lower-case names to combined values."""

    def __init__(self, init: JsValue = None) -> None:
        self._pairs: list[tuple[str, str]] = []
        self._index: dict[str, list[str]] | None = None
        self._guard = GUARD_NONE
        if init is not None:
            self._fill(init)

    @classmethod
    def _of(cls, pairs: list[tuple[str, str]], *, guard: int = GUARD_NONE) -> Headers:
        """Headers of pairs that need no check. The list is not copied."""
        self = cls.__new__(cls)
        self._pairs = pairs
        self._index = None
        self._guard = guard
        return self

    def _fill(self, init: JsValue) -> None:
        if isinstance(init, Headers):
            self._pairs = list(init._pairs)
        elif isinstance(init, JsObject):
            self._fill_from(init._own().items())
        elif isinstance(init, PyProxy) and isinstance(init.unwrap(), dict):
            self._fill_from((key, js_value(value)) for key, value in init.unwrap().items())
        elif (entries := iterate(init)) is not None:
            self._fill_from(map(_pair, entries))
        else:
            raise refused_construction("Headers", 1, _INIT)

    def _fill_from(self, entries: Iterable[tuple[JsValue, JsValue]]) -> None:
        for name, value in entries:
            self._pairs.append((_name(name), _value(value)))

    # --- reading

    def _by_name(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = {}
            for name, value in self._pairs:
                index.setdefault(name.lower(), []).append(value)
            self._index = index
        return index

    def _find(self, name: str) -> str | None:
        """The combined value of a header, for the runtime. `name` is lower-case."""
        values = self._by_name().get(name)
        return None if values is None else ", ".join(values)

    def get(self, name: Any = MISSING) -> Any:
        value = self._find(_argument("get", 1, name).lower())
        return jsnull if value is None else value

    def has(self, name: Any = MISSING) -> bool:
        key = _argument("has", 1, name).lower()
        return bool(key) and key in self._by_name()

    def getSetCookie(self) -> JsArray:
        return JsArray(list(self._by_name().get(_SET_COOKIE, ())))

    def getAll(self, name: Any = MISSING) -> JsArray:
        if _argument("getAll", 1, name).lower() != _SET_COOKIE:
            raise type_error('getAll() can only be used with the header name "Set-Cookie".')
        return self.getSetCookie()

    # --- writing

    def _change(self) -> None:
        if self._guard != GUARD_NONE:
            raise type_error("Can't modify immutable headers.")
        self._index = None

    def append(self, name: Any = MISSING, value: Any = MISSING) -> None:
        key, text = _argument("append", 1, name), _argument("append", 2, value)
        self._change()
        self._pairs.append((key, text))

    def set(self, name: Any = MISSING, value: Any = MISSING) -> None:
        key, text = _argument("set", 1, name), _argument("set", 2, value)
        self._change()
        self._remove(key.lower())
        self._pairs.append((key, text))

    def delete(self, name: Any = MISSING) -> None:
        key = _argument("delete", 1, name)
        self._change()
        self._remove(key.lower())

    def _remove(self, key: str) -> None:
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != key]

    # --- iteration: sorted, combined, Set-Cookie one by one; a snapshot, as measured

    def _combined(self) -> list[tuple[str, str]]:
        result: list[tuple[str, str]] = []
        for name, values in sorted(self._by_name().items()):
            if name == _SET_COOKIE:
                result.extend((name, value) for value in values)
            else:
                result.append((name, ", ".join(values)))
        return result

    def _header_pairs(self) -> list[tuple[str, str]]:
        """What goes on the wire: names in the caller's case, one line per value."""
        return self._pairs

    def __iter__(self) -> Iterator[JsArray]:
        return (JsArray([name, value]) for name, value in self._combined())

    def entries(self) -> JsIterator:
        return JsIterator("EntryIterator", iter(self))

    def keys(self) -> JsIterator:
        return JsIterator("KeyIterator", iter([name for name, _ in self._combined()]))

    def values(self) -> JsIterator:
        return JsIterator("ValueIterator", iter([value for _, value in self._combined()]))

    def forEach(self, callback: Any, this_arg: Any = None) -> None:
        del this_arg
        function = js_value(callback)
        for name, value in self._combined():
            invoke_now(function, value, name, self)

    # --- Pyodide: item access where the JavaScript class has get, has, set and delete

    def __getitem__(self, name: Any) -> Any:
        value = self._find(to_string(js_value(name)).lower())
        return jsnull if value is None else value

    def __setitem__(self, name: Any, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: Any) -> None:
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return self.has(name)


def headers_of(init: JsValue) -> Headers:
    """The `headers` member of an init object: always a copy."""
    return Headers(init)


def is_header_name(text: str) -> bool:
    return _TOKEN(text) is not None


def _name(name: JsValue) -> str:
    text = to_string(name)
    if _TOKEN(text) is None:
        raise type_error("Invalid header name.")
    return text


def _value(value: JsValue) -> str:
    text = lossy_text(to_string(value)).strip(_SPACE)
    if _FORBIDDEN(text) is not None:
        raise type_error("Invalid header value.")
    return text


def _argument(method: str, position: int, given: Any) -> str:
    if given is MISSING:
        raise illegal_parameter(method, "Headers", position, "string")
    value = js_value(given)
    return _name(value) if position == 1 else _value(value)


def _pair(entry: JsValue) -> tuple[JsValue, JsValue]:
    members = iterate(entry)
    if members is None:
        raise refused_value("Sequence")
    pair = list(members)
    if len(pair) != 2:
        raise type_error(
            "To initialize a Headers object from a sequence, "
            "each inner sequence must have exactly two elements."
        )
    return pair[0], pair[1]
