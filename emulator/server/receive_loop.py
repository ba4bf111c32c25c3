"""The fallback: a WebSocket on aiohttp's public `receive()`, where a takeover is not possible.

aiohttp's parser stands between: a Close with a code that it refuses has no reason here, and one
whose reason is bad UTF-8 is an empty one. Otherwise it behaves as the taken-over connection.

Source: spec websockets §1.6, §10.
"""

from __future__ import annotations

import asyncio
import struct
from contextvars import Context
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web
from aiohttp.http_websocket import WebSocketError
from aiohttp.streams import EofStream
from multidict import CIMultiDict

from emulator.core.sockets import (
    MESSAGE_BYTES_MAX,
    NO_STATUS,
    Close,
    Disconnect,
    Failure,
    encode_text,
)
from emulator.server.messages import BAD_UTF8, TOO_LARGE
from emulator.server.refusals import PARSER_LIMIT, refusing_close, translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.server.handshake import Handshake

__all__ = ["SocketWire", "meaning", "serve_with_receive_loop", "text_of"]


class _PlatformSocket(web.WebSocketResponse[bool]):
    """aiohttp's WebSocket, with the platform's handshake, that never closes by itself."""

    def __init__(self, handshake: Handshake) -> None:
        super().__init__(
            autoclose=False, autoping=True, max_msg_size=PARSER_LIMIT, decode_text=False
        )
        self._answer = handshake
        self.is_answered = asyncio.Event()  # both Closes are through, or there is to be none

    def _handshake(
        self, request: web.BaseRequest
    ) -> tuple[CIMultiDict[str], str | None, int, bool]:
        del request
        deflate = self._answer.deflate
        headers: CIMultiDict[str] = CIMultiDict(self._answer.headers)
        if deflate is None:
            return headers, None, 0, False
        return headers, None, deflate.window_bits, deflate.server_forgets

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        for name in ("Date", "Server"):
            self.headers.popall(name, None)
        for name, value in self._answer.headers:
            if name.lower() in ("date", "server"):
                self.headers.add(name, value)

    async def close(self, **options: Any) -> bool:
        """aiohttp calls this when its parser refuses a frame; the answer is ours to give."""
        del options
        return False

    async def write_eof(self, data: Any = b"") -> None:
        """The connection ends by its wire."""

    async def wait_gone(self) -> None:
        """Wait until the connection has ended; what still comes after a Close is ignored."""
        assert self._reader is not None, "the socket was prepared"
        try:
            while True:
                await self._reader.read()
        except WebSocketError:
            await self.is_answered.wait()  # nothing more is read
        except (EofStream, ConnectionError):
            return


class SocketWire:
    """A connection that one of aiohttp's WebSockets carries, as the runtime sees it."""

    def __init__(self, socket: Any, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: asyncio.Task[None] | None = None
        self._readable = asyncio.Event()
        self._readable.set()
        self.is_finished = False
        self.finished: asyncio.Event = getattr(socket, "is_answered", None) or asyncio.Event()

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
            payload = struct.pack("!H", close.code) + encode_text(close.reason)
        self._write(payload, WSMsgType.CLOSE)

    def _write(self, payload: bytes, kind: WSMsgType) -> None:
        if self.is_finished or self._transport.is_closing():
            return
        # A frame is written by the first step of the coroutine; only a writer that is over its
        # limit, or a compressor at work elsewhere, makes the rest wait its turn.
        write = self._socket.send_frame(payload, kind)
        if self._unsent is not None and not self._unsent.done():
            write = _after(self._unsent, write)
        task = Context().run(
            asyncio.Task, write, loop=self._loop, eager_start=True, context=Context()
        )
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
                self._unsent.add_done_callback(lambda _: self._transport.close(), context=Context())
            else:
                Context().run(self._transport.close)

    def abort(self) -> None:
        self.is_finished = True
        Context().run(self.finished.set)
        Context().run(self._transport.close)

    def pause_reading(self) -> None:
        self._readable.clear()

    def resume_reading(self) -> None:
        Context().run(self._readable.set)

    async def wait_readable(self) -> None:
        await self._readable.wait()


async def _after(earlier: asyncio.Task[None], write: Any) -> None:
    await asyncio.wait([earlier])
    await write


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


async def serve_with_receive_loop(
    request: web.BaseRequest,
    handshake: Handshake,
    end: WebSocketEnd,
    *,
    is_lenient: bool,
    on_open: Callable[[web.StreamResponse], None],
) -> web.StreamResponse:
    """Answer 101 and carry frames between the connection and `end` until it ends."""
    socket = _PlatformSocket(handshake)
    transport = request.transport
    if transport is None:
        end.from_wire(Disconnect())
        return socket
    await socket.prepare(request)
    on_open(socket)
    wire = SocketWire(socket, transport)
    end.couple(wire)
    try:
        await _read(socket, wire, end, is_lenient=is_lenient)
    finally:
        transport.close()
    return socket


async def _read(
    socket: _PlatformSocket, wire: SocketWire, end: WebSocketEnd, *, is_lenient: bool
) -> None:
    while True:
        await wire.wait_readable()
        message = await socket.receive()
        kind = message.type
        if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
            item = _message(message, is_lenient=is_lenient)
            if isinstance(item, Failure):
                await _refused(item, wire, end, is_lenient=is_lenient)
                return
            end.from_wire(item)
        elif kind is WSMsgType.CLOSE:
            code = message.data or None
            end.from_wire(Close(None if code == NO_STATUS else code, message.extra or ""))
            await socket.wait_gone()
            return
        elif kind is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
            await _refused(meaning(message.data), wire, end, is_lenient=is_lenient)
            return
        else:
            wire.is_finished = True
            end.from_wire(Disconnect())
            return


def _message(message: Any, *, is_lenient: bool) -> str | bytes | Failure:
    payload = message.data
    if len(payload) > MESSAGE_BYTES_MAX:
        return TOO_LARGE  # deflated; aiohttp lets one byte more pass
    if message.type is WSMsgType.TEXT:
        return text_of(payload, is_lenient=is_lenient)
    return bytes(payload)


def text_of(payload: bytes, *, is_lenient: bool) -> str | Failure:
    """The text of a message, whose bytes aiohttp has not looked at."""
    try:
        return payload.decode("utf-8", "replace" if is_lenient else "strict")
    except UnicodeDecodeError:
        return BAD_UTF8


def meaning(refusal: WebSocketError) -> Close | Failure:
    """What a frame was that aiohttp refused."""
    # Text is not decoded by aiohttp, so what it found to be no UTF-8 is the reason of a Close.
    return Close() if "Invalid UTF-8" in str(refusal) else translate(refusal)


async def _refused(
    item: Close | Failure, wire: SocketWire, end: WebSocketEnd, *, is_lenient: bool
) -> None:
    """The parser took no more: a broken frame, or a Close that only the platform takes."""
    if isinstance(item, Failure):
        wire.send_close(refusing_close(item, is_lenient=is_lenient))
        end.from_wire(item)
        wire.finish()
    else:
        end.from_wire(item)
        await wire.finished.wait()
