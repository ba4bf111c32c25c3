"""A WebSocket at the server's edge: the answer to its handshake, and who carries its frames.

Source: spec websockets §1.4, §1.5; spec performance §3.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from emulator.core.sockets import Disconnect
from emulator.core.values import error
from emulator.server.connections import Connections
from emulator.server.handshake import Handshake
from emulator.server.receive_loop import serve_with_receive_loop
from emulator.server.takeover import is_supported, take_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.runtime.worker import Worker

__all__ = ["WebSocketEdge"]


class _TakenOver(web.StreamResponse):
    """What aiohttp gets to hear of a connection that was taken over: the head is written."""

    def __init__(self) -> None:
        super().__init__(status=101, reason="Switching Protocols")
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        del request

    async def write_eof(self, data: object = b"") -> None:
        del data


class WebSocketEdge:
    """Answers upgrades of one server, and ends their connections when it stops."""

    def __init__(self, worker: Worker, *, takes_over: bool) -> None:
        """Args:
        takes_over: connections leave aiohttp after the handshake, where its version is known.
        """
        self._worker = worker
        config = worker.config
        self._is_lenient = config.dev.lenient_frames
        self._compresses = config.is_enabled(
            "web_socket_compression", "no_web_socket_compression", since="2023-08-15"
        )
        self._ends: set[WebSocketEnd] = set()  # those that aiohttp still carries
        self._connections: Connections | None = None
        if takes_over and is_supported():
            self._connections = Connections(
                asyncio.get_running_loop(),
                is_lenient=self._is_lenient,
                warn=lambda text: worker.report(error(text)),
            )

    async def upgrade(
        self,
        request: web.BaseRequest,
        headers: list[tuple[str, str]],
        end: WebSocketEnd,
        *,
        on_open: Callable[[web.StreamResponse], None],
        on_end: Callable[[int | None], None],
    ) -> web.StreamResponse:
        """Answer 101; `end` is what the client speaks to.

        Args:
            on_end: is told of the connection's end, and of the code of its first Close.
        """
        handshake = Handshake.of(request, headers, compresses=self._compresses)
        refusal = end.refusal()
        if refusal is not None:
            # The client gets its 101 and then the end; the error is in the log (spec §1.4).
            self._worker.report(refusal)
            return _answer_and_end(request, handshake)
        if self._connections is not None:
            return self._take_over(self._connections, request, handshake, end, on_open, on_end)
        self._ends.add(end)
        try:
            return await serve_with_receive_loop(
                request, handshake, end, is_lenient=self._is_lenient, on_open=on_open
            )
        finally:
            self._ends.discard(end)
            on_end(None)

    def _take_over(
        self,
        connections: Connections,
        request: web.BaseRequest,
        handshake: Handshake,
        end: WebSocketEnd,
        on_open: Callable[[web.StreamResponse], None],
        on_end: Callable[[int | None], None],
    ) -> web.StreamResponse:
        response = _TakenOver()
        taken = take_over(request)
        if taken is None:
            end.from_wire(Disconnect())
            return response
        transport, tail = taken
        connections.begin()
        try:
            connection = connections.open(transport, handshake.head(), end, handshake.deflate)
            transport.set_protocol(connection)
            end.couple(connection)
        finally:
            connections.flush()  # the head, and what waited behind it, in one write
        on_open(response)
        connection.on_end = on_end
        if tail:
            connection.data_received(tail)
        return response

    async def close(self) -> None:
        """End every connection."""
        for end in list(self._ends):
            if end.wire is not None:
                end.wire.abort()
        if self._connections is not None:
            await self._connections.close()


def _answer_and_end(request: web.BaseRequest, handshake: Handshake) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        transport.write(handshake.head())
        transport.close()
    return _TakenOver()
