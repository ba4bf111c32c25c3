"""JavaScript's JSON: `parse` and `stringify`.

Parsing is done by the scanner of Python's json module, which is as strict as JavaScript where it
matters; only when it fails is the text read again for V8's words (json_errors.py).

Source: ECMAScript JSON; V8's texts, recorded in tests/core/values/.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from emulator.core.values.arrays import JsArray
from emulator.core.values.border import from_js, js_value
from emulator.core.values.callbacks import is_function
from emulator.core.values.errors import range_error
from emulator.core.values.json_errors import json_syntax_error
from emulator.core.values.json_stringify import stringify
from emulator.core.values.objects import JsObject
from emulator.core.values.proxies import JsValue, jsnull
from emulator.core.values.text import to_string

__all__ = ["parse", "stringify"]

_EXACT_MAX: Final = 2**53
# A lone minus zero, which Python's int would lose.
_MINUS_ZERO: Final = re.compile(r"-0(?![0-9.eE])").search


def _object(members: dict[str, Any]) -> JsObject:
    """An object whose members the scanner left as Python has them."""
    for key, value in members.items():
        kind = type(value)
        if kind is list:
            members[key] = _array(value)
        elif value is None:
            members[key] = jsnull
        elif kind is int and not -_EXACT_MAX <= value <= _EXACT_MAX:
            members[key] = float(value)
    return JsObject(members)


def _array(items: list[Any]) -> JsArray:
    for i, value in enumerate(items):
        kind = type(value)
        if kind is list:
            items[i] = _array(value)
        elif value is None:
            items[i] = jsnull
        elif kind is int and not -_EXACT_MAX <= value <= _EXACT_MAX:
            items[i] = float(value)
    return JsArray(items)


def _integer(digits: str) -> int | float:
    number = float(digits)
    is_exact = math.isfinite(number) and abs(number) <= _EXACT_MAX
    return int(number) if is_exact and digits != "-0" else number


def _refuse(name: str) -> Any:
    raise ValueError(name)


_QUICK: Final = json.JSONDecoder(object_hook=_object, parse_constant=_refuse).decode
_CAREFUL: Final = json.JSONDecoder(
    object_hook=_object, parse_constant=_refuse, parse_int=_integer
).decode


def parse(text: JsValue, reviver: JsValue = None) -> JsValue:
    """`JSON.parse`. Numbers that no double holds exactly are rounded.

    Args:
        reviver: called with key, value and context for every value, the innermost first.

    Raises:
        JsException: SyntaxError in V8's words; RangeError, if the text is nested too deeply.
    """
    source = text if type(text) is str else to_string(js_value(text))
    careful = "-0" in source and _MINUS_ZERO(source) is not None
    try:
        try:
            value = (_CAREFUL if careful else _QUICK)(source)
        except ValueError as exc:
            if isinstance(exc, json.JSONDecodeError) or careful:
                raise
            # Python refuses to convert an integer of thousands of digits.
            value = _CAREFUL(source)
    except ValueError:
        raise json_syntax_error(source) from None
    except RecursionError:
        raise range_error("Maximum call stack size exceeded") from None
    inside = _array([value])._items[0]
    revive = js_value(reviver)
    if is_function(revive):
        return _revive("", inside, from_js(revive))
    return inside


def _revive(key: str, value: JsValue, reviver: Any) -> JsValue:
    context: dict[str, JsValue] = {}
    if isinstance(value, JsObject):
        _revive_members(value, reviver)
    elif isinstance(value, JsArray):
        for i, item in enumerate(value._items):
            value._items[i] = _revive(str(i), item, reviver)
    else:
        # DIFFERS: the source of a number is given as JavaScript prints it.
        context["source"] = stringify(value)
    return js_value(reviver(key, from_js(value), JsObject(context)))


def _revive_members(value: JsObject, reviver: Any) -> None:
    for key, member in list(value._own().items()):
        revived = _revive(key, member, reviver)
        if revived is None:
            del value._members[key]
        else:
            value._members[key] = revived
