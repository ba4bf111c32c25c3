"""Outgoing WebSockets, by aiohttp's client: what a fetch() with `Upgrade: websocket` opens.

Source: spec websockets §1.1, §1.6, §6.
"""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import WSMsgType
from aiohttp.http_websocket import WebSocketError
from yarl import URL

from emulator.core.sockets import Close, Disconnect, Failure
from emulator.core.values import error
from emulator.runtime.websocket import WebSocketEnd, web_socket_pair
from emulator.server.receive_loop import SocketWire, meaning, text_of
from emulator.server.refusals import refusing_close
from emulator.web.response import Response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.values import JsValue
    from emulator.web.request import Request

__all__ = ["asks_for_upgrade", "open_web_socket"]

LOST: Final = "Network connection lost."
_NO_LIMIT: Final = 0  # incoming messages of an outgoing socket (spec §1.6)
# The handshake's own, or of one connection.
_NOT_SENT: Final = frozenset(
    {
        *("connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"),
        *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"),
        *("sec-websocket-accept", "sec-websocket-protocol"),
    }
)


def asks_for_upgrade(request: Request) -> bool:
    return (request._headers._find("upgrade") or "").strip().lower() == "websocket"


async def open_web_socket(
    session: aiohttp.ClientSession,
    request: Request,
    face: Callable[[WebSocketEnd], JsValue],
    spawn: Callable[..., asyncio.Task[Any]],
) -> Response:
    """The response to an upgrade: a 101 with its socket, or what the server answered instead.

    Args:
        face: makes the socket that user code sees from an end.
        spawn: runs the connection's reader.

    Raises:
        JsException: no server answers.
    """
    offered = request._headers._find("sec-websocket-protocol") or ""
    headers = [(k, v) for k, v in request._headers._header_pairs() if k.lower() not in _NOT_SENT]
    try:
        socket = await session.ws_connect(
            URL(request._url.partition("#")[0], encoded=True),
            protocols=[text.strip() for text in offered.split(",") if text.strip()],
            headers=headers,
            compress=15,
            autoclose=False,
            max_msg_size=_NO_LIMIT,
            decode_text=False,
        )
    except aiohttp.WSServerHandshakeError as exc:
        # DIFFERS: aiohttp has closed the connection, so the body of the refusal is lost.
        pairs = [] if exc.headers is None else list(exc.headers.items())
        return Response._fetched(exc.status, "", pairs, b"", url=request._url)
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise error(LOST, retryable=True) from exc
    near, far = web_socket_pair()
    answer: Any = socket._response
    wire = SocketWire(socket, answer.connection.transport)
    far.couple(wire)
    _ = spawn(_read(socket, wire, far), name="outgoing web socket")
    pairs = list(answer.headers.items())
    return Response._fetched(
        101, "Switching Protocols", pairs, url=request._url, web_socket=face(near)
    )


async def _read(
    socket: aiohttp.ClientWebSocketResponse[Any], wire: SocketWire, end: WebSocketEnd
) -> None:
    try:
        await _read_frames(socket, wire, end)
    finally:
        wire.abort()
        Context().run(_close, socket)


def _close(socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
    socket._response.close()


async def _read_frames(
    socket: aiohttp.ClientWebSocketResponse[Any], wire: SocketWire, end: WebSocketEnd
) -> None:
    while True:
        await wire.wait_readable()
        message = await socket.receive()
        kind = message.type
        if kind is WSMsgType.TEXT:
            end.from_wire(text_of(message.data, is_lenient=True))
        elif kind is WSMsgType.BINARY:
            end.from_wire(bytes(message.data))
        elif kind is WSMsgType.CLOSE:
            end.from_wire(Close(message.data or None, message.extra or ""))
            await wire.finished.wait()
            return
        elif kind is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
            item = meaning(message.data)
            if isinstance(item, Failure):
                wire.send_close(refusing_close(item, is_lenient=False))
            end.from_wire(item)
            return
        else:
            end.from_wire(Disconnect())
            return
