"""The one place that touches aiohttp's private parts: its parsers, and the connection itself.

After a handshake aiohttp keeps a task, a request and a protocol for every WebSocket. Taking the
connection over releases them all. Where aiohttp is not the version this was written for, the
server falls back to its `receive()` loop (receive_loop.py), which behaves the same but for a few
Close frames.

Requests go to aiohttp's task, which makes an object of each and of its response. One that is whole
when it was parsed may be answered right there instead; without that aiohttp's task answers all.

Source: spec performance §3, §6, §9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
from aiohttp import HttpVersion11
from aiohttp.http_websocket import WebSocketReader

from emulator.server.refusals import PARSER_LIMIT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from aiohttp import StreamReader, web
    from aiohttp.http_parser import RawRequestMessage

__all__ = ["FrameParser", "Parsers", "answer_directly", "is_supported", "take_over"]

SUPPORTED: Final = "3.14."
_QUEUE_BYTES: Final = 1 << 16  # of a queue that nothing is put into

try:
    from aiohttp._websocket.reader import WebSocketDataQueue
except ImportError:  # not the version that this was written for
    WebSocketDataQueue = None  # type: ignore[assignment,misc]

type FrameHandler = Callable[[bool, int, Any, bool], None]
type DirectAnswer = Callable[[Any, RawRequestMessage, StreamReader], bytes | None]
"""Given the connection, the head and the body, which is all there, has a request answered: the bytes
of the answer, or None if aiohttp's task shall go on with it."""

_NOTHING: Final[tuple[tuple[()], bool, bytes]] = ((), False, b"")


class FrameParser(Protocol):
    """Finds frames in what arrives. The answer's first part is true once one was refused."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]: ...


def is_supported() -> bool:
    """Whether this aiohttp is the one that is known."""
    return aiohttp.__version__.startswith(SUPPORTED) and WebSocketDataQueue is not None


class Parsers:
    """Makes the frame parsers of one server, and keeps what the last one to fail has refused."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        class Queue(WebSocketDataQueue):
            """Where the parser would put messages. It only ever gets to hold a failure."""

            failure: BaseException | None = None

            def set_exception(self, exc: BaseException, exc_cause: object = None) -> None:
                del exc_cause
                self.failure = exc

        class Reader(WebSocketReader):
            # The parser hands every frame to this method; a slot of its name takes its place.
            __slots__ = ("_handle_frame",)

        self._queue: Any = Queue(None, _QUEUE_BYTES, loop=loop)  # type: ignore[arg-type]
        self._reader: Any = Reader

    def open(self, on_frame: FrameHandler, *, compresses: bool) -> FrameParser:
        """A parser that calls `on_frame` with fin, opcode, unmasked payload, compressed.

        Args:
            compresses: compression was agreed; otherwise its bit is refused at the header.
        """
        reader: Any = self._reader(self._queue, PARSER_LIMIT, compresses, False)
        reader._handle_frame = on_frame
        parser: FrameParser = reader
        return parser

    def take_failure(self) -> BaseException:
        """Why `feed_data` was true just now."""
        failure, self._queue.failure = self._queue.failure, None
        assert failure is not None, "a parser has refused a frame"
        return failure  # type: ignore[no-any-return]


def take_over(request: web.BaseRequest) -> tuple[asyncio.Transport, bytes] | None:
    """Take the connection of an upgrade from aiohttp, which is told that it was lost.

    Returns: the transport, and what the client sent after its request; None if the client is gone.
    """
    handler = request.protocol
    transport = handler.transport
    if transport is None or transport.is_closing():
        return None
    tail = handler._message_tail
    handler._message_tail = b""
    handler.keep_alive(False)
    handler.transport = None
    handler.connection_lost(None)
    if not transport.is_reading():
        transport.resume_reading()
    return transport, tail


def answer_directly(connection: web.RequestHandler, answer: DirectAnswer) -> None:
    """Have `answer` see each request of a new connection before aiohttp's task does."""
    connection._parser = _DirectParser(connection, answer)  # type: ignore[assignment]


class _DirectParser:
    """Stands before a connection's parser. What it has answered, aiohttp never gets to see."""

    __slots__ = ("_answer", "_connection", "_parser")

    def __init__(self, connection: Any, answer: DirectAnswer) -> None:
        self._parser: Any = connection._parser
        self._connection = connection
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> tuple[Any, bool, bytes]:
        found: tuple[Any, bool, bytes] = self._parser.feed_data(data)
        messages = found[0]
        if len(messages) != 1 or found[1]:  # several requests, a part of one, or an upgrade
            return found
        connection = self._connection
        waiter = connection._waiter
        # Only while aiohttp's task is idle: answers keep the order of their requests.
        if waiter is None or waiter.done() or connection._messages or connection._paused:
            return found
        message, payload = messages[0]
        if message.should_close or message.version != HttpVersion11 or not payload.is_eof():
            return found
        sent = self._answer(connection, message, payload)
        if sent is None:
            return found
        self._parser.message_consumed()
        now_s = connection._loop.time()
        connection._next_keepalive_close_time = now_s + connection._keepalive_timeout
        if connection.transport is not None:
            connection.transport.write(sent)
        return _NOTHING
