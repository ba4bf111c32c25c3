"""`Array`, `Map`, `Set`, their weak kin, `Iterator`, and the buffers.

Source: ECMAScript; spec python-surface §2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    TYPED_ARRAYS,
    ArrayBuffer,
    ArrayBufferView,
    DataView,
    JsArray,
    JsIterator,
    JsMap,
    JsObject,
    JsProxy,
    JsSet,
    JsValue,
    TypedArray,
    js_value,
    jsnull,
    range_error,
    to_integer,
    to_number,
    to_string,
    type_error,
)
from emulator.core.values.callbacks import callback
from emulator.core.values.maps import map_key
from emulator.web.promises import promise_method
from emulator.web.webidl import iterate, member, settle
from emulator.worker.javascript.builders import js_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["collection_globals"]

_BYTES_MAX: Final = 2**32


def collection_globals() -> dict[str, Any]:
    return {
        "Array": js_class(
            "Array",
            _array,
            {
                "from": _array_from,
                "fromAsync": _array_from_async,
                "isArray": lambda value=None: isinstance(value, JsArray),
                "of": lambda *items: JsArray(list(items)),
            },
            plain=_array,
        ),
        "Map": js_class("Map", _map, {"groupBy": _group_by}, plain=_needs_new("Map")),
        "Set": js_class("Set", _set, plain=_needs_new("Set")),
        "WeakMap": js_class("WeakMap", _weak_map, plain=_needs_new("WeakMap")),
        "WeakSet": js_class("WeakSet", _weak_set, plain=_needs_new("WeakSet")),
        "WeakRef": js_class("WeakRef", WeakRef, plain=_needs_new("WeakRef")),
        "FinalizationRegistry": js_class("FinalizationRegistry", FinalizationRegistry),
        "Iterator": js_class("Iterator", _no_iterator, {"from": _iterator_from}),
        "ArrayBuffer": js_class(
            "ArrayBuffer",
            _array_buffer,
            {"isView": lambda value=None: isinstance(value, ArrayBufferView)},
            plain=_needs_new("ArrayBuffer"),
        ),
        "DataView": js_class("DataView", _data_view, plain=_needs_new("DataView")),
        **{name: _typed_array_class(name, kind) for name, kind in TYPED_ARRAYS.items()},
    }


def _needs_new(name: str) -> Callable[..., JsValue]:
    def refuse(*_: JsValue) -> JsValue:
        raise type_error(f"Constructor {name} requires 'new'")

    return refuse


def _members_of(values: JsValue) -> Iterable[JsValue]:
    """What an iterable argument of a constructor gives; nothing for undefined and null."""
    if values is None or values is jsnull:
        return ()
    if isinstance(values, str):
        return values
    found = iterate(values)
    if found is None:
        kind = "number" if isinstance(values, (int, float)) else "object"
        raise type_error(f"{kind} {to_string(values)} is not iterable")
    return found


# --- Array -------------------------------------------------------------------------------------


def _array(*items: JsValue) -> JsArray:
    if len(items) == 1 and type(items[0]) in (int, float):
        made = JsArray()
        made.length = items[0]
        return made
    return JsArray(list(items))


def _array_from(source: JsValue = None, function: JsValue = None) -> JsArray:
    if source is None or source is jsnull:
        raise type_error(f"{to_string(source)} is not iterable")
    items = list(_like_array(source))
    if function is None:
        return JsArray(items)
    call = callback(function)
    return JsArray([call(item, i) for i, item in enumerate(items)])


def _like_array(source: JsValue) -> Iterable[JsValue]:
    """What `Array.from` takes: an iterable, else an object with a length and indices."""
    if isinstance(source, str):
        return source
    found = iterate(source)
    if found is None and isinstance(source, TypedArray):
        return source._list()
    if found is None and isinstance(source, JsProxy):
        count = max(0, to_integer(member(source, "length")))
        return (member(source, str(i)) for i in range(count))
    return found or ()


@promise_method
async def _array_from_async(source: JsValue = None, function: JsValue = None) -> JsArray:
    target = source.unwrap() if hasattr(source, "unwrap") else source
    if hasattr(target, "__aiter__"):
        items = [js_value(item) async for item in target]
    else:
        items = [await settle(item) for item in _like_array(source)]
    if function is not None:
        call = callback(function)
        items = [await settle(call(item, i)) for i, item in enumerate(items)]
    return JsArray(items)


# --- Map and Set -------------------------------------------------------------------------------


def _pair(entry: JsValue) -> tuple[JsValue, JsValue]:
    if not isinstance(entry, JsProxy):
        raise type_error(f"Iterator value {to_string(entry)} is not an entry object")
    values = [*(iterate(entry) or ()), None, None]
    return values[0], values[1]


def _map(entries: JsValue = None) -> JsMap:
    if isinstance(entries, JsMap):
        return JsMap(entries._entries.values())
    return JsMap(map(_pair, _members_of(entries)))


def _set(values: JsValue = None) -> JsSet:
    return JsSet(_members_of(values))


def _group_by(items: JsValue = None, function: JsValue = None) -> JsMap:
    call = callback(function)
    groups = JsMap()
    for i, item in enumerate(_members_of(items)):
        key = call(item, i)
        found = groups._entries.get(map_key(key))
        if found is None:
            groups._put(key, JsArray([item]))
        else:
            found[1]._items.append(item)
    return groups


class WeakMap(JsProxy, js_name="WeakMap"):
    """A WeakMap. What it holds is let go with the map."""

    def __init__(self) -> None:
        self._map = JsMap()

    def get(self, key: Any = None) -> Any:
        return self._map.get(key)

    def has(self, key: Any = None) -> bool:
        return self._map.has(key)

    def delete(self, key: Any = None) -> bool:
        return self._map.delete(key)

    def set(self, key: Any = None, value: Any = None) -> WeakMap:
        if not isinstance(js_value(key), JsProxy):
            raise type_error(f"Invalid value used as weak map key: {to_string(js_value(key))}")
        self._map.set(key, value)
        return self


class WeakSet(JsProxy, js_name="WeakSet"):
    """A WeakSet. What it holds is let go with the set."""

    def __init__(self) -> None:
        self._set = JsSet()

    def has(self, value: Any = None) -> bool:
        return self._set.has(value)

    def delete(self, value: Any = None) -> bool:
        return self._set.delete(value)

    def add(self, value: Any = None) -> WeakSet:
        if not isinstance(js_value(value), JsProxy):
            raise type_error(f"Invalid value used in weak set: {to_string(js_value(value))}")
        self._set.add(value)
        return self


def _weak_map(entries: JsValue = None) -> WeakMap:
    made = WeakMap()
    for key, value in map(_pair, _members_of(entries)):
        made.set(key, value)
    return made


def _weak_set(values: JsValue = None) -> WeakSet:
    made = WeakSet()
    for value in _members_of(values):
        made.add(value)
    return made


class WeakRef(JsProxy, js_name="WeakRef"):
    """A WeakRef whose target is never collected, which is a run that the platform may show, too."""

    def __init__(self, target: JsValue = None) -> None:
        if not isinstance(target, JsProxy):
            raise type_error("WeakRef: target must be an object")
        self._target = target

    def deref(self) -> Any:
        return self._target


class FinalizationRegistry(JsProxy, js_name="FinalizationRegistry"):
    """A registry that calls nobody: nothing is collected as long as it is watched."""

    def __init__(self, callback: JsValue = None) -> None:
        self._callback = callback

    def register(self, target: Any = None, held: Any = None, token: Any = None) -> None:
        """Accepted."""

    def unregister(self, token: Any = None) -> bool:
        del token
        return False


def _no_iterator(*_: JsValue) -> JsValue:
    raise type_error("Abstract class Iterator not directly constructable")


def _iterator_from(source: JsValue = None) -> JsIterator:
    if isinstance(source, JsIterator):
        return source
    return JsIterator("Wrap Iterator", iter(_members_of(source)))


# --- buffers -----------------------------------------------------------------------------------


def _array_buffer(length: JsValue = 0, options: JsValue = None) -> ArrayBuffer:
    limit = member(options, "maxByteLength") if isinstance(options, JsObject) else None
    size = _size(length, "Array buffer allocation failed")
    return ArrayBuffer(bytearray(size), None if limit is None else to_integer(limit))


def _size(value: JsValue, problem: str) -> int:
    number = to_integer(value)
    if not 0 <= number < _BYTES_MAX:
        raise range_error(problem)
    return number


def _data_view(buffer: JsValue = None, offset: JsValue = 0, length: JsValue = None) -> DataView:
    if not isinstance(buffer, ArrayBuffer):
        raise type_error("First argument to DataView constructor must be an ArrayBuffer")
    return DataView(buffer, to_integer(offset), None if length is None else to_integer(length))


def _typed_array_class(name: str, kind: type[TypedArray]) -> JsProxy:
    def construct(source: JsValue = 0, offset: JsValue = 0, length: JsValue = None) -> JsValue:
        if isinstance(source, ArrayBuffer):
            count = None if length is None else to_integer(length)
            return kind(source, to_integer(offset), count)
        if isinstance(source, JsProxy):
            values = source._list() if isinstance(source, TypedArray) else _like_array(source)
            return kind.of_values(values)
        number = 0.0 if source is None else to_number(source)
        count = _size(number, f"Invalid typed array length: {to_string(source)}")
        return kind(ArrayBuffer(bytearray(count * kind.item_bytes)))

    def from_(source: JsValue = None, function: JsValue = None) -> JsValue:
        return kind.of_values(_array_from(source, function)._items)

    return js_class(
        name,
        construct,
        {"from": from_, "of": lambda *items: kind.of_values(items)},
        values={"BYTES_PER_ELEMENT": kind.item_bytes},
        plain=_needs_new(name),
    )
