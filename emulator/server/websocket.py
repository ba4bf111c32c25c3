"""WebSockets on aiohttp: the handshake as the platform makes it, and one reader per connection.

aiohttp's parser is stricter than the platform's. What it refuses is translated here, in one
table, into the platform's close reasons, or into the Close that it was.

Source: spec websockets §1.5, §1.6, §10.
"""

from __future__ import annotations

import asyncio
import re
import struct
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType, web
from aiohttp.http_websocket import WebSocketError
from aiohttp.streams import EofStream
from multidict import CIMultiDict

from emulator.core.sockets import MESSAGE_BYTES_MAX, Close, Disconnect, Failure, encode_text
from emulator.server.handshake import accept_key, negotiate_deflate

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["handshake_refusal", "serve_web_socket"]

# Measured: aiohttp refuses a plain frame whose size equals its limit, so the limit is one more.
_PARSER_LIMIT: Final = MESSAGE_BYTES_MAX + 1
_LINGER_S: Final = 1.0  # how long a client may take to end its side after both Closes

type _Refusal = tuple[re.Pattern[str], Callable[[re.Match[str]], Close | Failure]]


def handshake_refusal(request: web.BaseRequest) -> web.Response | None:
    """What is wrong with a handshake, in the platform's order; None if nothing is.

    The platform looks only after user code answered 101 (spec §1.5).
    """
    if request.method != "GET":
        return web.Response(
            status=400, text="ERROR: WebSocket must be initiated with a GET request."
        )
    if request.headers.get("Sec-WebSocket-Version") != "13":
        return web.Response(
            status=426,
            text="ERROR: The requested WebSocket version is not supported.",
            headers={"Sec-WebSocket-Version": "13"},
        )
    if "Sec-WebSocket-Key" not in request.headers:
        return web.Response(status=400, text="ERROR: Missing Sec-WebSocket-Key")
    return None


class _PlatformSocket(web.WebSocketResponse):
    """aiohttp's WebSocket, with the platform's handshake, that never closes by itself."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__(autoclose=False, autoping=True, max_msg_size=_PARSER_LIMIT)
        self._extra = [(k, v) for k, v in headers if k not in _OVERWRITTEN]

    def _handshake(
        self, request: web.BaseRequest
    ) -> tuple[CIMultiDict[str], str | None, int, bool]:
        headers: CIMultiDict[str] = CIMultiDict(self._extra)
        headers["Upgrade"] = "websocket"
        headers["Connection"] = "Upgrade"
        headers["Sec-WebSocket-Accept"] = accept_key(request.headers["Sec-WebSocket-Key"])
        deflate = negotiate_deflate(request.headers.getall("Sec-WebSocket-Extensions", ()))
        if deflate is None:
            return headers, None, 0, False
        headers["Sec-WebSocket-Extensions"] = deflate.answer
        return headers, None, deflate.window_bits, deflate.without_takeover

    async def close(self, **options: Any) -> bool:  # type: ignore[override]
        """aiohttp calls this when its parser refuses a frame; the answer is ours to give."""
        del options
        return False

    async def write_eof(self) -> None:
        """The connection ends by its wire."""

    async def wait_gone(self) -> None:
        """Wait until the connection has ended; what still comes after a Close is ignored."""
        assert self._reader is not None, "the socket was prepared"
        try:
            while True:
                await self._reader.read()
        except (EofStream, WebSocketError, ConnectionError):
            return


_OVERWRITTEN: Final = frozenset(
    {
        "connection",
        "upgrade",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "content-length",
        "transfer-encoding",
    }
)


class _Wire:
    """The connection as the runtime sees it."""

    def __init__(self, socket: _PlatformSocket, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: asyncio.Task[None] | None = None
        self.is_finished = False
        self.finished = asyncio.Event()

    @property
    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._write(encode_text(message), WSMsgType.TEXT)
        else:
            self._write(message, WSMsgType.BINARY)

    def send_close(self, close: Close) -> None:
        payload = b""
        if close.code is not None:
            reason = encode_text(close.reason)
            payload = struct.pack("!H", close.code) + reason
        self._write(payload, WSMsgType.CLOSE)

    def _write(self, payload: bytes, kind: WSMsgType) -> None:
        if self.is_finished or self._transport.is_closing():
            return
        # A frame is written by the first step of the coroutine; only a writer that is over its
        # limit, or a compressor at work elsewhere, makes the rest wait its turn.
        write = self._socket.send_frame(payload, kind)
        if self._unsent is not None and not self._unsent.done():
            write = _after(self._unsent, write)
        task = asyncio.Task(write, loop=self._loop, eager_start=True, context=Context())
        if task.done():
            task.exception()
        else:
            self._unsent = task
            task.add_done_callback(_seen, context=Context())

    def finish(self) -> None:
        if not self.is_finished:
            self.is_finished = True
            self.finished.set()
            if self._unsent is not None and not self._unsent.done():
                self._unsent.add_done_callback(
                    lambda _: self._transport.close(), context=Context()
                )
            else:
                self._transport.close()

    def abort(self) -> None:
        self.is_finished = True
        self.finished.set()
        self._transport.close()


async def _after(earlier: asyncio.Task[None], write: Any) -> None:
    await asyncio.wait([earlier])
    await write


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


async def serve_web_socket(
    request: web.BaseRequest,
    headers: list[tuple[str, str]],
    end: WebSocketEnd,
    *,
    on_open: Callable[[web.StreamResponse], None],
) -> web.StreamResponse:
    """Answer 101 and carry frames between the connection and `end` until it ends."""
    socket = _PlatformSocket(headers)
    transport = request.transport
    if transport is None:
        end.from_wire(Disconnect())
        return socket
    await socket.prepare(request)
    on_open(socket)
    wire = _Wire(socket, transport)
    end.couple(wire)
    try:
        await _read(socket, wire, end)
    finally:
        transport.close()
    return socket


async def _read(socket: _PlatformSocket, wire: _Wire, end: WebSocketEnd) -> None:
    while True:
        message = await socket.receive()
        kind = message.type
        if kind is WSMsgType.TEXT:
            end.from_wire(message.data)
        elif kind is WSMsgType.BINARY:
            end.from_wire(bytes(message.data))
        elif kind is WSMsgType.CLOSE:
            end.from_wire(Close(message.data or None, message.extra or ""))
            await socket.wait_gone()
            return
        elif kind is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
            await _refused(translate(message.data), wire, end)
            return
        else:
            wire.is_finished = True
            end.from_wire(Disconnect())
            return


async def _refused(item: Close | Failure, wire: _Wire, end: WebSocketEnd) -> None:
    """The parser took no more: a broken frame, or a Close that only the platform takes."""
    if isinstance(item, Failure):
        wire.send_close(Close(item.code, item.reason))
        end.from_wire(item)
        wire.finish()
    else:
        end.from_wire(item)
        await wire.finished.wait()


def _bad_close(match: re.Match[str]) -> Close:
    code = int(match[1])
    return Close(None if code == 1005 else code)


# aiohttp's refusals, and what the platform makes of them (spec §1.6).
_REFUSALS: Final[tuple[_Refusal, ...]] = (
    (re.compile(r"Invalid close code: (\d+)"), _bad_close),
    (re.compile(r"Invalid close frame"), lambda _: Close()),
    (re.compile(r"Unexpected opcode=(\d+)"), lambda m: Failure(1002, f"Unknown opcode {m[1]}")),
    (
        re.compile(r"Message size (\d+) exceeds limit"),
        lambda m: Failure(1009, f"Message is too large: {m[1]} > {MESSAGE_BYTES_MAX}"),
    ),
    (re.compile(r"Decompressed message"), lambda _: Failure(1009, "Message is too large")),
    (
        re.compile(r"Continuation frame for non started"),
        lambda _: Failure(1002, "Unexpected continuation frame"),
    ),
    (
        re.compile(r"The opcode in non-fin frame"),
        lambda _: Failure(1002, "Missing continuation frame"),
    ),
    (
        re.compile(r"Received fragmented control frame"),
        lambda _: Failure(1002, "Received fragmented control frame"),
    ),
    (
        re.compile(r"non-zero reserved bits"),
        lambda _: Failure(1002, "Received frame had RSV bits 2 or 3 set"),
    ),
)


def translate(refusal: WebSocketError) -> Close | Failure:
    """What the platform makes of a frame that aiohttp refuses."""
    text = str(refusal)
    for pattern, make in _REFUSALS:
        match = pattern.search(text)
        if match is not None:
            return make(match)
    return Failure(int(refusal.code), text)
