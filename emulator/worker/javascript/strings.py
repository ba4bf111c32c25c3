"""`String`, `Symbol`, `RegExp`, and the URI functions of the global scope.

Source: ECMAScript.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from emulator.core.values import (
    JsBoxed,
    JsException,
    JsRegExp,
    JsSymbol,
    JsValue,
    PyProxy,
    range_error,
    to_integer,
    to_number,
    to_string,
    type_error,
)
from emulator.web.webidl import iterate, member
from emulator.worker.javascript.builders import functions, js_class

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["string_globals"]

_UNESCAPED: Final = "-_.!~*'()"
_RESERVED: Final = ";/?:@&=+$,#"
_WELL_KNOWN: Final = (
    *("asyncDispose", "asyncIterator", "dispose", "hasInstance", "isConcatSpreadable"),
    *("iterator", "match", "matchAll", "replace", "search", "species", "split", "toPrimitive"),
    *("toStringTag", "unscopables"),
)
_ESCAPE: Final = re.compile(r"%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")
_SYNTAX: Final = re.compile(r"[\^$\\.*+?()[\]{}|/]")


def string_globals() -> dict[str, Any]:
    plain: dict[str, Callable[..., JsValue]] = {
        "encodeURIComponent": lambda text=None: _encode(text, _UNESCAPED),
        "encodeURI": lambda text=None: _encode(text, _UNESCAPED + _RESERVED),
        "decodeURIComponent": lambda text=None: _decode(text, ""),
        "decodeURI": lambda text=None: _decode(text, _RESERVED),
        "escape": _escape,
        "unescape": _unescape,
    }
    return {
        **functions(plain),
        "String": js_class(
            "String",
            lambda value="": JsBoxed(to_string(value)),
            {"fromCharCode": _from_char_code, "fromCodePoint": _from_code_point, "raw": _raw},
            plain=lambda value="": (
                value.toString() if isinstance(value, JsSymbol) else to_string(value)
            ),
        ),
        "Symbol": _symbol_class(),
        "RegExp": js_class("RegExp", _regexp, {"escape": _escape_pattern}, plain=_regexp),
    }


# --- String --------------------------------------------------------------------------------------


def _from_char_code(*codes: JsValue) -> str:
    units = [to_integer(code) & 0xFFFF for code in codes]
    data = b"".join(unit.to_bytes(2, "little") for unit in units)
    return data.decode("utf-16-le", "surrogatepass")


def _from_code_point(*codes: JsValue) -> str:
    for code in codes:
        number = to_number(code)
        if not (0 <= number <= 0x10FFFF and number.is_integer()):
            raise range_error(f"Invalid code point {to_string(code)}")
    return "".join(chr(to_integer(code)) for code in codes)


def _raw(template: JsValue = None, *values: JsValue) -> str:
    parts = [to_string(part) for part in iterate(member(template, "raw")) or ()]
    filled = [*map(to_string, values[: len(parts) - 1])]
    filled += [""] * (len(parts) - len(filled))
    return "".join(part + value for part, value in zip(parts, filled, strict=True))


# --- Symbol --------------------------------------------------------------------------------------


def _symbol_class() -> Any:
    registry: dict[str, JsSymbol] = {}

    def for_(key: JsValue = None) -> JsSymbol:
        return registry.setdefault(to_string(key), JsSymbol(to_string(key)))

    def key_for(symbol: JsValue = None) -> str | None:
        return next((key for key, known in registry.items() if known is symbol), None)

    def refuse(*_: JsValue) -> JsValue:
        raise type_error("Symbol is not a constructor")

    return js_class(
        "Symbol",
        refuse,
        {"for": for_, "keyFor": key_for},
        values={name: JsSymbol(f"Symbol.{name}") for name in _WELL_KNOWN},
        plain=lambda description=None: JsSymbol(
            None if description is None else to_string(description)
        ),
    )


# --- RegExp --------------------------------------------------------------------------------------


def _regexp(pattern: JsValue = None, flags: JsValue = None) -> JsRegExp:
    if isinstance(pattern, JsRegExp):
        return JsRegExp(pattern.source, pattern.flags if flags is None else to_string(flags))
    source = "" if pattern is None else to_string(pattern)
    return JsRegExp(source or "(?:)", "" if flags is None else to_string(flags))


def _escape_pattern(text: JsValue = None) -> str:
    if not isinstance(text, str):
        raise type_error("RegExp.escape: the argument is not a string")
    return _SYNTAX.sub(lambda match: f"\\{match[0]}", text)


# --- URI -----------------------------------------------------------------------------------------


def _malformed() -> JsException:
    return JsException("URIError", "URI malformed")


def _text(value: JsValue) -> str:
    return to_string(value.unwrap() if isinstance(value, PyProxy) else value)


def _encode(value: JsValue, kept: str) -> str:
    try:
        return quote(_text(value), safe=kept)
    except UnicodeEncodeError:
        raise _malformed() from None


def _decode(value: JsValue, kept: str) -> str:
    """Undo percent signs, but leave those that stand for one of `kept`."""
    text = _text(value)
    pieces: list[str] = []
    position = 0
    for match in re.finditer(r"(?:%[0-9a-fA-F]{2})+|%", text):
        if match[0] == "%":
            raise _malformed()
        pieces.append(text[position : match.start()])
        try:
            decoded = bytes.fromhex(match[0].replace("%", "")).decode()
        except UnicodeDecodeError:
            raise _malformed() from None
        pieces.extend(f"%{ord(c):02X}" if c in kept else c for c in decoded)
        position = match.end()
    return "".join(pieces) + text[position:]


def _escape(value: JsValue = None) -> str:
    plain = "@*_+-./"
    shown: list[str] = []
    for unit in _text(value):
        if unit.isascii() and (unit.isalnum() or unit in plain):
            shown.append(unit)
        elif ord(unit) < 256:
            shown.append(f"%{ord(unit):02X}")
        else:
            data = unit.encode("utf-16-be", "surrogatepass").hex().upper()
            shown.extend(f"%u{data[i : i + 4]}" for i in range(0, len(data), 4))
    return "".join(shown)


def _unescape(value: JsValue = None) -> str:
    text = _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), _text(value))
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
