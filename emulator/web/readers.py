"""The readers of a ReadableStream, and its asynchronous iterator.

A stream has one reader at a time. Its promises are kept here and settled by the stream.

Source: Streams standard; texts measured on workerd. Proved by tests/web/test_readable.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    ArrayBufferView,
    JsObject,
    JsProxy,
    JsValue,
    from_js,
    illegal_parameter,
    js_value,
    type_error,
)
from emulator.web.promises import Promise, Settled, promise_method, rejected, resolved
from emulator.web.webidl import refused_construction, to_integer

if TYPE_CHECKING:
    from emulator.web.readable import ReadableStream

__all__ = [
    "END",
    "ReadableStreamAsyncIterator",
    "ReadableStreamBYOBReader",
    "ReadableStreamDefaultReader",
    "ReadableStreamReader",
    "reject",
]


class _End:
    """The class of `END`: what a read gives when the stream is over."""


END: Final[Any] = _End()
RELEASED: Final = "This ReadableStream reader has been released."


def reject(promise: Promise, exc: BaseException) -> None:
    """Fail a promise that perhaps nobody awaits; an unhandled rejection is silent."""
    promise.set_exception(exc)
    promise._log_traceback = False


class ReadableStreamReader(JsProxy):
    """What both readers have: the lock, `closed`, `cancel` and `releaseLock`."""

    def __init__(self, stream: JsValue = None) -> None:
        from emulator.web.readable import ReadableStream

        if not isinstance(stream, ReadableStream):
            raise refused_construction(self.js_name, 1, "ReadableStream")
        stream._lock(self)
        self._stream: ReadableStream | None = stream
        self._closed: Promise | None = None

    def _locked_stream(self) -> ReadableStream:
        if self._stream is None:
            raise type_error(RELEASED)
        return self._stream

    def _on_closed(self) -> None:
        if self._closed is not None:
            self._closed.set_result(None)

    def _on_failed(self, exc: BaseException) -> None:
        if self._closed is not None:
            reject(self._closed, exc)

    @property
    def closed(self) -> Promise | Settled:
        if self._closed is not None:
            return self._closed
        if self._stream is None:
            return rejected(type_error(RELEASED))
        if self._stream._error is not None:
            return rejected(self._stream._error)
        if self._stream._is_over():
            return resolved()
        self._closed = Promise()
        return self._closed

    @promise_method
    async def cancel(self, reason: Any = None) -> None:
        await self._locked_stream()._cancel(js_value(reason))

    def releaseLock(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        stream._reader = None
        stream._release_waiters(type_error(RELEASED))
        if self._closed is not None and not self._closed.done():
            reject(self._closed, type_error(RELEASED))


class ReadableStreamDefaultReader(ReadableStreamReader, js_name="ReadableStreamDefaultReader"):
    """Reads chunk by chunk."""

    @promise_method
    async def read(self) -> JsObject:
        """`{value, done}`."""
        value = await self._locked_stream()._next_value()
        is_over = value is END
        return JsObject({"value": None if is_over else value, "done": is_over})


class ReadableStreamBYOBReader(ReadableStreamReader, js_name="ReadableStreamBYOBReader"):
    """Reads into a buffer that the caller brings; byte streams only."""

    def __init__(self, stream: JsValue = None) -> None:
        from emulator.web.readable import ReadableStream

        if isinstance(stream, ReadableStream) and not stream._is_bytes:
            raise type_error("This ReadableStream does not support BYOB reads.")
        super().__init__(stream)

    @promise_method
    async def read(self, view: Any = None) -> JsObject:
        return await self._read_into(js_value(view), 1, "read", 1)

    @promise_method
    async def readAtLeast(self, minimum: Any = None, view: Any = None) -> JsObject:
        count = to_integer(js_value(minimum))
        return await self._read_into(js_value(view), max(1, count), "readAtLeast", 2)

    async def _read_into(self, view: JsValue, minimum: int, method: str, position: int) -> JsObject:
        if not isinstance(view, ArrayBufferView):
            raise illegal_parameter(method, self.js_name, position, "ArrayBufferView")
        if view.byteLength == 0:
            raise type_error(
                'You must call read() on a "byob" reader with a positive-sized TypedArray object.'
            )
        stream = self._locked_stream()
        room, filled, is_over = view.byteLength, 0, False
        while filled < min(minimum, room):
            chunk = await stream._next()
            if chunk is END:
                is_over = filled == 0
                break
            part = chunk[: room - filled]
            start = view.byteOffset + filled
            view.buffer._data[start : start + len(part)] = part
            filled += len(part)
            if len(part) < len(chunk):
                stream._put_back(chunk[len(part) :])
        # The result is a window on the caller's buffer, as long as what was read.
        window = type(view)(view.buffer, view.byteOffset, filled // view.item_bytes)
        return JsObject({"value": window, "done": is_over})


class ReadableStreamAsyncIterator(JsProxy, js_name="ReadableStreamAsyncIterator"):
    """`for await (const chunk of stream)`, and Python's `async for`."""

    def __init__(self, stream: ReadableStream, *, prevents_cancel: bool = False) -> None:
        self._reader = ReadableStreamDefaultReader(stream)
        self._prevents_cancel = prevents_cancel

    def __aiter__(self) -> ReadableStreamAsyncIterator:
        return self

    async def __anext__(self) -> Any:
        stream = self._reader._stream
        if stream is None:
            raise StopAsyncIteration
        try:
            value = await stream._next_value()
        except Exception:
            self._reader.releaseLock()
            raise
        if value is END:
            self._reader.releaseLock()
            raise StopAsyncIteration
        return from_js(value)

    @promise_method
    async def next(self) -> JsObject:
        try:
            value = js_value(await self.__anext__())
        except StopAsyncIteration:
            return JsObject({"value": None, "done": True})
        return JsObject({"value": value, "done": False})

    @promise_method
    async def return_(self, value: Any = None) -> JsObject:
        stream = self._reader._stream
        if stream is not None:
            self._reader.releaseLock()
            if not self._prevents_cancel:
                await stream._cancel(js_value(value))
        return JsObject({"value": js_value(value), "done": True})
