"""What empties a WritableStream: the underlying sink of user code, or one of the runtime's.

Source: Streams standard; spec python-surface §2.5 (borrowed functions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import JsProxy, JsValue, js_value
from emulator.web.sources import awaitable_of, member_function
from emulator.web.webidl import invoke, invoke_now, settle, to_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from emulator.web.abort import AbortSignal
    from emulator.web.writable import WritableStream

__all__ = ["Sink", "UserSink", "WritableStreamDefaultController"]


class Sink:
    """The base of all sinks, and the sink that takes anything and keeps nothing."""

    def start(self, stream: WritableStream) -> Awaitable[Any] | None:
        """Begin. What is returned is awaited before the first write."""
        del stream
        return None

    async def write(self, chunk: JsValue) -> None:
        """Take one chunk."""

    async def close(self) -> None:
        """There are no more chunks."""

    async def abort(self, reason: JsValue) -> None:
        """The writer gave up."""


class UserSink(Sink):
    """The `underlyingSink` of user code."""

    def __init__(self, sink: JsValue) -> None:
        self._start = member_function(sink, "start", "UnderlyingSink")
        self._write = member_function(sink, "write", "UnderlyingSink")
        self._close = member_function(sink, "close", "UnderlyingSink")
        self._abort = member_function(sink, "abort", "UnderlyingSink")
        self._controller: WritableStreamDefaultController | None = None

    def start(self, stream: WritableStream) -> Awaitable[Any] | None:
        self._controller = WritableStreamDefaultController(stream)
        if self._start is None:
            return None
        return awaitable_of(invoke_now(self._start, self._controller))

    async def write(self, chunk: JsValue) -> None:
        if self._write is not None:
            await settle(invoke(self._write, chunk, self._controller))

    async def close(self) -> None:
        if self._close is not None:
            await settle(invoke(self._close))

    async def abort(self, reason: JsValue) -> None:
        if self._abort is not None:
            await settle(invoke(self._abort, reason))


class WritableStreamDefaultController(JsProxy, js_name="WritableStreamDefaultController"):
    """The hand by which a sink reaches its stream."""

    def __init__(self, stream: WritableStream) -> None:
        self._stream = stream

    @property
    def signal(self) -> AbortSignal:
        return self._stream._signal

    def error(self, reason: Any = None) -> None:
        self._stream._fail(to_exception(js_value(reason)))
