"""`structuredClone`: a deep copy with references and cycles, without going through bytes.

Source: spec storage §1.3, lifecycle §6.3; what it keeps and refuses is what `codec.dumps` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.border import js_value
from emulator.core.values.boxed import JsBoxed
from emulator.core.values.buffers import ArrayBuffer, ArrayBufferView
from emulator.core.values.dates import JsDate
from emulator.core.values.errors import (
    ERROR_NAMES,
    DomException,
    JsException,
    data_clone_error,
    range_error,
)
from emulator.core.values.maps import JsMap, JsSet
from emulator.core.values.objects import JsObject, ObjectMap, ordered
from emulator.core.values.proxies import HOLE, PRIMITIVES, JsProxy, JsValue
from emulator.core.values.refusals import clone_refusal
from emulator.core.values.regexps import JsRegExp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["structured_clone"]


def structured_clone(
    value: JsValue,
    *,
    native_errors: bool = True,
    host: Callable[[JsProxy], JsValue] | None = None,
) -> JsValue:
    """Copy a JavaScript value.

    Args:
        native_errors: copy errors whole (compatibility dates from 2026-04-21).
        host: what becomes of an object that structured clone does not know (a function, a stub, a
            class of the platform): its copy. It may raise `refusals.clone_refusal(value)`, as is
            done without it. Called once for each object.

    Raises:
        JsException: a DataCloneError, if something in `value` cannot be cloned; a RangeError, if
            it is nested too deeply.
    """
    if type(value) in PRIMITIVES:
        return value
    try:
        return _Cloner(native_errors, host).clone(value)
    except RecursionError:
        raise range_error("Maximum call stack size exceeded") from None


class _Cloner:
    """One copy. `memo` has the copies by the identity of what was copied."""

    __slots__ = ("_host", "_memo", "_native_errors")

    def __init__(self, native_errors: bool, host: Callable[[JsProxy], JsValue] | None) -> None:
        self._native_errors = native_errors
        self._host = host
        # The original is kept too: its identity must not be given again meanwhile.
        self._memo: dict[int, tuple[JsValue, JsValue]] = {}

    def clone(self, value: JsValue) -> JsValue:
        kind = type(value)
        if kind in PRIMITIVES or value is HOLE:
            return value
        known = self._memo.get(id(value))
        if known is not None:
            return known[1]
        return _CLONERS.get(kind, _Cloner._other)(self, value)

    def _remember[T](self, value: JsValue, copy: T) -> T:
        self._memo[id(value)] = (value, copy)
        return copy

    def _object(self, value: JsObject) -> JsObject:
        members: dict[str, JsValue] = {}
        copy = self._remember(value, JsObject(members))
        clone = self.clone
        for key, x in ordered(value._members).items():
            members[key] = x if type(x) in PRIMITIVES else clone(x)
        return copy

    def _array(self, value: JsArray) -> JsArray:
        items: list[JsValue] = []
        copy = self._remember(value, JsArray(items))
        clone = self.clone
        items.extend([x if type(x) in PRIMITIVES else clone(x) for x in value._items])
        return copy

    def _map(self, value: JsMap) -> JsMap:
        copy = self._remember(value, JsMap())
        for key, x in value._entries.values():
            copy._put(self.clone(key), self.clone(x))
        return copy

    def _set(self, value: JsSet) -> JsSet:
        copy = self._remember(value, JsSet())
        for x in value._values.values():
            copy._put(self.clone(x))
        return copy

    def _date(self, value: JsDate) -> JsDate:
        return self._remember(value, JsDate(value._ms))

    def _regexp(self, value: JsRegExp) -> JsRegExp:
        return self._remember(value, JsRegExp(value.source, value.flags))

    def _boxed(self, value: JsBoxed) -> JsBoxed:
        return self._remember(value, JsBoxed(value._value))

    def _buffer(self, value: ArrayBuffer) -> ArrayBuffer:
        if value.detached:
            raise data_clone_error("An ArrayBuffer is detached and could not be cloned.")
        return self._remember(value, ArrayBuffer(bytearray(value._data), value.max_byte_length))

    def _view(self, value: ArrayBufferView) -> ArrayBufferView:
        if value.is_out_of_bounds:
            raise data_clone_error(f"#<{value.js_name}> could not be cloned.")
        buffer = self.clone(value._buffer)
        return self._remember(value, type(value)(buffer, value._offset, value._fixed))

    def _dom_exception(self, value: DomException) -> DomException:
        copy = self._remember(value, DomException(value.name, value.message))
        copy.stack = value.stack
        return copy

    def _error(self, value: JsException) -> JsException:
        is_known = self._native_errors or value.name in ERROR_NAMES - {"AggregateError"}
        copy = JsException(value.name if is_known else "Error", value.message)
        self._remember(value, copy)
        properties: dict[str, Any] = value.own_properties()
        if not self._native_errors:
            properties = {k: x for k, x in properties.items() if k == "cause"}
        if "stack" in value.__dict__:
            properties = {"stack": value.stack} | properties
        else:
            del copy.__dict__["stack"]
        copy.__dict__.update({k: self.clone(js_value(x)) for k, x in properties.items()})
        return copy

    def _object_map(self, value: ObjectMap) -> JsValue:
        return self.clone(value._object)

    def _other(self, value: JsValue) -> JsValue:
        for kind, clone in _BASES.items():
            if isinstance(value, kind):
                return clone(self, value)
        if self._host is not None and isinstance(value, JsProxy):
            return self._remember(value, self._host(value))
        raise clone_refusal(value)


_BASES: Final[dict[type, Callable[[_Cloner, Any], JsValue]]] = {
    DomException: _Cloner._dom_exception,
    JsException: _Cloner._error,
    ArrayBufferView: _Cloner._view,
    JsObject: _Cloner._object,
    JsArray: _Cloner._array,
}
_CLONERS: Final[dict[type, Callable[[_Cloner, Any], JsValue]]] = {
    JsMap: _Cloner._map,
    JsSet: _Cloner._set,
    JsDate: _Cloner._date,
    JsRegExp: _Cloner._regexp,
    JsBoxed: _Cloner._boxed,
    ArrayBuffer: _Cloner._buffer,
    ObjectMap: _Cloner._object_map,
    **_BASES,
}
