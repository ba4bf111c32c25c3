"""`to_js`: the explicit, deep conversion into JavaScript. Its inverse is `JsProxy.to_py`.

Source: spec python-surface §2.1; Pyodide's documented type translations.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.border import PyProxy, js_value
from emulator.core.values.buffers import ArrayBuffer
from emulator.core.values.maps import JsMap, JsSet
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import (
    MAX_SAFE_INTEGER,
    PRIMITIVES,
    ConversionError,
    JsProxy,
    JsValue,
)
from emulator.core.values.text import to_string
from emulator.core.values.typed_arrays import Uint8Array

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConversionError", "Note", "make_to_js", "to_js"]

type Note = Callable[[str, Any, Any], None]
"""Is told of what a conversion changes: what kind ("dict", "key" or "datetime"), the value, and the
default converter of the call."""

_AS_IS: Final = PRIMITIVES - {int}


class _Converter:
    """One call of `to_js`."""

    __slots__ = (
        *("create_proxies", "default_converter", "dict_converter", "memo", "note", "pyproxies"),
        "wants_maps",
    )

    def __init__(
        self,
        dict_converter: Callable[[Any], Any] | None,
        default_converter: Callable[..., Any] | None,
        pyproxies: Any,
        create_proxies: bool,
        wants_maps: bool,
        note: Note | None,
    ) -> None:
        self.dict_converter = dict_converter
        self.default_converter = default_converter
        self.pyproxies = pyproxies
        self.create_proxies = create_proxies
        self.wants_maps = wants_maps
        self.note = note
        self.memo: dict[int, tuple[Any, JsValue]] = {}

    def convert(self, value: Any, depth: int = -1) -> JsValue:  # noqa: PLR0911  # one a class
        kind = type(value)
        if kind in PRIMITIVES or isinstance(value, (JsProxy, str, int, float)):
            return js_value(value)
        known = self.memo.get(id(value))
        if known is not None:
            return known[1]
        if depth == 0:
            return self._proxy(value)
        if isinstance(value, (list, tuple)):
            return self._array(value, depth)
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return Uint8Array(ArrayBuffer(bytearray(value)))
        if isinstance(value, (set, frozenset)):
            return JsSet([self.convert(member, depth - 1) for member in value])
        return self._other(value)

    def _array(self, value: list[Any] | tuple[Any, ...], depth: int) -> JsArray:
        items: list[JsValue] = []
        result = JsArray(items)
        self.memo[id(value)] = (value, result)
        convert = self.convert
        items.extend([item if type(item) in _AS_IS else convert(item, depth - 1) for item in value])
        return result

    def _object(self, value: dict[Any, Any], depth: int) -> JsValue:
        if self.dict_converter is None:
            if self.wants_maps:
                return self._map(value, depth)
        elif not _is_from_entries(self.dict_converter):
            pairs = JsArray(
                [
                    JsArray([self.convert(k, depth - 1), self.convert(v, depth - 1)])
                    for k, v in value.items()
                ]
            )
            return js_value(self.dict_converter(pairs))
        members: dict[str, JsValue] = {}
        result = JsObject(members)
        self.memo[id(value)] = (value, result)
        convert = self.convert
        for key, item in value.items():
            name = key if type(key) is str else self._name(key)
            members[name] = item if type(item) in _AS_IS else convert(item, depth - 1)
        return result

    def _name(self, key: Any) -> str:
        if self.note is not None and not isinstance(key, str):
            self.note("key", key, self.default_converter)
        return to_string(js_value(key))

    def _map(self, value: dict[Any, Any], depth: int) -> JsMap:
        if self.note is not None:
            self.note("dict", value, self.default_converter)
        result = JsMap()
        self.memo[id(value)] = (value, result)
        for key, item in value.items():
            result._put(self.convert(key, depth - 1), self.convert(item, depth - 1))
        return result

    def _other(self, value: Any) -> JsValue:
        if self.note is not None and isinstance(value, datetime):
            self.note("datetime", value, self.default_converter)
        if self.default_converter is None:
            return self._proxy(value)
        result = self.default_converter(value, self.convert, self._remember)
        if type(result) in PRIMITIVES or isinstance(result, JsProxy):
            return js_value(result)
        return self._proxy(result)

    def _remember(self, value: Any, result: Any) -> None:
        self.memo[id(value)] = (value, js_value(result))

    def _proxy(self, value: Any) -> PyProxy:
        if not self.create_proxies:
            raise ConversionError("No conversion known for x.")
        proxy = PyProxy(value)
        if self.pyproxies is not None:
            self.pyproxies.append(proxy)
        return proxy


def make_to_js(*, wants_maps: bool = False, note: Note | None = None) -> Callable[..., Any]:
    """A `to_js`.

    Args:
        wants_maps: a dict without a converter becomes a Map, as before Pyodide 314.
        note: is told of what a conversion changes.
    """

    def to_js(
        value: Any,
        /,
        *,
        depth: int = -1,
        pyproxies: Any = None,
        create_pyproxies: bool = True,
        dict_converter: Callable[[Any], Any] | None = None,
        default_converter: Callable[..., Any] | None = None,
        eager_converter: Callable[..., Any] | None = None,
    ) -> Any:
        """Convert deeply to JavaScript.

        Raises:
            ConversionError: a value needs a proxy and `create_pyproxies` is false.
        """
        kind = type(value)
        if kind in _AS_IS:
            return value
        if kind is int and eager_converter is None and -MAX_SAFE_INTEGER < value < MAX_SAFE_INTEGER:
            return value
        converter = _Converter(
            dict_converter, default_converter, pyproxies, create_pyproxies, wants_maps, note
        )
        if eager_converter is not None:
            return js_value(eager_converter(value, converter.convert, converter._remember))
        return converter.convert(value, depth)

    return to_js


to_js: Final = make_to_js()
"""Pyodide 314's: a dict becomes a plain object."""


def _is_from_entries(converter: Callable[[Any], Any]) -> bool:
    return getattr(converter, "is_from_entries", False)
