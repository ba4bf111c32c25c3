"""ReadableStream: a queue that a source fills on demand and one reader at a time empties.

Invariants:
1. `pull` runs only while the queue is below its high-water mark or a read waits, and never twice at
   once: so a stream that nobody reads holds at most the mark's worth of chunks.
2. A read waits only while the queue is empty, so a chunk is either queued or delivered, in order.
3. A byte stream queues Python `bytes`, which the runtime reads without a copy; user code gets a
   fresh Uint8Array. Any other stream queues JavaScript values.
4. Closing waits for the queue to drain; an error does not.

Source: Streams standard; texts and order measured on workerd. Proved by tests/web/test_readable.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    ArrayBuffer,
    JsArray,
    JsProxy,
    JsValue,
    Uint8Array,
    from_js,
    illegal_parameter,
    js_value,
    to_string,
    type_error,
)
from emulator.web.pipes import pipe_through, pipe_to, tee
from emulator.web.promises import Promise, Settled, promise_method, promise_of
from emulator.web.readers import (
    END,
    ReadableStreamAsyncIterator,
    ReadableStreamBYOBReader,
    ReadableStreamDefaultReader,
)
from emulator.web.sources import IterableSource, Source, UserSource
from emulator.web.strategies import high_water_mark, size_function
from emulator.web.webidl import (
    MISSING,
    is_object,
    member,
    options_of,
    refused_construction,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.web.readers import ReadableStreamReader

__all__ = ["END", "ReadableStream", "StreamState", "readable_from"]


LOCKED: Final = "This ReadableStream is currently locked to a reader."


class StreamState(Enum):
    READABLE = auto()
    CLOSED = auto()
    ERRORED = auto()


class ReadableStream(JsProxy, js_name="ReadableStream"):
    """A stream of chunks. `_of` makes one for the runtime, without a strategy to read."""

    def __init__(self, source: JsValue = None, strategy: JsValue = None) -> None:
        if source is not None and not is_object(source) and source:
            raise refused_construction("ReadableStream", 1, "UnderlyingSource")
        user = UserSource(source)
        is_bytes = user.is_bytes
        mark = high_water_mark(strategy, default=0.0 if is_bytes else 1.0)
        self._setup(user, mark, None if is_bytes else size_function(strategy), is_bytes)

    @classmethod
    def _of(
        cls, source: Source, *, high_water_mark: float = 0.0, is_bytes: bool = False
    ) -> ReadableStream:
        self = cls.__new__(cls)
        self._setup(source, high_water_mark, None, is_bytes)
        return self

    def _setup(
        self,
        source: Source,
        mark: float,
        size: Callable[[JsValue], float] | None,
        is_bytes: bool,
    ) -> None:
        self._source = source
        self._mark = mark
        self._size = size
        self._is_bytes = is_bytes
        self._state = StreamState.READABLE
        self._error: BaseException | None = None
        self._queue: deque[tuple[Any, float]] = deque()
        self._queue_size = 0.0
        self._waiters: deque[asyncio.Future[Any]] = deque()
        self._reader: ReadableStreamReader | None = None
        self._is_disturbed = False
        self._is_closing = False
        self._is_started = False
        self._is_pulling = False
        self._must_pull_again = False
        self._start()

    # --- starting and pulling

    def _start(self) -> None:
        try:
            waiting = self._source.start(self)
        except Exception as exc:
            # Measured: a throwing `start` breaks the stream, not the constructor.
            self._fail(exc)
            return
        if waiting is not None:
            promise_of(self._wait_start(waiting))
            return
        self._is_started = True
        if self._wants_chunks():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # Outside a loop the first read does it.
            # Not before the code that makes the stream has finished.
            loop.call_soon(self._pull_if_needed)

    async def _wait_start(self, waiting: Any) -> None:
        try:
            await waiting
        except Exception as exc:
            self._fail(exc)
            return
        self._is_started = True
        self._pull_if_needed()

    def _wants_chunks(self) -> bool:
        if self._state is not StreamState.READABLE or self._is_closing or not self._is_started:
            return False
        return bool(self._waiters) or self._mark > self._queue_size

    def _pull_if_needed(self) -> None:
        if not self._wants_chunks():
            return
        if self._is_pulling:
            self._must_pull_again = True
            return
        self._is_pulling = True
        promise_of(self._pull())

    async def _pull(self) -> None:
        try:
            while True:
                self._must_pull_again = False
                await self._source.pull(self)
                if not (self._must_pull_again and self._wants_chunks()):
                    break
        except Exception as exc:
            self._fail(exc)
        finally:
            self._is_pulling = False

    # --- the source's side

    def _desired_size(self) -> float | None:
        if self._state is StreamState.ERRORED:
            return None
        return 0.0 if self._state is StreamState.CLOSED else self._mark - self._queue_size

    def _is_over(self) -> bool:
        return self._state is StreamState.CLOSED

    def _can_enqueue(self) -> bool:
        return self._state is StreamState.READABLE and not self._is_closing

    def _enqueue(self, chunk: Any) -> None:
        """Give a chunk to the oldest waiting read, or queue it (2)."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(chunk)
                break
        else:
            self._push(chunk)
        self._pull_if_needed()

    def _push(self, chunk: Any) -> None:
        size = 1.0
        if self._is_bytes:
            size = float(len(chunk))
        elif self._size is not None:
            try:
                size = self._size(chunk)
            except Exception as exc:
                self._fail(exc)
                raise
        self._queue.append((chunk, size))
        self._queue_size += size

    def _close(self) -> None:
        """No more chunks come; the stream is closed once the queue is empty (4)."""
        self._is_closing = True
        if not self._queue:
            self._finish()

    def _finish(self) -> None:
        if self._state is not StreamState.READABLE:
            return
        self._state = StreamState.CLOSED
        self._release_waiters(None)
        if self._reader is not None:
            self._reader._on_closed()

    def _fail(self, exc: BaseException) -> None:
        if self._state is not StreamState.READABLE:
            return
        self._state = StreamState.ERRORED
        self._error = exc
        self._queue.clear()
        self._queue_size = 0.0
        self._release_waiters(exc)
        if self._reader is not None:
            self._reader._on_failed(exc)

    def _release_waiters(self, exc: BaseException | None) -> None:
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if waiter.done():
                continue
            if exc is None:
                waiter.set_result(END)
            else:
                waiter.set_exception(exc)

    # --- the reader's side

    def _lock(self, reader: ReadableStreamReader) -> None:
        if self._reader is not None:
            raise type_error(LOCKED)
        self._reader = reader

    async def _next(self) -> Any:
        """The next chunk as it is queued (3), or END.

        Raises: the stream's error.
        """
        self._is_disturbed = True
        if self._queue:
            chunk, size = self._queue.popleft()
            self._queue_size -= size
            if self._is_closing and not self._queue:
                self._finish()
            else:
                self._pull_if_needed()
            return chunk
        if self._state is StreamState.CLOSED:
            return END
        if self._error is not None:
            raise self._error
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._pull_if_needed()
        return await waiter

    async def _next_value(self) -> JsValue:
        """The next chunk as JavaScript sees it, or END."""
        chunk = await self._next()
        if self._is_bytes and chunk is not END:
            return Uint8Array(ArrayBuffer(bytearray(chunk)))
        return chunk

    def _put_back(self, rest: bytes) -> None:
        # What a BYOB read had no room for is the next read's.
        self._queue.appendleft((rest, float(len(rest))))
        self._queue_size += len(rest)

    async def _cancel(self, reason: JsValue) -> None:
        self._is_disturbed = True
        if self._error is not None:
            raise self._error
        if self._state is StreamState.CLOSED:
            return
        self._queue.clear()
        self._queue_size = 0.0
        self._is_closing = True
        self._finish()
        await self._source.cancel(reason)

    # --- JavaScript

    @property
    def locked(self) -> bool:
        return self._reader is not None

    @promise_method
    async def cancel(self, reason: Any = None) -> None:
        if self._reader is not None:
            raise type_error(LOCKED)
        await self._cancel(js_value(reason))

    def getReader(self, options: Any = None, **keywords: Any) -> ReadableStreamReader:
        mode = member(options_of(options, keywords), "mode")
        if mode is None:
            return ReadableStreamDefaultReader(self)
        if to_string(mode) != "byob":
            raise type_error("mode must be undefined or 'byob' in call to getReader().")
        return ReadableStreamBYOBReader(self)

    def pipeThrough(self, transform: Any, options: Any = None, **keywords: Any) -> Any:
        return from_js(pipe_through(self, js_value(transform), options_of(options, keywords)))

    def pipeTo(
        self, destination: Any = MISSING, options: Any = None, **keywords: Any
    ) -> Promise | Settled:
        return promise_of(pipe_to(self, js_value(destination), options_of(options, keywords)))

    def _tee(self) -> list[ReadableStream]:
        if self._reader is not None:
            # The comma is the platform's.
            raise type_error("This ReadableStream is currently locked to a reader,")
        return tee(self)

    def tee(self) -> JsArray:
        return JsArray(list(self._tee()))

    def values(self, options: Any = None, **keywords: Any) -> ReadableStreamAsyncIterator:
        is_kept = member(options_of(options, keywords), "preventCancel")
        return ReadableStreamAsyncIterator(self, prevents_cancel=bool(is_kept))

    def __aiter__(self) -> ReadableStreamAsyncIterator:
        return self.values()


def readable_from(iterable: JsValue = None) -> ReadableStream:
    """`ReadableStream.from`: a stream of what an iterable or asynchronous iterable gives."""
    source = IterableSource.find(iterable)
    if source is None:
        raise illegal_parameter("from", "ReadableStream", 1, "AsyncGenerator")
    return ReadableStream._of(source)
