"""How `console` shows a value: as the inspector of Node does, which the platform uses.

Source: Node util.inspect (depth 2, 100 elements, 80 columns, no colours), util.format.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    HOLE,
    ArrayBuffer,
    DataView,
    JsArray,
    JsBigInt,
    JsBoxed,
    JsDate,
    JsException,
    JsFunction,
    JsMap,
    JsNull,
    JsObject,
    JsProxy,
    JsRegExp,
    JsSet,
    JsSymbol,
    JsValue,
    PyProxy,
    TypedArray,
    js_value,
    number_to_string,
    to_number,
    to_string,
)
from emulator.core.values.json import stringify
from emulator.web.headers import GUARD_NONE, Headers
from emulator.web.promises import Settled
from emulator.web.url import URLSearchParams
from emulator.web.webidl import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["format_message", "inspect"]

DEPTH: Final = 2
_ELEMENTS_MAX: Final = 100
_LINE: Final = 80
_ENTRIES_ON_ONE_LINE: Final = 6
_COMPACT: Final = 3
_IDENTIFIER: Final = re.compile(r"[a-zA-Z_][a-zA-Z_0-9]*\Z").match
_DIRECTIVE: Final = re.compile(r"%[sdifjoOc%]")
_NOTHING_TO_SHOW: Final = {
    "WeakMap": "WeakMap { <items unknown> }",
    "WeakSet": "WeakSet { <items unknown> }",
}
# The properties of the platform's classes that are shown, in order.
_SHOWN: Final = {
    "Request": (
        *("method", "url", "headers", "redirect", "fetcher", "signal", "cf", "integrity"),
        *("keepalive", "cache", "body", "bodyUsed"),
    ),
    "Response": (
        *("status", "statusText", "headers", "ok", "redirected", "url", "webSocket", "cf", "type"),
        *("body", "bodyUsed"),
    ),
    "URL": (
        *("origin", "href", "protocol", "username", "password", "host", "hostname", "port"),
        *("pathname", "search", "hash", "searchParams"),
    ),
    "Blob": ("size", "type"),
    "File": ("size", "type", "name", "lastModified"),
    "ReadableStream": ("locked",),
    "WritableStream": ("locked",),
    "AbortSignal": ("aborted", "reason", "onabort"),
}
_ESCAPES: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}


def format_message(args: Sequence[JsValue]) -> str:
    """The line that `console.log(*args)` writes."""
    rest = list(args)
    texts: list[str] = []
    if len(rest) > 1 and isinstance(rest[0], str) and "%" in rest[0]:
        template = rest.pop(0)
        texts.append(_DIRECTIVE.sub(lambda match: _filled(match[0], rest), template))
    texts += [value if type(value) is str else inspect(value) for value in rest]
    return " ".join(texts)


def _filled(directive: str, rest: list[JsValue]) -> str:
    if directive == "%%":
        return "%"
    if not rest:
        return directive
    value = rest.pop(0)
    shown: str | None = None
    if directive == "%s":
        shown = _plain(value)
    elif directive in ("%d", "%i", "%f"):
        shown = _numeric(directive, value)
    elif directive == "%j":
        shown = to_string(stringify(value))
    elif directive == "%c":
        shown = ""
    if shown is None:
        shown = inspect(value, depth=4)
        if directive == "%o" and isinstance(value, JsArray):
            shown = f"{shown[:-1].rstrip()}, [length]: {value.length} ]".replace("[,", "[")
    return shown


def _plain(value: JsValue) -> str:
    if isinstance(value, JsBigInt):
        return f"{int(value)}n"
    if isinstance(value, JsProxy) and not isinstance(value, (JsException, JsDate, JsSymbol)):
        return inspect(value, depth=0)
    return to_string(value)


def _numeric(directive: str, value: JsValue) -> str:
    if isinstance(value, JsBigInt):
        return f"{int(value)}n"
    number = math.nan if isinstance(value, (JsObject, JsSymbol)) else to_number(value)
    if directive == "%i" and math.isfinite(number):
        number = float(math.trunc(number))
    return number_to_string(number)


def inspect(value: JsValue, *, depth: int = DEPTH) -> str:
    """The text of a JavaScript value; objects below `depth` are only named."""
    return _Inspector(depth).show(value, 0)


def _quoted(text: str) -> str:
    quote = "'"
    if "'" in text:
        quote = next((q for q in ('"', "`") if q not in text), "'")
    body = text.replace("\\", "\\\\")
    if quote == "'":
        body = body.replace("'", "\\'")
    for raw, escape in _ESCAPES.items():
        body = body.replace(raw, escape)
    return f"{quote}{body}{quote}"


def _primitive(value: JsValue) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, JsBigInt):
        return f"{int(value)}n"
    if type(value) is float and value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return to_string(value)


class _Inspector:
    """One call: its depth, and what is being shown now, to find cycles."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._deepest = 0  # the level that was shown last
        self._open: list[JsProxy] = []
        self._circular: JsProxy | None = None

    def show(self, value: JsValue, level: int) -> str:
        value = js_value(value)
        if not isinstance(value, JsProxy) or isinstance(value, JsNull):
            return _primitive(value)
        if any(value is outer for outer in self._open):
            self._circular = value
            return "[Circular *1]"
        simple = self._simple(value)
        if simple is not None:
            return simple
        if level > self._depth:
            return f"[{_class_name(value)}]"
        self._open.append(value)
        self._deepest = level
        text = self._compound(value, level)
        self._open.pop()
        if self._circular is value:
            self._circular = None
            text = f"<ref *1> {text}"
        return text

    def _simple(self, value: JsProxy) -> str | None:  # one a class
        """The text of an object that has no members to show."""
        if isinstance(value, JsDate):
            return value.toISOString() if value._is_valid else "Invalid Date"
        if isinstance(value, (JsRegExp, JsSymbol)):
            return value.toString()
        if isinstance(value, JsFunction):
            return f"[Function: {value.name}]" if value.name else "[Function (anonymous)]"
        if isinstance(value, JsBoxed):
            return f"[{value.constructor.name}: {_primitive(value._value)}]"
        if isinstance(value, PyProxy):
            return _of_python(value)
        return _NOTHING_TO_SHOW.get(value.js_name)

    def _compound(self, value: JsProxy, level: int) -> str:
        if isinstance(value, JsException):
            return self._error(value, level)
        if isinstance(value, Settled):
            return self._settled(value, level)
        entries, braces = self._members(value, level)
        if isinstance(value, (JsArray, TypedArray)) and len(entries) > _ENTRIES_ON_ONE_LINE:
            is_numeric = all(type(x) in (int, float, JsBigInt) for x in value._list())
            rows = _columns(entries, 2 * level, is_numeric=is_numeric)
            if len(rows) != len(entries):
                return _lines(rows, braces, level)
        return self._joined(entries, braces, level)

    def _joined(self, entries: list[str], braces: tuple[str, str], level: int) -> str:
        """Entries between braces: on one line if they fit, else one a line."""
        start, end = braces
        if not entries:
            return f"{start}{end}"
        # The three innermost levels go on one line together, if that is short enough.
        if self._deepest - level < _COMPACT:
            length = sum(map(len, entries)) + 2 * len(entries) + 2 * level + len(start) + 10
            if length <= _LINE and not any("\n" in entry for entry in entries):
                return f"{start} {', '.join(entries)} {end}"
        return _lines(entries, braces, level)

    def _settled(self, value: Settled, level: int) -> str:
        failure = value.exception()
        inside = value.result() if failure is None else reason_of(failure)
        shown = self.show(inside, level + 1)
        return f"Promise {{ {'' if failure is None else '<rejected> '}{shown} }}"

    def _error(self, value: JsException, level: int) -> str:
        head = value.toString()
        stack = value.__dict__.get("stack")
        text = stack if isinstance(stack, str) and stack else head
        extra = [
            f"[{key}]: {self.show(x, level + 1)}" if key in ("cause", "errors")
            else f"{_key(key)}: {self.show(x, level + 1)}"
            for key, x in value.own_properties().items()
        ]  # fmt: skip
        if level and "\n" not in text:
            text = f"[{text}]"
        return text if not extra else f"{text} {self._joined(extra, ('{', '}'), level)}"

    def _members(self, value: JsProxy, level: int) -> tuple[list[str], tuple[str, str]]:
        """The entries that are shown, and what stands before and behind them."""
        below = level + 1
        match value:
            case JsArray():
                return self._array(value, below), ("[", "]")
            case TypedArray():
                shown = [_primitive(x) for x in value._list()[:_ELEMENTS_MAX]]
                _more(shown, value.length)
                return shown, (f"{value.js_name}({value.length}) [", "]")
            case JsMap():
                show = self.show
                pairs = value._entries.values()
                entries = [f"{show(k, below)} => {show(x, below)}" for k, x in pairs]
                head = f"Map({value.size}) "
            case JsSet():
                entries = [self.show(x, below) for x in value._values.values()]
                head = f"Set({value.size}) "
            case ArrayBuffer() | DataView():
                entries, head = self._buffer(value, below), f"{value.js_name} "
            case Headers() | URLSearchParams():
                entries, head = self._pairs(value, below), f"{value.js_name}({len(list(value))}) "
            case _:
                entries = self._properties(value, below)
                head = "" if isinstance(value, JsObject) else f"{value.js_name} "
        return entries, (f"{head}{{", "}")

    def _properties(self, value: JsProxy, level: int) -> list[str]:
        names = _SHOWN.get(value.js_name)
        own = value._own() if names is None else {name: getattr(value, name) for name in names}
        return [f"{_key(k)}: {self.show(x, level)}" for k, x in own.items()]

    def _pairs(self, value: Headers | URLSearchParams, level: int) -> list[str]:
        shown = [" => ".join(self.show(part, level) for part in pair._items) for pair in value]
        if isinstance(value, Headers):
            shown.append(f"[immutable]: {'true' if value._guard != GUARD_NONE else 'false'}")
        return shown

    def _array(self, value: JsArray, level: int) -> list[str]:
        shown: list[str] = []
        holes = 0
        for item in [*value._items[:_ELEMENTS_MAX], None]:
            is_end = len(shown) + holes >= min(len(value._items), _ELEMENTS_MAX) and item is None
            if item is HOLE:
                holes += 1
                continue
            if holes:
                shown.append(f"<{holes} empty item{'s' if holes > 1 else ''}>")
                holes = 0
            if not is_end:
                shown.append(self.show(item, level))
        del shown[min(len(value._items), _ELEMENTS_MAX) :]
        _more(shown, len(value._items))
        return shown

    def _buffer(self, value: ArrayBuffer | DataView, level: int) -> list[str]:
        data = value.to_bytes()
        if isinstance(value, DataView):
            size, offset = value.byteLength, value.byteOffset
            buffer = self.show(value.buffer, level)
            return [f"byteLength: {size}", f"byteOffset: {offset}", f"buffer: {buffer}"]
        shown = data[:50].hex(" ")
        if len(data) > 50:
            shown += f" ... {len(data) - 50} more bytes"
        return [f"[Uint8Contents]: <{shown}>", f"byteLength: {len(data)}"]


def _lines(entries: list[str], braces: tuple[str, str], level: int) -> str:
    indent = "  " * level
    separator = f",\n{indent}  "
    return f"{braces[0]}\n{indent}  {separator.join(entries)}\n{indent}{braces[1]}"


def _class_name(value: JsProxy) -> str:
    return value.js_name if not isinstance(value, JsException) else value.name


def _key(name: str) -> str:
    return name if _IDENTIFIER(name) else _quoted(name)


def _of_python(value: PyProxy) -> str:
    """A Python object in JavaScript's hands shows its own text."""
    target: Any = value.unwrap()
    if isinstance(target, str):
        return _quoted(target)
    return to_string(value)


def _more(shown: list[str], count: int) -> None:
    left = count - _ELEMENTS_MAX
    if left > 0:
        shown.append(f"... {left} more item{'s' if left > 1 else ''}")


def _columns(entries: list[str], indent: int, *, is_numeric: bool) -> list[str]:
    """More than six elements of an array, in columns if they are short."""
    tail = entries[-1:] if entries[-1].startswith("... ") else []
    body = entries[: len(entries) - len(tail)]
    lengths = [len(entry) for entry in body]
    widest = max(lengths) + 2
    total = sum(lengths) + 2 * len(lengths)
    if widest * 3 + indent >= _LINE or not (total / widest > 5 or widest <= 8):
        return entries
    bias = max(widest - 3 - math.sqrt(max(0.0, widest - total / len(entries))), 1.0)
    columns = min(
        math.floor(math.sqrt(2.5 * bias * len(body)) / bias + 0.5),
        (_LINE - indent) // widest,
        _COMPACT * 4,
        15,
    )
    if columns <= 1:
        return entries
    widths = [max(lengths[i::columns], default=0) + 2 for i in range(columns)]
    pad: Callable[[str, int], str] = str.rjust if is_numeric else str.ljust
    rows: list[str] = []
    for first in range(0, len(body), columns):
        *cells, last = body[first : first + columns]
        row = "".join(pad(f"{cell}, ", width) for cell, width in zip(cells, widths, strict=False))
        rows.append(row + (last.rjust(widths[len(cells)] - 2) if is_numeric else last))
    return [*rows, *tail]
