"""TransformStream and its kinds: what is written on one side is read, changed, on the other.

Invariants:
1. A chunk is transformed only while the readable side wants chunks (a read waits, or its queue is
   below its mark), so a stream that nobody reads takes one chunk and no more.
2. An error on one side is the other side's error.

Source: Streams standard; spec python-surface §1 (workers.asgi); texts measured on workerd.
Proved by tests/web/test_transform.py.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    JsBigInt,
    JsProxy,
    JsValue,
    buffer_bytes,
    from_js,
    js_value,
    jsnull,
    type_error,
)
from emulator.web.promises import Promise, promise_of
from emulator.web.readable import ReadableStream, StreamState
from emulator.web.sinks import Sink
from emulator.web.sources import Source, awaitable_of, member_function
from emulator.web.strategies import high_water_mark, size_function
from emulator.web.webidl import (
    MISSING,
    invoke,
    invoke_now,
    is_object,
    refused_construction,
    settle,
    to_exception,
    to_number,
    utf8,
)
from emulator.web.writable import WritableStream

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = [
    "ByteTransformer",
    "FixedLengthStream",
    "IdentityTransformStream",
    "TransformStream",
    "TransformStreamDefaultController",
    "Transformer",
]

_NOT_BUFFER: Final = (
    "This TransformStream is being used as a byte stream, but received an object of "
    "non-ArrayBuffer/ArrayBufferView type on its writable side."
)


class Transformer:
    """The base of all transformers, and the one that changes nothing."""

    is_bytes = False

    def start(self, stream: TransformStream) -> Awaitable[Any] | None:
        """Begin. What is returned is awaited before the first chunk."""
        del stream
        return None

    async def transform(self, chunk: JsValue, stream: TransformStream) -> None:
        """Give what becomes of `chunk` to `stream._emit`, in any number of pieces."""
        stream._emit(chunk)

    async def flush(self, stream: TransformStream) -> None:
        """The last chance to emit."""

    async def cancel(self, reason: JsValue) -> None:
        """One side gave up."""


class ByteTransformer(Transformer):
    """Takes buffers and strings, gives bytes. `convert` and `finish` are the change."""

    is_bytes = True

    async def transform(self, chunk: JsValue, stream: TransformStream) -> None:
        if chunk is None:
            return
        data = utf8(chunk) if type(chunk) is str else buffer_bytes(chunk)
        if data is None:
            raise type_error(_NOT_BUFFER)
        if result := self.convert(data):
            stream._emit(result)

    async def flush(self, stream: TransformStream) -> None:
        if rest := self.finish():
            stream._emit(rest)

    def convert(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _UserTransformer(Transformer):
    """The `transformer` of user code."""

    def __init__(self, transformer: JsValue) -> None:
        self._start = member_function(transformer, "start", "Transformer")
        self._transform = member_function(transformer, "transform", "Transformer")
        self._flush = member_function(transformer, "flush", "Transformer")
        self._cancel = member_function(transformer, "cancel", "Transformer")
        self._controller: TransformStreamDefaultController | None = None

    def start(self, stream: TransformStream) -> Awaitable[Any] | None:
        self._controller = TransformStreamDefaultController(stream)
        if self._start is None:
            return None
        return awaitable_of(invoke_now(self._start, self._controller))

    async def transform(self, chunk: JsValue, stream: TransformStream) -> None:
        if self._transform is None:
            stream._emit(chunk)
        else:
            await settle(invoke(self._transform, chunk, self._controller))

    async def flush(self, stream: TransformStream) -> None:
        if self._flush is not None:
            await settle(invoke(self._flush, self._controller))

    async def cancel(self, reason: JsValue) -> None:
        if self._cancel is not None:
            await settle(invoke(self._cancel, reason))


class TransformStream(JsProxy, js_name="TransformStream"):
    """A pair of streams. A subclass gives its transformer to `_setup`."""

    def __init__(
        self,
        transformer: JsValue = None,
        writable_strategy: JsValue = None,
        readable_strategy: JsValue = None,
    ) -> None:
        if transformer is not None and not is_object(transformer) and transformer:
            raise refused_construction("TransformStream", 1, "Transformer")
        self._setup(_UserTransformer(transformer), writable_strategy, readable_strategy)

    def _setup(
        self,
        transformer: Transformer,
        writable_strategy: JsValue = None,
        readable_strategy: JsValue = None,
    ) -> None:
        self._transformer = transformer
        self._wanted: asyncio.Future[None] | None = None
        mark = high_water_mark(readable_strategy, default=0.0)
        size = size_function(readable_strategy)
        self._readable = ReadableStream.__new__(ReadableStream)
        self._started: Promise | None = None
        self._readable._setup(_ReadableSide(self), mark, size, transformer.is_bytes)
        self._writable = WritableStream._of(
            _WritableSide(self),
            high_water_mark=high_water_mark(writable_strategy, default=1.0),
            size=size_function(writable_strategy),
        )
        # An abort waits for the write in progress, which must not wait for a reader meanwhile.
        self._writable._signal._on_abort(self._on_wanted)

    def _start(self) -> Awaitable[Any] | None:
        waiting = self._transformer.start(self)
        if waiting is None:
            return None
        started = promise_of(settle(js_value(waiting)))
        if isinstance(started, Promise):
            self._started = started
        return started

    def _emit(self, chunk: Any) -> None:
        if not self._readable._can_enqueue():
            raise type_error("Unable to enqueue")
        self._readable._enqueue(chunk)

    def _fail(self, exc: BaseException) -> None:
        self._readable._fail(exc)
        self._writable._fail(exc)
        self._on_wanted()

    def _terminate(self) -> None:
        if self._readable._can_enqueue():
            self._readable._close()
        self._writable._fail(type_error("The transform stream has been terminated"))
        self._on_wanted()

    def _on_wanted(self) -> None:
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            if not wanted.done():
                wanted.set_result(None)

    async def _wait_wanted(self) -> None:
        """Wait until the readable side takes a chunk (1), or one side is over."""
        readable, writable = self._readable, self._writable
        while readable._state is StreamState.READABLE and not readable._wants_chunks():
            if writable._error is not None:
                break
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted

    # --- JavaScript

    @property
    def readable(self) -> ReadableStream:
        return self._readable

    @property
    def writable(self) -> WritableStream:
        return self._writable


class _ReadableSide(Source):
    def __init__(self, stream: TransformStream) -> None:
        self._stream = stream

    def start(self, stream: ReadableStream) -> Awaitable[Any] | None:
        del stream
        return self._stream._start()

    async def pull(self, stream: ReadableStream) -> None:
        del stream
        self._stream._on_wanted()

    async def cancel(self, reason: JsValue) -> None:
        exc = to_exception(reason)
        self._stream._writable._fail(exc)
        self._stream._on_wanted()
        await self._stream._transformer.cancel(reason)


class _WritableSide(Sink):
    def __init__(self, stream: TransformStream) -> None:
        self._stream = stream

    def start(self, stream: WritableStream) -> Awaitable[Any] | None:
        del stream
        return self._stream._started

    async def write(self, chunk: JsValue) -> None:
        stream = self._stream
        await stream._wait_wanted()
        if stream._writable._error is not None:
            raise stream._writable._error
        try:
            await stream._transformer.transform(chunk, stream)
        except Exception as exc:
            stream._readable._fail(exc)
            raise

    async def close(self) -> None:
        stream = self._stream
        try:
            await stream._transformer.flush(stream)
        except Exception as exc:
            stream._readable._fail(exc)
            raise
        if stream._readable._can_enqueue():
            stream._readable._close()

    async def abort(self, reason: JsValue) -> None:
        self._stream._readable._fail(to_exception(reason))
        await self._stream._transformer.cancel(reason)


class TransformStreamDefaultController(JsProxy, js_name="TransformStreamDefaultController"):
    """The hand by which a transformer reaches its stream."""

    def __init__(self, stream: TransformStream) -> None:
        self._stream = stream

    @property
    def desiredSize(self) -> Any:
        size = self._stream._readable._desired_size()
        return jsnull if size is None else from_js(size)

    def enqueue(self, chunk: Any = None) -> None:
        self._stream._emit(js_value(chunk))

    def error(self, reason: Any = None) -> None:
        self._stream._fail(to_exception(js_value(reason)))

    def terminate(self) -> None:
        self._stream._terminate()


class IdentityTransformStream(TransformStream, js_name="IdentityTransformStream"):
    """Passes bytes on; a write ends when they are read."""

    def __init__(self, strategy: JsValue = None) -> None:
        self._setup(ByteTransformer(), strategy)


class _FixedLength(ByteTransformer):
    def __init__(self, length: int) -> None:
        self._missing = length

    def convert(self, data: bytes) -> bytes:
        if len(data) > self._missing:
            raise type_error("Attempt to write too many bytes through a FixedLengthStream.")
        self._missing -= len(data)
        return data

    def finish(self) -> bytes:
        if self._missing:
            raise type_error("FixedLengthStream did not see all expected bytes before close().")
        return b""


class FixedLengthStream(IdentityTransformStream, js_name="FixedLengthStream"):
    """Passes exactly as many bytes as it was told."""

    def __init__(self, length: JsValue = MISSING, strategy: JsValue = None) -> None:
        if length is MISSING:
            raise refused_construction("FixedLengthStream", 1, "bigint")
        self._setup(_FixedLength(_length(length)), strategy)


def _length(value: JsValue) -> int:
    number = value if isinstance(value, JsBigInt) else to_number(value)
    if number != number:
        raise type_error("The value cannot be converted because it is not an integer.")
    if number < 0:
        raise type_error(
            "The value cannot be converted because it is negative and this API expects a "
            "positive bigint."
        )
    if number >= 2**53:
        raise type_error("FixedLengthStream requires an integer expected length less than 2^53.")
    return int(number)
