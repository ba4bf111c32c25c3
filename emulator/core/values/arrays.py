"""Array.

Source: ECMAScript Array; Pyodide's JsArray; spec python-surface §2.2.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, overload

from emulator.core.values.border import from_js, js_value
from emulator.core.values.callbacks import callback, is_function, js_truthy
from emulator.core.values.errors import range_error, type_error
from emulator.core.values.iteration import Indexed, relative
from emulator.core.values.proxies import HOLE, PRIMITIVES, Conversion, JsValue
from emulator.core.values.text import to_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ARRAY_ITEMS_MAX", "JsArray"]

# DIFFERS: the platform's limit is 2**32 - 1; here a hole takes 8 bytes.
ARRAY_ITEMS_MAX: Final = 2**25

_MISSING: Final = object()


class JsArray(Indexed, js_name="Array"):
    """An array. A hole is `HOLE` inside and undefined when read."""

    __slots__ = ("__weakref__", "_items")

    def __init__(self, items: list[JsValue] | None = None) -> None:
        self._items: list[JsValue] = [] if items is None else items

    def _list(self) -> list[JsValue]:
        return self._items

    @property
    def length(self) -> int:
        return len(self._items)

    @length.setter
    def length(self, count: float) -> None:
        if count != count or count < 0 or count != int(count) or count > ARRAY_ITEMS_MAX:
            raise range_error("Invalid array length")
        missing = int(count) - len(self._items)
        if missing < 0:
            del self._items[int(count) :]
        self._items.extend([HOLE] * missing)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return map(from_js, self._items)

    def __reversed__(self) -> Iterator[Any]:
        return map(from_js, reversed(self._items))

    @overload
    def __getitem__(self, index: slice) -> JsArray: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return JsArray(self._items[index])
        try:
            return from_js(self._items[index])
        except IndexError:
            raise IndexError(index) from None

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            self._items[index] = map(js_value, value)
        else:
            self._items[index] = js_value(value)

    def __delitem__(self, index: int | slice) -> None:
        del self._items[index]

    def __contains__(self, value: object) -> bool:
        return self.includes(value)

    def __add__(self, other: Iterable[Any]) -> JsArray:
        return JsArray([*self._items, *map(js_value, other)])

    def __iadd__(self, other: Iterable[Any]) -> JsArray:
        self.extend(other)
        return self

    def _own(self) -> dict[str, JsValue]:
        return {str(i): v for i, v in enumerate(self._items) if v is not HOLE}

    def push(self, *values: Any) -> int:
        self._items.extend(map(js_value, values))
        return len(self._items)

    def append(self, value: Any) -> None:
        self._items.append(js_value(value))

    def extend(self, values: Iterable[Any]) -> None:
        self._items.extend(list(map(js_value, values)))

    def insert(self, index: int, value: Any) -> None:
        self._items.insert(index, js_value(value))

    def remove(self, value: Any) -> None:
        del self._items[self.index(value)]

    def index(self, value: Any, start: int = 0) -> int:
        """Python's `index`: the position, or ValueError (`indexOf` gives -1)."""
        found = self.indexOf(value, start)
        if found < 0:
            raise ValueError(f"{value!r} is not in list")
        return found

    def count(self, value: Any) -> int:
        return sum(1 for i in range(len(self._items)) if self[i : i + 1].includes(value))

    def clear(self) -> None:
        self._items.clear()

    def pop(self, index: int = -1) -> Any:
        return from_js(self._items.pop(index)) if self._items else None

    def shift(self) -> Any:
        return from_js(self._items.pop(0)) if self._items else None

    def unshift(self, *values: Any) -> int:
        self._items[:0] = list(map(js_value, values))
        return len(self._items)

    def slice(self, start: int | None = None, end: int | None = None) -> JsArray:
        count = len(self._items)
        return JsArray(self._items[relative(start, count, 0) : relative(end, count, count)])

    def splice(self, start: int = 0, *rest: Any) -> JsArray:
        """Take out `rest[0]` elements (all, if not given) and put in the others of `rest`."""
        count = len(self._items)
        begin = relative(start, count, 0)
        take = count - begin if not rest else max(0, min(int(rest[0] or 0), count - begin))
        removed = self._items[begin : begin + take]
        self._items[begin : begin + take] = list(map(js_value, rest[1:]))
        return JsArray(removed)

    def toSpliced(self, start: int = 0, *rest: Any) -> JsArray:
        result = JsArray(list(self._items))
        result.splice(start, *rest)
        return result

    def with_(self, index: int, value: Any) -> JsArray:
        if not -len(self._items) <= index < len(self._items):
            raise range_error(f"Invalid index : {index}")
        result = JsArray(list(self._items))
        result[index] = value
        return result

    def concat(self, *others: Any) -> JsArray:
        items = list(self._items)
        for other in map(js_value, others):
            items.extend(other._items if isinstance(other, JsArray) else (other,))
        return JsArray(items)

    def fill(self, value: Any = None, start: int = 0, end: int | None = None) -> JsArray:
        count = len(self._items)
        inside = js_value(value)
        for i in range(relative(start, count, 0), relative(end, count, count)):
            self._items[i] = inside
        return self

    def copyWithin(self, target: int, start: int = 0, end: int | None = None) -> JsArray:
        count = len(self._items)
        copied = self.slice(start, end)._items
        to = relative(target, count, 0)
        self._items[to:count] = (copied + self._items[to + len(copied) :])[: count - to]
        return self

    def reverse(self) -> JsArray:
        self._items.reverse()
        return self

    def toReversed(self) -> JsArray:
        return JsArray(self._items[::-1])

    def sort(self, compare: Any = None) -> JsArray:
        """In place: by text in UTF-16 order, or by `compare`; undefined and holes come last."""
        values = [x for x in self._items if x is not None and x is not HOLE]
        tail: list[JsValue] = [None] * sum(1 for x in self._items if x is None)
        tail += [HOLE] * (len(self._items) - len(values) - len(tail))
        if compare is None:
            values.sort(key=lambda x: to_string(x).encode("utf-16-be", "surrogatepass"))
        else:
            inside = js_value(compare)
            if not is_function(inside):
                raise type_error(
                    "The comparison function must be either a function or undefined: "
                    f"{to_string(inside)}"
                )
            call = callback(compare)
            values.sort(key=functools.cmp_to_key(lambda a, b: _order(call(a, b))))
        self._items[:] = values + tail
        return self

    def toSorted(self, compare: Any = None) -> JsArray:
        return JsArray(list(self._items)).sort(compare)

    def map(self, function: Any = None, this: Any = None) -> JsArray:
        del this
        call = callback(function)
        result: list[JsValue] = [HOLE] * len(self._items)
        for i, value in self._present():
            result[i] = call(value, i, self)
        return JsArray(result)

    def filter(self, function: Any = None, this: Any = None) -> JsArray:
        del this
        call = callback(function)
        return JsArray([x for i, x in self._present() if js_truthy(call(x, i, self))])

    def flat(self, depth: int = 1) -> JsArray:
        result: list[JsValue] = []
        for _, value in self._present():
            if isinstance(value, JsArray) and depth >= 1:
                result.extend(value.flat(depth - 1)._items)
            else:
                result.append(value)
        return JsArray(result)

    def flatMap(self, function: Any = None, this: Any = None) -> JsArray:
        return self.map(function, this).flat()

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        if depth == 0:
            return self
        known = conversion.memo.get(id(self), _MISSING)
        if known is not _MISSING:
            return known
        result: list[Any] = []
        conversion.memo[id(self)] = result
        convert = conversion.convert
        for value in self._items:
            plain = type(value) in PRIMITIVES
            result.append(from_js(value) if plain else convert(value, depth - 1))
        return result


def _order(answer: JsValue) -> int:
    """What a comparison function says, as Python's sort wants it."""
    from emulator.core.values.coercion import to_number

    number = to_number(answer)
    return (number > 0) - (number < 0)
