"""The methods that Array and the typed arrays share: those that read and do not change.

Source: ECMAScript Array.prototype and %TypedArray%.prototype.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from emulator.core.values.border import from_js, js_value
from emulator.core.values.callbacks import callback, js_truthy
from emulator.core.values.errors import type_error
from emulator.core.values.iterators import JsIterator
from emulator.core.values.maps import map_key
from emulator.core.values.proxies import HOLE, JsNull, JsProxy, JsValue
from emulator.core.values.text import to_string

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Indexed", "joined", "relative"]


def relative(index: float | None, length: int, default: int) -> int:
    """A position as JavaScript means it: from the end if negative, never outside."""
    if index is None:
        return default
    if index != index:
        return 0
    whole = int(max(-length, min(length, index)) if math.isinf(index) else index)
    return max(0, length + whole) if whole < 0 else min(whole, length)


def joined(items: Iterable[JsValue], separator: str, outer: tuple[int, ...] = ()) -> str:
    """`Array.prototype.join`: undefined, null and an array inside itself are empty."""
    texts = []
    for item in items:
        if item is None or item is HOLE or isinstance(item, JsNull):
            texts.append("")
        elif isinstance(item, Indexed):
            is_cycle = id(item) in outer
            texts.append("" if is_cycle else joined(item._list(), ",", (*outer, id(item))))
        else:
            texts.append(to_string(item))
    return separator.join(texts)


class Indexed(JsProxy):
    """Elements by position. A function is called with an element, its index and the array."""

    __slots__ = ()

    def _list(self) -> list[JsValue]:
        """The elements; `HOLE` where there is none."""
        raise NotImplementedError

    def _present(self) -> list[tuple[int, JsValue]]:
        return [(i, value) for i, value in enumerate(self._list()) if value is not HOLE]

    def toString(self) -> str:
        return joined(self._list(), ",", (id(self),))

    def toLocaleString(self) -> str:
        return self.toString()

    def join(self, separator: Any = None) -> str:
        text = "," if separator is None else to_string(js_value(separator))
        return joined(self._list(), text, (id(self),))

    def at(self, index: int = 0) -> Any:
        items = self._list()
        return from_js(items[index]) if -len(items) <= index < len(items) else None

    def includes(self, value: Any = None, start: int = 0) -> bool:
        items = self._list()
        wanted = map_key(js_value(value))
        found = items[relative(start, len(items), 0) :]
        return any(map_key(None if x is HOLE else x) == wanted for x in found)

    def indexOf(self, value: Any = None, start: int = 0) -> int:
        items = self._list()
        inside = js_value(value)
        wanted = map_key(inside)
        for i in range(relative(start, len(items), 0), len(items)):
            if items[i] is not HOLE and map_key(items[i]) == wanted and inside == inside:
                return i
        return -1

    def lastIndexOf(self, value: Any = None) -> int:
        inside = js_value(value)
        wanted = map_key(inside)
        for i, item in reversed(self._present()):
            if map_key(item) == wanted and inside == inside:
                return i
        return -1

    def forEach(self, function: Any = None, this: Any = None) -> None:
        del this
        call = callback(function)
        for i, value in self._present():
            call(value, i, self)

    def some(self, function: Any = None, this: Any = None) -> bool:
        del this
        call = callback(function)
        return any(js_truthy(call(value, i, self)) for i, value in self._present())

    def every(self, function: Any = None, this: Any = None) -> bool:
        del this
        call = callback(function)
        return all(js_truthy(call(value, i, self)) for i, value in self._present())

    def _search(self, function: Any, *, backwards: bool) -> tuple[int, JsValue]:
        call = callback(function)
        found = list(enumerate(self._list()))
        for i, item in reversed(found) if backwards else found:
            value = None if item is HOLE else item
            if js_truthy(call(value, i, self)):
                return i, value
        return -1, None

    def find(self, function: Any = None, this: Any = None) -> Any:
        del this
        return from_js(self._search(function, backwards=False)[1])

    def findIndex(self, function: Any = None, this: Any = None) -> int:
        del this
        return self._search(function, backwards=False)[0]

    def findLast(self, function: Any = None, this: Any = None) -> Any:
        del this
        return from_js(self._search(function, backwards=True)[1])

    def findLastIndex(self, function: Any = None, this: Any = None) -> int:
        del this
        return self._search(function, backwards=True)[0]

    def reduce(self, function: Any = None, *initial: Any) -> Any:
        return self._fold(function, self._present(), initial)

    def reduceRight(self, function: Any = None, *initial: Any) -> Any:
        return self._fold(function, self._present()[::-1], initial)

    def _fold(
        self, function: Any, found: list[tuple[int, JsValue]], initial: tuple[Any, ...]
    ) -> Any:
        call = callback(function)
        if initial:
            result = js_value(initial[0])
        elif found:
            result = found.pop(0)[1]
        else:
            raise type_error("Reduce of empty array with no initial value")
        for i, value in found:
            result = call(result, value, i, self)
        return from_js(result)

    def keys(self) -> JsIterator:
        return JsIterator("Array Iterator", iter(range(len(self._list()))))

    def values(self) -> JsIterator:
        items = [None if x is HOLE else x for x in self._list()]
        return JsIterator("Array Iterator", iter(items))

    def entries(self) -> JsIterator:
        from emulator.core.values.arrays import JsArray

        items = [None if x is HOLE else x for x in self._list()]
        return JsIterator("Array Iterator", (JsArray([i, x]) for i, x in enumerate(items)))
