"""WritableStream: a queue of chunks that a sink takes one after the other.

Invariants:
1. The sink does one thing at a time: a write, the close or the abort.
2. A chunk counts against the high-water mark until the sink has taken it wholly; `ready` is pending
   exactly while the queue is at the mark.
3. An error rejects every queued write; the one in progress ends by itself.

Source: Streams standard; texts and order measured on workerd. Proved by tests/web/test_writable.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import JsProxy, JsValue, from_js, js_value, jsnull, type_error
from emulator.web.abort import AbortSignal
from emulator.web.promises import Promise, Settled, promise_method, promise_of, rejected, resolved
from emulator.web.readers import reject
from emulator.web.sinks import Sink, UserSink
from emulator.web.strategies import high_water_mark, size_function
from emulator.web.webidl import is_object, refused_construction, to_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = [
    "WritableState",
    "WritableStream",
    "WritableStreamDefaultWriter",
]

CLOSED: Final = "This WritableStream has been closed."
LOCKED: Final = "This WritableStream is currently locked to a writer."
RELEASED: Final = "This WritableStream writer has been released."


class WritableState(Enum):
    WRITABLE = auto()
    CLOSING = auto()
    CLOSED = auto()
    ERRORED = auto()


@dataclass(slots=True)
class _Entry:
    """One queued write, or the close."""

    chunk: JsValue
    size: float
    is_close: bool = False
    promise: Promise = field(default_factory=Promise)


class WritableStream(JsProxy, js_name="WritableStream"):
    """A destination for chunks. `_of` makes one for the runtime."""

    def __init__(self, sink: JsValue = None, strategy: JsValue = None) -> None:
        if sink is not None and not is_object(sink) and sink:
            raise refused_construction("WritableStream", 1, "UnderlyingSink")
        self._setup(UserSink(sink), high_water_mark(strategy, default=1.0), size_function(strategy))

    @classmethod
    def _of(
        cls,
        sink: Sink,
        *,
        high_water_mark: float = 1.0,
        size: Callable[[JsValue], float] | None = None,
    ) -> WritableStream:
        self = cls.__new__(cls)
        self._setup(sink, high_water_mark, size)
        return self

    def _setup(self, sink: Sink, mark: float, size: Callable[[JsValue], float] | None) -> None:
        self._sink = sink
        self._mark = mark
        self._size = size
        self._state = WritableState.WRITABLE
        self._error: BaseException | None = None
        self._queue: deque[_Entry] = deque()
        self._queue_size = 0.0
        self._writer: WritableStreamDefaultWriter | None = None
        self._signal = AbortSignal._fresh()
        self._on_failed: Callable[[BaseException], None] | None = None
        self._idle: Promise | None = None
        self._is_busy = False
        self._is_started = False
        self._start()

    def _start(self) -> None:
        try:
            waiting = self._sink.start(self)
        except Exception as exc:
            self._fail(exc)
            return
        if waiting is None:
            self._is_started = True
        else:
            promise_of(self._wait_start(waiting))

    async def _wait_start(self, waiting: Awaitable[Any]) -> None:
        try:
            await waiting
        except Exception as exc:
            self._fail(exc)
            return
        self._is_started = True
        self._advance()

    # --- the queue

    def _desired_size(self) -> float | None:
        match self._state:
            case WritableState.ERRORED:
                return None
            case WritableState.CLOSED:
                return 0.0
            case WritableState.WRITABLE | WritableState.CLOSING:
                return self._mark - self._queue_size

    def _is_full(self) -> bool:
        return self._state is WritableState.WRITABLE and self._queue_size >= self._mark

    def _write(self, chunk: JsValue) -> Promise | Settled:
        if self._error is not None:
            return rejected(self._error)
        if self._state is not WritableState.WRITABLE:
            return rejected(type_error(CLOSED))
        try:
            size = 1.0 if self._size is None else self._size(chunk)
        except Exception as exc:
            self._fail(exc)
            return rejected(exc)
        return self._add(_Entry(chunk, size))

    def _close(self) -> Promise | Settled:
        if self._error is not None:
            return rejected(self._error)
        if self._state is not WritableState.WRITABLE:
            return rejected(type_error(CLOSED))
        self._state = WritableState.CLOSING
        self._update_ready()
        return self._add(_Entry(None, 0.0, is_close=True))

    def _add(self, entry: _Entry) -> Promise:
        self._queue.append(entry)
        self._queue_size += entry.size
        self._advance()
        return entry.promise

    def _advance(self) -> None:
        if self._is_started and not self._is_busy and self._queue:
            self._is_busy = True
            promise_of(self._drain())

    async def _drain(self) -> None:
        try:
            while self._queue and self._error is None:
                await self._take(self._queue[0])
        finally:
            self._is_busy = False
            if self._idle is not None:
                self._idle.set_result(None)

    async def _take(self, entry: _Entry) -> None:
        try:
            await (self._sink.close() if entry.is_close else self._sink.write(entry.chunk))
        except Exception as exc:
            self._leave(entry)
            reject(entry.promise, exc)
            self._fail(exc)
            return
        self._leave(entry)
        entry.promise.set_result(None)
        if entry.is_close and self._error is None:
            self._state = WritableState.CLOSED
            if self._writer is not None:
                self._writer._on_closed()
        self._update_ready()

    def _leave(self, entry: _Entry) -> None:
        self._queue.popleft()
        self._queue_size -= entry.size

    def _update_ready(self) -> None:
        if self._writer is not None and not self._is_full():
            self._writer._on_ready()

    # --- endings

    def _fail(self, exc: BaseException) -> None:
        if self._state in (WritableState.ERRORED, WritableState.CLOSED):
            return
        self._state = WritableState.ERRORED
        self._error = exc
        # The entry in progress is its taker's (3).
        kept = [self._queue.popleft()] if self._is_busy and self._queue else []
        for entry in self._queue:
            reject(entry.promise, exc)
        self._queue = deque(kept)
        self._queue_size = sum(entry.size for entry in kept)
        if self._writer is not None:
            self._writer._on_failed(exc)
        if self._on_failed is not None:
            self._on_failed(exc)

    async def _abort(self, reason: JsValue) -> None:
        if self._state in (WritableState.ERRORED, WritableState.CLOSED):
            return
        self._signal._abort(reason)
        self._fail(to_exception(reason))
        if self._is_busy:
            self._idle = Promise()
            await self._idle
        await self._sink.abort(reason)

    def _lock(self, writer: WritableStreamDefaultWriter) -> None:
        if self._writer is not None:
            raise type_error(LOCKED)
        self._writer = writer

    def _refuse_locked(self) -> None:
        if self._writer is not None:
            raise type_error(LOCKED)

    # --- JavaScript

    @property
    def locked(self) -> bool:
        return self._writer is not None

    def getWriter(self) -> WritableStreamDefaultWriter:
        return WritableStreamDefaultWriter(self)

    @promise_method
    async def close(self) -> None:
        self._refuse_locked()
        await self._close()

    @promise_method
    async def abort(self, reason: Any = None) -> None:
        self._refuse_locked()
        await self._abort(js_value(reason))


class WritableStreamDefaultWriter(JsProxy, js_name="WritableStreamDefaultWriter"):
    """Holds the lock of a stream and writes to it."""

    def __init__(self, stream: JsValue = None) -> None:
        if not isinstance(stream, WritableStream):
            raise refused_construction(self.js_name, 1, "WritableStream")
        stream._lock(self)
        self._stream: WritableStream | None = stream
        self._closed: Promise | None = None
        self._ready: Promise | None = None

    def _locked_stream(self) -> WritableStream:
        if self._stream is None:
            raise type_error(RELEASED)
        return self._stream

    def _on_ready(self) -> None:
        if self._ready is not None:
            promise, self._ready = self._ready, None
            promise.set_result(None)

    def _on_closed(self) -> None:
        self._on_ready()
        if self._closed is not None:
            self._closed.set_result(None)

    def _on_failed(self, exc: BaseException) -> None:
        for promise in (self._ready, self._closed):
            if promise is not None and not promise.done():
                reject(promise, exc)

    @property
    def closed(self) -> Promise | Settled:
        if self._closed is None:
            if self._stream is None:
                return rejected(type_error(RELEASED))
            if self._stream._error is not None:
                return rejected(self._stream._error)
            if self._stream._state is WritableState.CLOSED:
                return resolved()
            self._closed = Promise()
        return self._closed

    @property
    def ready(self) -> Promise | Settled:
        if self._stream is None:
            return rejected(type_error(RELEASED))
        if self._stream._error is not None:
            return rejected(self._stream._error)
        if not self._stream._is_full():
            return resolved()
        if self._ready is None:
            self._ready = Promise()
        return self._ready

    @property
    def desiredSize(self) -> Any:
        size = self._locked_stream()._desired_size()
        return jsnull if size is None else from_js(size)

    def write(self, chunk: Any = None) -> Promise | Settled:
        if self._stream is None:
            return rejected(type_error(RELEASED))
        return self._stream._write(js_value(chunk))

    def close(self) -> Promise | Settled:
        if self._stream is None:
            return rejected(type_error(RELEASED))
        return self._stream._close()

    @promise_method
    async def abort(self, reason: Any = None) -> None:
        await self._locked_stream()._abort(js_value(reason))

    def releaseLock(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream._writer = None
            self._on_failed(type_error(RELEASED))
