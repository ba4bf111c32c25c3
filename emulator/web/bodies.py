"""What Request and Response have in common: a body that is read once.

Invariants:
1. A body that was given whole stays bytes until somebody asks for its stream, so that reading it,
   cloning it and sending it cost no stream.
2. Once there is a stream, the stream is the body: whether it was used is whether it was disturbed.
3. A body is read with its stream locked, so nobody reads the same chunk twice.

Source: fetch standard; spec lifecycle §3.4; texts and order measured on workerd.
Proved by tests/web/test_bodies.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    ArrayBuffer,
    JsNull,
    JsProxy,
    JsValue,
    Uint8Array,
    buffer_bytes,
    from_js,
    jsnull,
    to_string,
    type_error,
)
from emulator.core.values.json import parse, stringify
from emulator.web.blob import Blob
from emulator.web.formdata import FormData, content_type_of, encode_multipart, parse_form_data
from emulator.web.promises import promise_method
from emulator.web.readable import ReadableStream
from emulator.web.readers import END, ReadableStreamDefaultReader
from emulator.web.sources import BytesSource, HostSource, IterableSource
from emulator.web.url import URLSearchParams, serialize_form
from emulator.web.webidl import field_error, is_object, utf8

if TYPE_CHECKING:
    from emulator.web.headers import Headers

__all__ = ["TEXT_TYPE", "Body", "BodyInit", "body_init", "cf_init"]

TEXT_TYPE: Final = "text/plain;charset=UTF-8"  # of a body that was given as a string

USED: Final = (
    "Body has already been used. It can only be used once. "
    "Use tee() first if you need to read it twice."
)
# The comma is the platform's.
_LOCKED: Final = "This ReadableStream is currently locked to a reader,"
_NOT_BYTES: Final = "This ReadableStream did not return bytes."
# A boundary is made of the form itself: no randomness, and it cannot occur in what it separates.
_BOUNDARY_DIGITS: Final = 32

type BodySource = bytes | ReadableStream | None
type Chunks = AsyncIterator[bytes]
type Sendable = bytes | Chunks | None
_BYTES: Final = bytes
"""`bytes` is also the name of a method below."""


@dataclass(frozen=True, slots=True)
class BodyInit:
    """A body as the constructors take it, and the content type it brings."""

    source: BodySource
    content_type: str | None


def body_init(value: JsValue) -> BodyInit:
    """Extract a body.

    Raises:
        JsException: a TypeError for a stream that is locked or was read from.
    """
    if value is None or isinstance(value, JsNull):
        return BodyInit(None, None)
    if type(value) is str:
        return BodyInit(utf8(value), TEXT_TYPE)
    data = buffer_bytes(value)
    if data is not None:
        return BodyInit(data, None)
    if isinstance(value, ReadableStream):
        return BodyInit(_usable(value), None)
    return _object_init(value)


def cf_init(value: JsValue, dictionary: str) -> JsValue:
    """The `cf` member of the init object `dictionary`: copied by way of JSON (measured).

    Raises:
        JsException: a TypeError for what is no object, or has no JSON text.
    """
    if value is None:
        return None
    if not is_object(value):
        raise field_error("cf", dictionary, "Object")
    text = stringify(value)
    return None if text is None else parse(text)


def _object_init(value: JsValue) -> BodyInit:
    if isinstance(value, Blob):
        return BodyInit(value._data, value._type or None)
    if isinstance(value, FormData):
        boundary = _boundary(value)
        data = encode_multipart(value, boundary)
        return BodyInit(data, f"multipart/form-data; boundary={boundary}")
    if isinstance(value, URLSearchParams):
        kind = "application/x-www-form-urlencoded;charset=UTF-8"
        return BodyInit(serialize_form(value._pairs).encode(), kind)
    source = None if isinstance(value, Body) else IterableSource.find(value)
    if source is not None:
        return BodyInit(ReadableStream._of(source), None)
    return BodyInit(utf8(to_string(value)), TEXT_TYPE)


def _usable(stream: ReadableStream) -> ReadableStream:
    if stream._is_disturbed:
        raise type_error(
            "This ReadableStream is disturbed (has already been read from), "
            "and cannot be used as a body."
        )
    if stream.locked:
        raise type_error("This ReadableStream is locked to a reader, and cannot be used as a body.")
    return stream


def _boundary(form: FormData) -> str:
    return hashlib.sha256(encode_multipart(form, "")).hexdigest()[:_BOUNDARY_DIGITS]


def _reader(stream: ReadableStream) -> ReadableStreamDefaultReader:
    return ReadableStreamDefaultReader(stream)


async def _chunks(stream: ReadableStream, reader: ReadableStreamDefaultReader) -> Chunks:
    """The bytes of a stream, chunk by chunk. Whoever stops early cancels the stream."""
    is_over = False
    try:
        while (chunk := await stream._next()) is not END:
            data = chunk if type(chunk) is bytes else buffer_bytes(chunk)
            if data is None:
                raise type_error(_NOT_BYTES)
            yield data
        is_over = True
    finally:
        reader.releaseLock()
        if not is_over and stream._error is None:
            await stream._cancel(None)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


class Body(JsProxy, js_name="Body"):
    """A body: nothing, bytes, or a stream."""

    _source: BodySource
    _is_used: bool
    _headers: Headers

    def _set_body(self, source: BodySource) -> None:
        self._source = source
        self._is_used = False

    def _has_body(self) -> bool:
        return self._source is not None

    # --- the runtime's side

    def _refuse_used(self) -> None:
        if self.bodyUsed:
            raise type_error(USED)

    def _body_source(self) -> Sendable:
        """Take the body away to send it: nothing, all of it, or its chunks as they come.

        Raises:
            JsException: a TypeError if it was used before.
        """
        self._refuse_used()
        source = self._source
        if isinstance(source, _BYTES):
            self._is_used = True
            return source
        if source is None:
            return None
        return _chunks(source, _reader(source))

    async def _read_all(self) -> bytes:
        self._refuse_used()
        source = self._source
        if source is None:
            return b""
        if isinstance(source, _BYTES):
            self._is_used = True
            return source
        return b"".join([chunk async for chunk in _chunks(source, _reader(source))])

    def _take_body(self) -> BodySource:
        """Move the body into another Request or Response; it is used here from now on."""
        self._refuse_used()
        source = self._source
        if isinstance(source, ReadableStream):
            # What was read from the old stream and what is read from the new one are one body.
            taken = ReadableStream._of(HostSource(_chunks(source, _reader(source))), is_bytes=True)
            source._is_disturbed = True
            return taken
        self._is_used = source is not None
        return source

    def _clone_body(self) -> BodySource:
        source = self._source
        if isinstance(source, _BYTES):
            if self._is_used:
                raise type_error(_LOCKED)
            return source
        if source is None:
            return None
        if source._is_disturbed:
            raise type_error(_LOCKED)
        self._source, other = source._tee()
        return other

    # --- JavaScript

    @property
    def body(self) -> Any:
        source = self._source
        if source is None:
            return jsnull
        if isinstance(source, _BYTES):
            stream = ReadableStream._of(BytesSource(source), is_bytes=True)
            if self._is_used:
                stream._is_disturbed = True
                stream._close()
            self._source = source = stream
        return source

    @property
    def bodyUsed(self) -> bool:
        source = self._source
        if isinstance(source, ReadableStream):
            return source._is_disturbed
        return self._is_used

    @promise_method
    async def text(self) -> str:
        return _text(await self._read_all())

    @promise_method
    async def json(self) -> Any:
        return from_js(parse(_text(await self._read_all())))

    @promise_method
    async def arrayBuffer(self) -> ArrayBuffer:
        return ArrayBuffer(bytearray(await self._read_all()))

    @promise_method
    async def bytes(self) -> Uint8Array:
        return Uint8Array(ArrayBuffer(bytearray(await self._read_all())))

    @promise_method
    async def blob(self) -> Blob:
        header = self._headers._find("content-type")
        kind = ""
        if header is not None:
            essence, parameters = content_type_of(header)
            kind = ";".join([essence, *(f"{k}={v}" for k, v in parameters.items())])
        return Blob._of(await self._read_all(), kind)

    @promise_method
    async def formData(self) -> FormData:
        header = self._headers._find("content-type")
        return parse_form_data(await self._read_all(), header)
