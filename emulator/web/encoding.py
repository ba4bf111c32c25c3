"""TextEncoder, TextDecoder, their streams, and base64.

Source: Encoding standard, HTML (atob, btoa); texts measured on workerd.
Proved by tests/web/test_encoding.py.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from typing import Any, Final

from emulator.core.values import (
    ArrayBuffer,
    JsObject,
    JsProxy,
    JsValue,
    Uint8Array,
    buffer_bytes,
    dom_exception,
    illegal_parameter,
    js_value,
    range_error,
    to_string,
    type_error,
)
from emulator.core.values.callbacks import js_truthy
from emulator.web.encoding_labels import LABELS, MULTI_BYTE, PYTHON_CODECS
from emulator.web.transform import Transformer, TransformStream
from emulator.web.webidl import MISSING, member, options_of, usv_string

__all__ = [
    "TextDecoder",
    "TextDecoderStream",
    "TextEncoder",
    "TextEncoderStream",
    "atob",
    "btoa",
]

_BOM: Final = "\ufeff"
_INVALID_BASE64: Final = (
    "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric "
    "ASCII, and up to two terminal '=' signs when the input data length is divisible by 4 are "
    "allowed.)"
)


class TextEncoder(JsProxy, js_name="TextEncoder"):
    """Text to UTF-8."""

    encoding = "utf-8"

    def encode(self, text: Any = None) -> Uint8Array:
        data = b"" if text is None else usv_string(js_value(text)).encode()
        return Uint8Array(ArrayBuffer(bytearray(data)))

    def encodeInto(self, text: Any = MISSING, target: Any = MISSING) -> JsObject:
        """Fill `target` with whole characters; `{read, written}` count UTF-16 units and bytes."""
        if text is MISSING:
            raise illegal_parameter("encodeInto", "TextEncoder", 1, "string")
        if not isinstance(target, Uint8Array):
            raise illegal_parameter("encodeInto", "TextEncoder", 2, "Uint8Array")
        read = written = 0
        room = target.byteLength
        data = bytearray()
        for character in usv_string(js_value(text)):
            encoded = character.encode()
            if written + len(encoded) > room:
                break
            data += encoded
            written += len(encoded)
            read += 2 if character > "\uffff" else 1
        start = target.byteOffset
        target.buffer._data[start : start + written] = data
        return JsObject({"read": read, "written": written})


class _Decoder:
    """Bytes of one encoding to text, piece by piece, the byte order mark taken off."""

    def __init__(self, encoding: str, *, is_fatal: bool, keeps_bom: bool) -> None:
        self.encoding = encoding
        self.is_fatal = is_fatal
        self.keeps_bom = keeps_bom or encoding not in ("utf-8", "utf-16le", "utf-16be")
        self._table = None if encoding in MULTI_BYTE else _single_byte_table(encoding)
        codec = PYTHON_CODECS.get(encoding, encoding)
        self._make = codecs.getincrementaldecoder("latin-1" if self._table else codec)
        self._reset()

    def _reset(self) -> None:
        self._decoder = self._make("strict" if self.is_fatal else "replace")
        self._is_at_start = True

    def _convert(self, data: bytes, is_last: bool) -> str:
        if self._table is None:
            return self._decoder.decode(data, is_last)
        text = data.decode("latin-1").translate(self._table)
        if self.is_fatal and "\ufffd" in text:
            raise UnicodeDecodeError(self.encoding, data, 0, len(data), "not in the table")
        return text

    def decode(self, data: bytes, *, is_last: bool) -> str:
        """Raises: a TypeError if the decoder is fatal and the bytes are no text."""
        try:
            text = self._convert(data, is_last)
        except UnicodeDecodeError:
            self._reset()
            raise type_error("Failed to decode input.") from None
        if self._is_at_start and text:
            self._is_at_start = False
            if not self.keeps_bom:
                text = text.removeprefix(_BOM)
        if is_last:
            self._reset()
        return text


def _single_byte_table(encoding: str) -> dict[int, str]:
    """What each byte from 0x80 on is. A hole below 0xA0 is a C1 control, as in the standard."""
    if encoding == "x-user-defined":
        return {byte: chr(0xF700 + byte) for byte in range(0x80, 0x100)}
    codec = PYTHON_CODECS.get(encoding, encoding)
    table: dict[int, str] = {}
    for byte in range(0x80, 0x100):
        try:
            table[byte] = bytes((byte,)).decode(codec)
        except UnicodeDecodeError:
            table[byte] = chr(byte) if byte < 0xA0 else "\ufffd"
    return table


def _encoding(label: JsValue) -> str:
    text = "utf-8" if label is None else to_string(label)
    encoding = LABELS.get(text.strip("\t\n\f\r ").lower())
    if encoding is None:
        raise range_error(f'"{text}" is not a valid encoding.')
    return encoding


class TextDecoder(JsProxy, js_name="TextDecoder"):
    """Bytes of one encoding to text."""

    def __init__(self, label: JsValue = None, options: JsValue = None) -> None:
        self._fatal = js_truthy(member(options, "fatal"))
        self._ignores_bom = js_truthy(member(options, "ignoreBOM"))
        self._decoder = _Decoder(
            _encoding(label), is_fatal=self._fatal, keeps_bom=self._ignores_bom
        )

    @property
    def encoding(self) -> str:
        return self._decoder.encoding

    @property
    def fatal(self) -> bool:
        return self._fatal

    @property
    def ignoreBOM(self) -> bool:
        return self._ignores_bom

    def decode(self, data: Any = None, options: Any = None, **keywords: Any) -> str:
        content = b"" if data is None else buffer_bytes(js_value(data))
        if content is None:
            raise illegal_parameter("decode", "TextDecoder", 1, "Array")
        is_stream = js_truthy(member(options_of(options, keywords), "stream"))
        return self._decoder.decode(content, is_last=not is_stream)


class _Encoding(Transformer):
    """Strings to bytes; the first half of a pair waits for the second."""

    is_bytes = True

    def __init__(self) -> None:
        self._half = ""

    async def transform(self, chunk: JsValue, stream: TransformStream) -> None:
        text = self._half + to_string(chunk)
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            stream._emit(usv_string(text).encode())

    async def flush(self, stream: TransformStream) -> None:
        if self._half:
            stream._emit("\ufffd".encode())


class TextEncoderStream(TransformStream, js_name="TextEncoderStream"):
    encoding = "utf-8"

    def __init__(self) -> None:
        self._setup(_Encoding())


class _Decoding(Transformer):
    """Buffers to strings."""

    def __init__(self, decoder: _Decoder) -> None:
        self._decoder = decoder

    async def transform(self, chunk: JsValue, stream: TransformStream) -> None:
        data = buffer_bytes(chunk)
        if data is None:
            raise type_error(
                "This TransformStream is being used as a byte stream, but received a value that "
                "is not a BufferSource."
            )
        if text := self._decoder.decode(data, is_last=False):
            stream._emit(text)

    async def flush(self, stream: TransformStream) -> None:
        if text := self._decoder.decode(b"", is_last=True):
            stream._emit(text)


class TextDecoderStream(TransformStream, js_name="TextDecoderStream"):
    def __init__(self, label: JsValue = None, options: JsValue = None) -> None:
        self._decoder = TextDecoder(label, options)
        self._setup(_Decoding(self._decoder._decoder))

    @property
    def encoding(self) -> str:
        return self._decoder.encoding

    @property
    def fatal(self) -> bool:
        return self._decoder.fatal

    @property
    def ignoreBOM(self) -> bool:
        return self._decoder.ignoreBOM


_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*\Z").match
_SCOPE: Final = "ServiceWorkerGlobalScope"


def atob(text: JsValue = MISSING) -> str:
    """Base64 to a string of bytes, whitespace and missing padding forgiven."""
    if text is MISSING:
        raise illegal_parameter("atob", _SCOPE, 1, "string")
    digits = re.sub(r"[\t\n\f\r ]", "", to_string(text))
    if len(digits) % 4 == 0:
        digits = digits.removesuffix("=").removesuffix("=")
    if len(digits) % 4 == 1 or _BASE64(digits) is None:
        raise dom_exception("InvalidCharacterError", _INVALID_BASE64)
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4)).decode("latin-1")
    except binascii.Error:
        raise dom_exception("InvalidCharacterError", _INVALID_BASE64) from None


def btoa(text: JsValue = MISSING) -> str:
    """A string of bytes to base64."""
    if text is MISSING:
        raise illegal_parameter("btoa", _SCOPE, 1, "String")
    try:
        return base64.b64encode(to_string(text).encode("latin-1")).decode()
    except UnicodeEncodeError:
        raise dom_exception(
            "InvalidCharacterError",
            "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.",
        ) from None
