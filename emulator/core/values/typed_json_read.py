"""Typed JSON as JavaScript values: what people edited (typed_json.py).

Proof: tests/core/values/test_typed_json.py.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.boxed import JsBoxed
from emulator.core.values.buffers import ArrayBuffer
from emulator.core.values.dates import JsDate
from emulator.core.values.errors import JsException
from emulator.core.values.maps import JsMap, JsSet
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import HOLE, JsBigInt, JsValue, jsnull
from emulator.core.values.regexps import JsRegExp
from emulator.core.values.typed_arrays import TYPED_ARRAYS, DataView

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TypedJsonError", "read"]

_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_BIGINT_DIGITS_MAX: Final = 4000


class TypedJsonError(ValueError):
    """The JSON names no value; the text says where it fails."""


def read(json: Any) -> JsValue:
    """The value. Raises: TypedJsonError."""
    try:
        return _value(json)
    except RecursionError:
        raise TypedJsonError("The value is nested too deeply.") from None
    except JsException as exc:  # a regular expression's flags, bytes of half an element
        raise TypedJsonError(exc.message) from None


def _value(json: Any) -> JsValue:
    if json is None:
        return jsnull
    if isinstance(json, (str, bool, float)):
        return json
    if isinstance(json, int):
        return json if abs(json) < 2**53 else float(json)
    if isinstance(json, list):
        return JsArray([_value(item) for item in json])
    if isinstance(json, dict):
        first = next(iter(json), "")
        if first.startswith("$"):
            return _tagged(first, json)
        return JsObject({key: _value(member) for key, member in json.items()})
    raise TypedJsonError(f"{json!r} is no JSON.")


def _tagged(tag: str, json: dict[str, Any]) -> JsValue:
    form = _FORMS.get(tag)
    if form is None:
        problem = "cannot be written" if tag in ("$ref", "$other") else "is unknown"
        raise TypedJsonError(
            f'"{tag}" {problem}. An object with such a key is written {{"$object": [[key, value]]}}.'
        )
    unknown = set(json) - {tag} - _EXTRAS.get(tag, frozenset())
    if unknown:
        raise TypedJsonError(f'"{tag}" has no "{min(unknown)}" beside it.')
    return form(json[tag], json)


def _pairs(of: Any, tag: str) -> list[tuple[Any, Any]]:
    if not isinstance(of, list) or not all(isinstance(p, list) and len(p) == 2 for p in of):
        raise TypedJsonError(f'"{tag}" must be an array of [key, value].')
    return [(key, value) for key, value in of]


def _number(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    if not isinstance(of, str) or of not in _NUMBERS:
        raise TypedJsonError(f'"$number" must be one of {", ".join(_NUMBERS)}.')
    return _NUMBERS[of]


def _bigint(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    digits = of.removeprefix("-") if isinstance(of, str) else ""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _BIGINT_DIGITS_MAX:
        raise TypedJsonError('"$bigint" must be a text of digits.')
    return JsBigInt(of)


def _date(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    if of is not None and (isinstance(of, bool) or not isinstance(of, (int, float))):
        raise TypedJsonError('"$date" must be milliseconds since the epoch, or null.')
    return JsDate(math.nan if of is None else of)


def _map(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    return JsMap((_value(key), _value(value)) for key, value in _pairs(of, "$map"))


def _set(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    if not isinstance(of, list):
        raise TypedJsonError('"$set" must be an array.')
    return JsSet(_value(item) for item in of)


def _object(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    pairs = _pairs(of, "$object")
    if not all(isinstance(key, str) for key, _ in pairs):
        raise TypedJsonError('The keys of "$object" must be texts.')
    return JsObject({key: _value(value) for key, value in pairs})


def _bytes(of: Any, json: dict[str, Any]) -> JsValue:
    try:
        content = bytearray(base64.b64decode(of, validate=True))
    except (TypeError, ValueError, binascii.Error):
        raise TypedJsonError('"$bytes" must be base64.') from None
    kind = json.get("as", "Uint8Array")
    buffer = ArrayBuffer(content)
    if kind == "ArrayBuffer":
        return buffer
    if kind == "DataView":
        return DataView(buffer)
    if not isinstance(kind, str) or kind not in TYPED_ARRAYS:
        raise TypedJsonError('"as" must be ArrayBuffer, DataView or the name of a typed array.')
    return TYPED_ARRAYS[kind](buffer)


def _text(of: Any, what: str) -> str:
    if not isinstance(of, str):
        raise TypedJsonError(f'"{what}" must be a text.')
    return of


def _regexp(of: Any, json: dict[str, Any]) -> JsValue:
    return JsRegExp(_text(of, "$regexp"), _text(json.get("flags", ""), "flags"))


def _error(of: Any, json: dict[str, Any]) -> JsValue:
    failure = JsException(_text(json.get("name", "Error"), "name"), _text(of, "$error"))
    if "stack" in json:
        failure.stack = _text(json["stack"], "stack")
    return failure


def _boxed(of: Any, json: dict[str, Any]) -> JsValue:
    del json
    value = _value(of)
    if not isinstance(value, (str, bool, int, float)):
        raise TypedJsonError('"$boxed" must be a boolean, number, text or BigInt.')
    return JsBoxed(value)


_EXTRAS: Final = {
    "$bytes": frozenset({"as"}),
    "$regexp": frozenset({"flags"}),
    "$error": frozenset({"name", "stack"}),
}
_FORMS: Final[dict[str, Callable[[Any, dict[str, Any]], JsValue]]] = {
    "$undefined": lambda of, json: None,
    "$hole": lambda of, json: HOLE,
    "$number": _number,
    "$bigint": _bigint,
    "$date": _date,
    "$map": _map,
    "$set": _set,
    "$object": _object,
    "$bytes": _bytes,
    "$regexp": _regexp,
    "$error": _error,
    "$boxed": _boxed,
}
