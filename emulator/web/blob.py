"""Blob and File: immutable bytes with a type, and a name.

Source: File API; spec python-surface §1; texts measured on workerd. Proved by tests/web/test_blob.py.
"""

from __future__ import annotations

from typing import Any, Final

from emulator.core.values import (
    ArrayBuffer,
    JsArray,
    JsNull,
    JsProxy,
    JsValue,
    Uint8Array,
    buffer_bytes,
    error,
    from_js,
    js_value,
    to_string,
)
from emulator.web.promises import promise_method
from emulator.web.readable import ReadableStream
from emulator.web.sources import BytesSource
from emulator.web.webidl import (
    MISSING,
    is_object,
    iterate,
    member,
    refused_construction,
    to_integer,
    to_number,
    utf8,
)

__all__ = ["Blob", "File"]

_OPTIONS: Final = "Options"


class Blob(JsProxy, js_name="Blob"):
    """Bytes and their content type."""

    def __init__(self, parts: JsValue = None, options: JsValue = None) -> None:
        self._data = _joined(self.js_name, parts)
        self._type = _content_type(self.js_name, 2, options)

    @classmethod
    def _of(cls, data: bytes, content_type: str = "") -> Blob:
        self = Blob.__new__(Blob)
        self._data = data
        self._type = content_type
        return self

    @property
    def size(self) -> int:
        return len(self._data)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def type(self) -> str:
        return self._type

    def slice(self, start: Any = None, end: Any = None, content_type: Any = None) -> Blob:
        size = len(self._data)
        first = 0 if start is None else _clamped(js_value(start), size)
        last = size if end is None else _clamped(js_value(end), size)
        kind = "" if content_type is None else to_string(js_value(content_type))
        return Blob._of(self._data[first:last], _normalized(kind))

    @promise_method
    async def text(self) -> str:
        # Unlike a body's, a blob's byte order mark stays (measured).
        return self._data.decode("utf-8", "replace")

    @promise_method
    async def arrayBuffer(self) -> ArrayBuffer:
        return ArrayBuffer(bytearray(self._data))

    @promise_method
    async def bytes(self) -> Uint8Array:
        return Uint8Array(ArrayBuffer(bytearray(self._data)))

    def stream(self) -> ReadableStream:
        return ReadableStream._of(BytesSource(self._data), is_bytes=True)


class File(Blob, js_name="File"):
    """A blob with a name and a date. `now_ms` is the runtime's clock, for files without a date."""

    def __init__(
        self,
        parts: JsValue = MISSING,
        name: JsValue = MISSING,
        options: JsValue = None,
        *,
        now_ms: float = 0,
    ) -> None:
        if name is MISSING:
            raise refused_construction("File", 2, "string")
        self._data = _joined("File", parts)
        self._name = to_string(name)
        self._type = _content_type("File", 3, options)
        modified = member(options, "lastModified")
        self._modified_ms = now_ms if modified is None else _milliseconds(modified)

    @classmethod
    def _named(cls, data: bytes, name: str, content_type: str, modified_ms: float = 0) -> File:
        self = cls.__new__(cls)
        self._data = data
        self._type = content_type
        self._name = name
        self._modified_ms = modified_ms
        return self

    @property
    def name(self) -> str:
        return self._name

    @property
    def lastModified(self) -> Any:
        return from_js(self._modified_ms)


def _joined(owner: str, parts: JsValue) -> bytes:
    if parts is None:
        return b""
    if not isinstance(parts, JsArray):
        raise refused_construction(owner, 1, "Array")
    return b"".join(map(_part, iterate(parts) or ()))


def _part(part: JsValue) -> bytes:
    if isinstance(part, Blob):
        return part._data
    data = buffer_bytes(part)
    return utf8(to_string(part)) if data is None else data


def _content_type(owner: str, position: int, options: JsValue) -> str:
    if options is None or isinstance(options, JsNull):
        return ""
    if not is_object(options):
        raise refused_construction(owner, position, _OPTIONS)
    if member(options, "endings") is not None:
        raise error("The 'endings' field on 'Options' is not implemented.")
    kind = member(options, "type")
    return "" if kind is None else _normalized(to_string(kind))


def _normalized(kind: str) -> str:
    return kind.lower() if all(" " <= c <= "~" for c in kind) else ""


def _clamped(value: JsValue, size: int) -> int:
    index = to_integer(value)
    return max(0, size + index) if index < 0 else min(index, size)


def _milliseconds(value: JsValue) -> float:
    number = value.valueOf() if is_object(value) else to_number(value)
    return to_number(number)
