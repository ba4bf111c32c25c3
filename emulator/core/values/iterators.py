"""The iterators that JavaScript makes, with the standard helpers.

Source: ECMAScript iterator helpers; spec storage §2, §3.1.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.border import from_js, js_value
from emulator.core.values.callbacks import callback, js_truthy
from emulator.core.values.errors import type_error
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import JsProxy, JsValue

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["JsIterator"]

_MISSING: Final = object()


class JsIterator(JsProxy, js_name="Iterator"):
    """An iterator over `source`; `tag` is what its text shows: `[object Map Iterator]`."""

    __slots__ = ("__weakref__", "_source", "_tag")

    def __init__(self, tag: str, source: Iterator[JsValue]) -> None:
        self._tag = tag
        self._source = source

    def toString(self) -> str:
        return f"[object {self._tag}]"

    def __iter__(self) -> JsIterator:
        return self

    def __next__(self) -> Any:
        return from_js(next(self._source))

    def next(self) -> JsObject:
        value = next(self._source, _MISSING)
        if value is _MISSING:
            return JsObject({"value": None, "done": True})
        return JsObject({"value": value, "done": False})

    def toArray(self) -> Any:
        from emulator.core.values.arrays import JsArray

        return JsArray(list(self._source))

    def map(self, function: Any) -> JsIterator:
        call = callback(function)
        return _helper(call(value, i) for i, value in enumerate(self._source))

    def filter(self, function: Any) -> JsIterator:
        call = callback(function)
        return _helper(value for i, value in enumerate(self._source) if js_truthy(call(value, i)))

    def flatMap(self, function: Any) -> JsIterator:
        call = callback(function)
        return _helper(
            js_value(inner) for i, value in enumerate(self._source) for inner in call(value, i)
        )

    def take(self, limit: int) -> JsIterator:
        return _helper(itertools.islice(self._source, limit))

    def drop(self, limit: int) -> JsIterator:
        return _helper(itertools.islice(self._source, limit, None))

    def forEach(self, function: Any) -> None:
        call = callback(function)
        for i, value in enumerate(self._source):
            call(value, i)

    def some(self, function: Any) -> bool:
        call = callback(function)
        return any(js_truthy(call(value, i)) for i, value in enumerate(self._source))

    def every(self, function: Any) -> bool:
        call = callback(function)
        return all(js_truthy(call(value, i)) for i, value in enumerate(self._source))

    def find(self, function: Any) -> Any:
        call = callback(function)
        for i, value in enumerate(self._source):
            if js_truthy(call(value, i)):
                return from_js(value)
        return None

    def reduce(self, function: Any, *initial: Any) -> Any:
        call = callback(function)
        result = js_value(initial[0]) if initial else next(self._source, _MISSING)
        if result is _MISSING:
            raise type_error("Reduce of a done iterator with no initial value")
        for i, value in enumerate(self._source, 0 if initial else 1):
            result = call(result, value, i)
        return from_js(result)


def _helper(source: Iterator[JsValue]) -> JsIterator:
    return JsIterator("Iterator Helper", source)
