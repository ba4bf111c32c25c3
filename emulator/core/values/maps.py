"""Map, Set, and the iterators that JavaScript makes.

Keys compare by SameValueZero: primitives by value, objects by identity.

Source: ECMAScript; Pyodide's JsMap; spec python-surface §2.2, storage §2.
"""

from __future__ import annotations

from collections.abc import KeysView
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.border import from_js, js_value
from emulator.core.values.callbacks import callback
from emulator.core.values.iterators import JsIterator
from emulator.core.values.mappings import MappingMethods
from emulator.core.values.proxies import PRIMITIVES, Conversion, ConversionError, JsProxy, JsValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["JsMap", "JsSet", "map_key"]

_MISSING: Final = object()


def map_key(value: JsValue) -> Any:
    """What stands for `value` as a key of a Map or Set (SameValueZero).

    An int and a float of the same value are one number; a bool is never a number, and a BigInt
    is neither; NaN equals itself; objects are known by their identity, which the entry keeps
    alive by holding the value beside the key.
    """
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is float:
        return ("NaN",) if value != value else value
    if kind in PRIMITIVES:
        return (kind, value)
    return (JsProxy, value.js_id)


def _immutable(value: JsValue, container: str) -> Any:
    """A key of a Map or member of a Set for Python, which wants it hashable."""
    if isinstance(value, JsProxy) and type(from_js(value)).__hash__ is None:
        raise ConversionError(
            f"Cannot use key of type {value.js_name} as a key to a Python {container}"
        )
    return from_js(value)


class JsMap(MappingMethods, js_name="Map"):
    """A Map, in insertion order."""

    __slots__ = ("__weakref__", "_entries")

    def __init__(self, entries: Iterable[tuple[JsValue, JsValue]] = ()) -> None:
        self._entries: dict[Any, tuple[JsValue, JsValue]] = {}
        for key, value in entries:
            self._put(key, value)

    def _put(self, key: JsValue, value: JsValue) -> None:
        # A key that is there already keeps its place, and itself.
        if type(key) is float and not key:
            key = 0
        known = self._entries.setdefault(map_key(key), (key, value))
        if known[1] is not value:
            self._entries[map_key(key)] = (known[0], value)

    @property
    def size(self) -> int:
        return len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        return (from_js(key) for key, _ in list(self._entries.values()))

    def __contains__(self, key: object) -> bool:
        return map_key(js_value(key)) in self._entries

    def __getitem__(self, key: Any) -> Any:
        try:
            return from_js(self._entries[map_key(js_value(key))][1])
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        self._put(js_value(key), js_value(value))

    def __delitem__(self, key: Any) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def get(self, key: Any, default: Any = None) -> Any:
        found = self._entries.get(map_key(js_value(key)))
        return default if found is None else from_js(found[1])

    def has(self, key: Any) -> bool:
        return key in self

    def set(self, key: Any = None, value: Any = None) -> JsMap:
        self._put(js_value(key), js_value(value))
        return self

    def delete(self, key: Any) -> bool:
        return self._entries.pop(map_key(js_value(key)), None) is not None

    def clear(self) -> None:
        self._entries.clear()

    def keys(self) -> KeysView[Any]:
        return _MapKeys(self)

    def values(self) -> list[Any]:
        return [from_js(value) for _, value in self._entries.values()]

    def items(self) -> list[tuple[Any, Any]]:
        return [(from_js(key), from_js(value)) for key, value in self._entries.values()]

    def entries(self) -> JsIterator:
        from emulator.core.values.arrays import JsArray

        return JsIterator(
            "Map Iterator", (JsArray([k, v]) for k, v in list(self._entries.values()))
        )

    def forEach(self, function: Any = None, this: Any = None) -> None:
        del this
        call = callback(function)
        for key, value in list(self._entries.values()):
            call(value, key, self)

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        if depth == 0:
            return self
        known = conversion.memo.get(id(self), _MISSING)
        if known is not _MISSING:
            return known
        result: dict[Any, Any] = {}
        conversion.memo[id(self)] = result
        for key, value in self._entries.values():
            result[_immutable(key, "dict")] = from_js(conversion.convert(value, depth - 1))
        return result


class _MapKeys(KeysView[Any]):
    """`map.keys()`, which Pyodide answers with Python's own view class."""

    __slots__ = ()
    __module__ = "collections.abc"


_MapKeys.__name__ = _MapKeys.__qualname__ = "KeysView"


class JsSet(JsProxy, js_name="Set"):
    """A Set, in insertion order."""

    __slots__ = ("__weakref__", "_values")

    def __init__(self, values: Iterable[JsValue] = ()) -> None:
        self._values: dict[Any, JsValue] = {}
        for value in values:
            self._put(value)

    def _put(self, value: JsValue) -> None:
        if type(value) is float and not value:
            value = 0
        self._values.setdefault(map_key(value), value)

    @property
    def size(self) -> int:
        return len(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return map(from_js, list(self._values.values()))

    def __contains__(self, value: object) -> bool:
        return map_key(js_value(value)) in self._values

    def has(self, value: Any) -> bool:
        return value in self

    def add(self, value: Any = None) -> JsSet:
        self._put(js_value(value))
        return self

    def delete(self, value: Any) -> bool:
        key = map_key(js_value(value))
        return self._values.pop(key, _MISSING) is not _MISSING

    def clear(self) -> None:
        self._values.clear()

    def values(self) -> JsIterator:
        return JsIterator("Set Iterator", iter(list(self._values.values())))

    keys = values

    def entries(self) -> JsIterator:
        from emulator.core.values.arrays import JsArray

        return JsIterator("Set Iterator", (JsArray([v, v]) for v in list(self._values.values())))

    def forEach(self, function: Any = None, this: Any = None) -> None:
        del this
        call = callback(function)
        for value in list(self._values.values()):
            call(value, value, self)

    def union(self, other: JsSet | JsMap) -> JsSet:
        return JsSet([*self._values.values(), *_members(other)])

    def intersection(self, other: JsSet | JsMap) -> JsSet:
        return JsSet(value for value in self._values.values() if other.has(value))

    def difference(self, other: JsSet | JsMap) -> JsSet:
        return JsSet(value for value in self._values.values() if not other.has(value))

    def symmetricDifference(self, other: JsSet | JsMap) -> JsSet:
        rest = [value for value in _members(other) if not self.has(value)]
        return JsSet([*self.difference(other)._values.values(), *rest])

    def isSubsetOf(self, other: JsSet | JsMap) -> bool:
        return all(other.has(value) for value in self._values.values())

    def isSupersetOf(self, other: JsSet | JsMap) -> bool:
        return all(self.has(value) for value in _members(other))

    def isDisjointFrom(self, other: JsSet | JsMap) -> bool:
        return not any(other.has(value) for value in self._values.values())

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        if depth == 0:
            return self
        return {_immutable(value, "set") for value in self._values.values()}


def _members(other: JsSet | JsMap) -> list[JsValue]:
    if isinstance(other, JsSet):
        return list(other._values.values())
    return [key for key, _ in other._entries.values()]
