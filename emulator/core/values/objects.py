"""The plain object, and the view of it as a mapping.

An object keeps its members in a dict, in a slot whose name starts with an underscore, so that the
codec, JSON and the conversions reach them without a method call. What is inside is JavaScript's
(V1); what is read through the proxy is Python's (V2).

Source: spec python-surface §2.2, golden/python-workers (raw rows).
"""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.border import from_js, js_value
from emulator.core.values.mappings import MappingMethods
from emulator.core.values.proxies import PRIMITIVES, Conversion, JsProxy, JsValue
from emulator.core.values.text import is_array_index, to_string

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView

__all__ = ["JsObject", "ObjectMap", "from_entries", "ordered", "set_members"]


def ordered(members: dict[str, JsValue]) -> dict[str, JsValue]:
    """The members in JavaScript's order: array indices ascending, then by insertion."""
    # The digits come before the colon: most objects are done with this one comparison.
    if min(members, default=":") >= ":":
        return members
    indices = sorted((k for k in members if is_array_index(k)), key=int)
    if not indices:
        return members
    rest = {k: v for k, v in members.items() if not is_array_index(k)}
    return {k: members[k] for k in indices} | rest


def _property_name(name: str) -> str:
    # Pyodide: `o.from_` reads the property `from`, which Python cannot spell.
    return name[:-1] if name[-1:] == "_" and keyword.iskeyword(name[:-1]) else name


class JsObject(JsProxy):
    """A plain object. Properties are attributes; there is no item access, as in Pyodide."""

    __slots__ = ("__weakref__", "_members")

    _members: dict[str, JsValue]

    def __init__(self, members: dict[str, JsValue] | None = None) -> None:
        set_members(self, {} if members is None else members)

    def __getattr__(self, name: str) -> Any:
        members = self._members
        value = members.get(name, _MISSING)
        if value is _MISSING:
            value = members.get(_property_name(name), _MISSING)
            if value is _MISSING:
                raise AttributeError(name)
        return value if type(value) in _AS_IS else from_js(value)

    def __setattr__(self, name: str, value: Any) -> None:
        self._members[_property_name(name)] = js_value(value)

    def __delattr__(self, name: str) -> None:
        if self._members.pop(_property_name(name), _MISSING) is _MISSING:
            raise AttributeError(name)

    def __dir__(self) -> Iterable[str]:
        return [*object.__dir__(self), *self._members]

    def _own(self) -> dict[str, JsValue]:
        return ordered(self._members)

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        if depth == 0:
            return self
        known = conversion.memo.get(id(self), _MISSING)
        if known is not _MISSING:
            return known
        result: dict[str, Any] = {}
        conversion.memo[id(self)] = result
        convert = conversion.convert
        for key, value in ordered(self._members).items():
            plain = type(value) in PRIMITIVES
            result[key] = from_js(value) if plain else convert(value, depth - 1)
        return result

    def hasOwnProperty(self, key: JsValue) -> bool:
        return to_string(key) in self._members

    def as_object_map(self, *, hereditary: bool = False) -> ObjectMap:
        """A view with item access: `o.as_object_map()["key"]`."""
        del hereditary
        return ObjectMap(self)

    as_py_json = as_object_map


set_members: Final = JsObject.__dict__["_members"].__set__
_MISSING: Final = object()
_AS_IS: Final = frozenset({str, int, bool, type(None)})


class ObjectMap(MappingMethods):
    """A plain object seen as a Python mapping (Pyodide's `as_object_map`): the same object."""

    __slots__ = ("_object",)

    def __init__(self, target: JsObject) -> None:
        self._object = target

    __hash__ = None  # type: ignore[assignment]  # (V3)

    def __eq__(self, other: object) -> bool:
        return self._object is (other._object if isinstance(other, ObjectMap) else other)

    @property
    def js_id(self) -> int:
        return self._object.js_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._object, name)

    def __getitem__(self, key: str) -> Any:
        try:
            return from_js(self._object._members[key])
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: Any) -> None:
        self._object._members[key] = js_value(value)

    def __delitem__(self, key: str) -> None:
        del self._object._members[key]

    def __contains__(self, key: object) -> bool:
        return key in self._object._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._object._own())

    def __len__(self) -> int:
        return len(self._object._members)

    def keys(self) -> KeysView[str]:
        return self._object._own().keys()

    def values(self) -> ValuesView[Any]:
        return {key: self[key] for key in self}.values()

    def items(self) -> ItemsView[str, Any]:
        return {key: self[key] for key in self}.items()

    def _own(self) -> dict[str, JsValue]:
        return self._object._own()

    def _to_py(self, conversion: Conversion, depth: int) -> Any:
        return conversion.convert(self._object, depth)


def from_entries(entries: Iterable[Any]) -> JsObject:
    """`Object.fromEntries` for pairs that are JavaScript's already or Python's."""
    return JsObject({to_string(js_value(key)): js_value(value) for key, value in entries})
