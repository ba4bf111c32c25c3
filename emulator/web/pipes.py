"""From a readable to a writable stream, and from one stream to two.

Source: Streams standard; texts measured on workerd. Proved by tests/web/test_pipes.py.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsValue, illegal_parameter, type_error
from emulator.core.values.callbacks import js_truthy
from emulator.web.abort import AbortSignal
from emulator.web.promises import promise_of
from emulator.web.readers import END, ReadableStreamDefaultReader
from emulator.web.sources import Source
from emulator.web.webidl import field_error, member, reason_of, to_exception
from emulator.web.writable import WritableState, WritableStream, WritableStreamDefaultWriter

if TYPE_CHECKING:
    from emulator.web.readable import ReadableStream

__all__ = ["pipe_through", "pipe_to", "tee"]


async def pipe_to(source: ReadableStream, destination: JsValue, options: JsValue) -> None:
    """Move every chunk; end, error and abort cross unless the options prevent it."""
    if not isinstance(destination, WritableStream):
        raise illegal_parameter("pipeTo", "ReadableStream", 1, "WritableStream")
    signal = member(options, "signal")
    if signal is not None and not isinstance(signal, AbortSignal):
        raise field_error("signal", "PipeToOptions", "AbortSignal")
    reader = ReadableStreamDefaultReader(source)
    if destination.locked:
        reader.releaseLock()
        raise type_error("This WritableStream is currently locked to a writer")
    writer = WritableStreamDefaultWriter(destination)
    # A destination that fails while the source is silent wakes the read that waits.
    destination._on_failed = source._release_waiters
    pipe = _Pipe(source, destination, writer, options, signal)
    try:
        await pipe.run()
    finally:
        destination._on_failed = None
        writer.releaseLock()
        reader.releaseLock()


class _Pipe:
    """One run of `pipeTo`."""

    def __init__(
        self,
        source: ReadableStream,
        destination: WritableStream,
        writer: WritableStreamDefaultWriter,
        options: JsValue,
        signal: AbortSignal | None,
    ) -> None:
        self.source = source
        self.destination = destination
        self.writer = writer
        self.prevents_close = js_truthy(member(options, "preventClose"))
        self.prevents_abort = js_truthy(member(options, "preventAbort"))
        self.prevents_cancel = js_truthy(member(options, "preventCancel"))
        self.signal = signal

    async def run(self) -> None:
        remove = None
        if self.signal is not None:
            remove = self.signal._on_abort(self._interrupt)
        try:
            await self._move()
        except Exception as exc:
            await self._undo(exc)
            raise
        finally:
            if remove is not None:
                remove()

    def _interrupt(self) -> None:
        assert self.signal is not None, "only a signal interrupts"
        self.source._release_waiters(to_exception(self.signal._reason))

    async def _move(self) -> None:
        if self.destination._state in (WritableState.CLOSING, WritableState.CLOSED):
            raise type_error("This destination writable stream is closed.")
        while True:
            self._check_signal()
            await self.writer.ready
            chunk = await self.source._next_value()
            self._check_signal()
            if chunk is END:
                break
            self.destination._write(chunk)
        if not self.prevents_close:
            await self.destination._close()

    def _check_signal(self) -> None:
        if self.signal is not None:
            self.signal.throwIfAborted()

    async def _undo(self, exc: Exception) -> None:
        reason = reason_of(exc)
        if not self.prevents_abort:
            await self.destination._abort(reason)
        if not self.prevents_cancel and self.source._error is None:
            await self.source._cancel(reason)


def pipe_through(source: ReadableStream, transform: JsValue, options: JsValue) -> JsValue:
    """Pipe into `transform.writable` in the background; the answer is `transform.readable`."""
    if source.locked:
        raise type_error("This ReadableStream is currently locked to a reader.")
    readable, writable = member(transform, "readable"), member(transform, "writable")
    if not isinstance(readable, type(source)):
        raise field_error("readable", "Transform", "ReadableStream")
    if not isinstance(writable, WritableStream):
        raise field_error("writable", "Transform", "WritableStream")
    promise_of(pipe_to(source, writable, options))
    return readable


class _Tee:
    """One source read for two branches."""

    def __init__(self, stream: ReadableStream) -> None:
        self.stream = stream
        self.reader = ReadableStreamDefaultReader(stream)
        self.reading: asyncio.Future[None] | None = None
        make = type(stream)._of
        self.branches = [make(_TeeSource(self), is_bytes=stream._is_bytes) for _ in range(2)]
        self.cancelled_count = 0

    async def read(self) -> None:
        if self.reading is not None:
            # The other branch has asked: its chunk is this one's too.
            await self.reading
            return
        self.reading = asyncio.get_running_loop().create_future()
        try:
            self._give(await self.stream._next())
        except Exception as exc:
            for branch in self.branches:
                branch._fail(exc)
        finally:
            self.reading.set_result(None)
            self.reading = None

    def _give(self, chunk: Any) -> None:
        for branch in self.branches:
            if not branch._can_enqueue():
                continue
            if chunk is END:
                branch._close()
            else:
                branch._enqueue(chunk)

    async def cancel(self, reason: JsValue) -> None:
        self.cancelled_count += 1
        if self.cancelled_count == len(self.branches):
            await self.stream._cancel(reason)


class _TeeSource(Source):
    def __init__(self, tee: _Tee) -> None:
        self._tee = tee

    async def pull(self, stream: ReadableStream) -> None:
        del stream
        await self._tee.read()

    async def cancel(self, reason: JsValue) -> None:
        await self._tee.cancel(reason)


def tee(stream: ReadableStream) -> list[ReadableStream]:
    return _Tee(stream).branches
