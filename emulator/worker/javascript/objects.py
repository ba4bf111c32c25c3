"""`Object`, `Reflect`, `JSON`, and the functions of the global scope that work on any value.

Source: ECMAScript; spec python-surface §2.1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsArray,
    JsClass,
    JsFunction,
    JsMap,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    from_entries,
    from_js,
    js_value,
    jsnull,
    structured_clone,
    to_string,
    type_error,
)
from emulator.core.values.boxed import JsBoxed, JsSymbol
from emulator.core.values.callbacks import callback
from emulator.core.values.json import parse, stringify
from emulator.core.values.objects import ObjectMap
from emulator.runtime.worker import has_native_errors
from emulator.web.host_codec import clone_web_object
from emulator.web.webidl import iterate
from emulator.worker.javascript.builders import functions, js_class, namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["object_globals"]

_MISSING: Final[Any] = object()


def object_globals() -> dict[str, Any]:
    return {
        "Object": _object_class(),
        "Reflect": namespace(_REFLECT),
        "JSON": namespace({"parse": parse, "stringify": stringify}),
        "structuredClone": functions({"structuredClone": _structured_clone})["structuredClone"],
    }


class _Prototype(JsProxy, js_name="Object"):
    """A prototype, as far as programs look at one."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)

    def __repr__(self) -> str:
        return "[object Object]"


class _Frozen(JsObject):
    """A plain object that `Object.freeze` was called with."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        raise type_error(f"Cannot assign to read only property '{name}' of object '#<Object>'")

    def __delattr__(self, name: str) -> None:
        raise type_error(f"Cannot delete property '{name}' of #<Object>")


def _own(target: JsValue) -> dict[str, JsValue]:
    """The own enumerable properties of any value that is no null. Raises: JsException."""
    if target is None or target is jsnull:
        raise type_error("Cannot convert undefined or null to object")
    if isinstance(target, str):
        return {str(i): character for i, character in enumerate(target)}
    return target._own() if isinstance(target, JsProxy) else {}


def _entries(target: JsValue = None) -> JsArray:
    return JsArray([JsArray([key, value]) for key, value in _own(target).items()])


def _from_entries(entries: JsValue = None) -> JsObject:
    pairs = iterate(entries)
    if pairs is None:
        raise type_error(f"{to_string(entries)} is not iterable")
    return from_entries(tuple(iterate(pair) or ())[:2] for pair in pairs)


def _assign(target: JsValue = None, *sources: JsValue) -> JsValue:
    _own(target)
    for source in sources:
        if isinstance(source, JsProxy):
            for key, value in source._own().items():
                _set(target, key, value)
    return target


def _set(target: JsValue, key: JsValue, value: JsValue) -> bool:
    if isinstance(target, _Frozen):
        return False
    if isinstance(target, JsObject):
        target._members[to_string(key)] = value
    elif isinstance(target, JsArray) and to_string(key).isdigit():
        index = int(to_string(key))
        target.length = max(target.length, index + 1)
        target._items[index] = value
    else:
        setattr(target, to_string(key), from_js(value))
    return True


def _create(prototype: JsValue = _MISSING) -> JsObject:
    if prototype is not jsnull and not isinstance(prototype, JsProxy):
        shown = "undefined" if prototype is _MISSING else to_string(prototype)
        raise type_error(f"Object prototype may only be an Object or null: {shown}")
    return JsObject()


def _freeze(target: JsValue = None) -> JsValue:
    if type(target) is JsObject:
        # Both classes have the same slots, so the object can change from one into the other.
        object.__setattr__(target, "__class__", _Frozen)
    return target


def _is(one: JsValue = None, other: JsValue = None) -> bool:
    """SameValue: NaN is itself, 0 is not -0."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        if isinstance(one, bool) or isinstance(other, bool):
            return one is other
        if one != one:
            return other != other
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and bool(one == other)


def _has_own(target: JsValue = None, key: JsValue = None) -> bool:
    return to_string(key) in _own(target)


def _prototype_of(target: JsValue = None) -> JsValue:
    _own(target)
    name = getattr(getattr(js_value(target), "constructor", None), "name", type(target).__name__)
    return _Prototype(constructor=JsFunction(name, lambda *_: None))


def _group_by(items: JsValue = None, function: JsValue = None) -> JsObject:
    call = callback(function)
    groups: dict[str, JsValue] = {}
    for i, item in enumerate(iterate(items) or ()):
        key = to_string(call(item, i))
        groups.setdefault(key, JsArray())._items.append(item)
    return JsObject(groups)


def _property_names(target: JsValue = None) -> JsArray:
    names = list(_own(target))
    if isinstance(target, (str, JsArray)):
        names.append("length")
    return JsArray(names)


_STATICS: Final[Mapping[str, Callable[..., JsValue]]] = {
    "keys": lambda target=None: JsArray(list(_own(target))),
    "values": lambda target=None: JsArray(list(_own(target).values())),
    "entries": _entries,
    "assign": _assign,
    "create": _create,
    "freeze": _freeze,
    "isFrozen": lambda target=None: not isinstance(target, JsProxy) or isinstance(target, _Frozen),
    "is": _is,
    "hasOwn": _has_own,
    "getPrototypeOf": _prototype_of,
    "getOwnPropertyNames": _property_names,
    "groupBy": _group_by,
}


def _object_class() -> JsClass:
    found = js_class("Object", _to_object, _STATICS, plain=_to_object)
    function = JsFunction("fromEntries", _from_entries)
    function.is_from_entries = True  # type: ignore[attr-defined]  # to_js has a short cut for it
    found.__dict__["fromEntries"] = function
    found.__dict__["prototype"] = _Prototype(
        toString=JsObject(functions({"call": _tag})),
        hasOwnProperty=JsObject(functions({"call": _has_own})),
    )
    return found


def _to_object(value: JsValue = None) -> JsValue:
    if value is None or value is jsnull:
        return JsObject()
    return value if isinstance(value, JsProxy) else JsBoxed(value)


def _tag(value: JsValue = None) -> str:
    """`Object.prototype.toString.call(value)`."""
    if value is None:
        return "[object Undefined]"
    if value is jsnull:
        return "[object Null]"
    if isinstance(value, PyProxy):
        return "[object Function]" if callable(value.unwrap()) else "[object Object]"
    if isinstance(value, JsProxy):
        name = value.constructor.name if isinstance(value, JsBoxed) else value.js_name
        return f"[object {name}]"
    kinds = {str: "String", bool: "Boolean", int: "Number", float: "Number"}
    return f"[object {kinds.get(type(value), 'BigInt')}]"


def _structured_clone(value: JsValue = _MISSING, options: JsValue = None) -> JsValue:
    del options
    if value is _MISSING:
        raise type_error(
            "Failed to execute 'structuredClone' on 'ServiceWorkerGlobalScope': "
            "parameter 1 is not of type 'Value'."
        )
    return structured_clone(value, native_errors=has_native_errors(), host=clone_web_object)


def _get(target: JsValue = None, key: JsValue = None) -> JsValue:
    if isinstance(target, JsMap | ObjectMap):
        return None
    if isinstance(key, JsSymbol):
        found = getattr(target, "_dispose", None) if key.description == "Symbol.dispose" else None
        return None if found is None else JsFunction("[Symbol.dispose]", found)
    return js_value(getattr(target, to_string(key), None))


def _has(target: JsValue = None, key: JsValue = None) -> bool:
    return hasattr(target, to_string(key))


def _delete(target: JsValue = None, key: JsValue = None) -> bool:
    if isinstance(target, JsObject) and not isinstance(target, _Frozen):
        target._members.pop(to_string(key), None)
        return True
    return False


def _apply(function: JsValue, this: JsValue = None, args: JsValue = None) -> JsValue:
    del this
    return callback(function)(*(iterate(args) or ()))


def _construct(target: JsValue, args: JsValue = None) -> JsValue:
    if not isinstance(target, JsClass):
        raise type_error(f"{to_string(target)} is not a constructor")
    return js_value(target.new(*map(from_js, iterate(args) or ())))


_REFLECT: Final[Mapping[str, Callable[..., JsValue]]] = {
    "apply": _apply,
    "construct": _construct,
    "deleteProperty": _delete,
    "get": _get,
    "getPrototypeOf": _prototype_of,
    "has": _has,
    "ownKeys": _property_names,
    "set": lambda target, key=None, value=None: _set(target, key, value),
}
