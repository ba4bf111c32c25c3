"""What fills a ReadableStream: the underlying source of user code, or one of the runtime's.

Source: Streams standard; spec python-surface §1 (workers.wsgi pulls), §2.5 (borrowed functions).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TYPE_CHECKING, Any

from emulator.core.values import (
    JsProxy,
    JsValue,
    PyProxy,
    buffer_bytes,
    from_js,
    illegal_parameter,
    js_value,
    jsnull,
    to_string,
    type_error,
)
from emulator.web.webidl import (
    MISSING,
    field_error,
    invoke,
    invoke_now,
    is_callable,
    iterate,
    member,
    settle,
    to_exception,
)

if TYPE_CHECKING:
    from emulator.web.readable import ReadableStream

__all__ = [
    "BytesSource",
    "HostSource",
    "IterableSource",
    "ReadableByteStreamController",
    "ReadableStreamDefaultController",
    "Source",
    "UserSource",
    "member_function",
]


class Source:
    """The base of all sources, and the source that never gives anything."""

    def start(self, stream: ReadableStream) -> Awaitable[Any] | None:
        """Begin. What is returned is awaited before the first pull."""
        del stream
        return None

    async def pull(self, stream: ReadableStream) -> None:
        """Enqueue at least one chunk, close the stream, or raise what breaks it."""

    async def cancel(self, reason: JsValue) -> None:
        """The reader has lost interest; nothing is pulled from here on."""


class BytesSource(Source):
    """Bytes that are there already, as one chunk."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def pull(self, stream: ReadableStream) -> None:
        data, self._data = self._data, b""
        if data:
            stream._enqueue(data)
        stream._close()


class HostSource(Source):
    """Chunks of bytes from the network, one asked for at a time."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    async def pull(self, stream: ReadableStream) -> None:
        async for chunk in self._chunks:
            if chunk:
                stream._enqueue(chunk)
                return
        stream._close()

    async def cancel(self, reason: JsValue) -> None:
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


class IterableSource(Source):
    """What an iterable of JavaScript or Python gives, in turn."""

    def __init__(self, values: Iterator[JsValue] | AsyncIterator[Any]) -> None:
        self._values = values

    @classmethod
    def find(cls, value: JsValue) -> IterableSource | None:
        """A source over `value`, None where it cannot be iterated."""
        if type(value) is str:
            return cls(iter(value))
        target = value.unwrap() if isinstance(value, PyProxy) else value
        if isinstance(value, JsProxy) and hasattr(target, "__aiter__"):
            return cls(target.__aiter__())
        values = iterate(value)
        return None if values is None else cls(values)

    async def pull(self, stream: ReadableStream) -> None:
        try:
            if isinstance(self._values, AsyncIterator):
                chunk = js_value(await anext(self._values))
            else:
                chunk = next(self._values)
        except (StopIteration, StopAsyncIteration):
            stream._close()
        else:
            stream._enqueue(chunk)

    async def cancel(self, reason: JsValue) -> None:
        close = getattr(self._values, "aclose", None)
        if close is not None:
            await close()


class UserSource(Source):
    """The `underlyingSource` of user code: its functions and their controller."""

    def __init__(self, source: JsValue) -> None:
        kind = member(source, "type")
        self.is_bytes = kind is not None and to_string(kind) == "bytes"
        if kind not in (None, "") and not self.is_bytes:
            raise type_error(f'"{to_string(kind)}" is not a valid type of ReadableStream.')
        self._start = member_function(source, "start", "UnderlyingSource")
        self._pull = member_function(source, "pull", "UnderlyingSource")
        self._cancel = member_function(source, "cancel", "UnderlyingSource")
        self._controller: ReadableStreamDefaultController | None = None

    def start(self, stream: ReadableStream) -> Awaitable[Any] | None:
        kind = ReadableByteStreamController if self.is_bytes else ReadableStreamDefaultController
        self._controller = kind(stream)
        if self._start is None:
            return None
        # A borrowed function still lives: this is the call that brought it.
        return awaitable_of(invoke_now(self._start, self._controller))

    async def pull(self, stream: ReadableStream) -> None:
        if self._pull is not None:
            await settle(invoke(self._pull, self._controller))

    async def cancel(self, reason: JsValue) -> None:
        if self._cancel is not None:
            await settle(invoke(self._cancel, reason))


class ReadableStreamDefaultController(JsProxy, js_name="ReadableStreamDefaultController"):
    """The hand by which a source reaches its stream."""

    def __init__(self, stream: ReadableStream) -> None:
        self._stream = stream

    @property
    def desiredSize(self) -> Any:
        size = self._stream._desired_size()
        return jsnull if size is None else from_js(size)

    def close(self) -> None:
        if not self._stream._can_enqueue():
            raise type_error("This ReadableStream is closed.")
        self._stream._close()

    def enqueue(self, chunk: Any = None) -> None:
        if not self._stream._can_enqueue():
            raise type_error("Unable to enqueue")
        self._stream._enqueue(js_value(chunk))

    def error(self, reason: Any = None) -> None:
        self._stream._fail(to_exception(js_value(reason)))


class ReadableByteStreamController(
    ReadableStreamDefaultController, js_name="ReadableByteStreamController"
):
    """The controller of a byte stream. Chunks are buffers."""

    @property
    def byobRequest(self) -> Any:
        return jsnull

    def enqueue(self, chunk: Any = MISSING) -> None:
        data = buffer_bytes(js_value(chunk))
        if data is None:
            raise illegal_parameter("enqueue", self.js_name, 1, "BufferSource")
        if not self._stream._can_enqueue():
            raise type_error("Unable to enqueue")
        self._stream._enqueue(data)


def member_function(target: JsValue, name: str, dictionary: str) -> JsValue:
    """A member that is a function or absent."""
    function = member(target, name)
    if function is not None and not is_callable(function):
        raise field_error(name, dictionary, "function")
    return function


def awaitable_of(value: JsValue) -> Awaitable[Any] | None:
    """What has to be awaited before going on, None for a plain value."""
    target = value.unwrap() if isinstance(value, PyProxy) else value
    return target if hasattr(target, "__await__") else None
