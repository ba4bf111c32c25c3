"""The HTTP server around one worker: it listens, and hands every request to the worker.

One low-level handler takes all requests; there is no router. Connections whose WebSocket was
accepted are the server's to end, since aiohttp does not know them any more.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from emulator.errors import PortInUseError
from emulator.server.bad_requests import PlainServer
from emulator.server.http import HttpHandler
from emulator.server.websocket import WebSocketEdge

if TYPE_CHECKING:
    from emulator.runtime.worker import Worker
    from emulator.server.http import ControlDoor, ErrorPage

__all__ = ["Server"]

BACKLOG: Final = 4096
SHUTDOWN_S: Final = 1.0
LOOPBACK: Final = ("127.0.0.1", "::1")  # what "localhost" means


class Server:
    """Serves one worker. `start`, then `close`."""

    def __init__(
        self,
        worker: Worker,
        *,
        takes_over: bool = True,
        error_page: ErrorPage | None = None,
        control: ControlDoor | None = None,
    ) -> None:
        """Args:
        takes_over: WebSocket connections leave aiohttp after the handshake, and small answers
            do not wait for its task (takeover.py).
        error_page: what browsers get of an uncaught error, instead of one line.
        control: answers for the explorer and its API.
        """
        self._answers_directly = takes_over
        self._web_sockets = WebSocketEdge(worker, takes_over=takes_over)
        self._handler = HttpHandler(worker, self._web_sockets)
        self._handler.error_page = error_page
        self._handler.control = self.control = control
        self._runner: web.ServerRunner | None = None
        self.port = 0
        self.urls: list[str] = []

    async def start(self, host: str, port: int) -> None:
        """Listen on `host` and `port`; port 0 takes a free one.

        Raises:
            PortInUseError: another program has the address.
        """
        server = PlainServer(
            self._handler,
            on_refused=self._handler.refused,
            on_parsed=self._handler.begin if self._answers_directly else None,
            access_log=None,
            handler_cancellation=False,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S, handle_signals=False)
        await self._runner.setup()
        try:
            await self._listen(host, port)
        except OSError as exc:
            await self._runner.cleanup()
            if exc.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortInUseError(host, port) from None
            raise
        name = f"[{host}]" if ":" in host else host
        self.urls = [f"http://{name}:{self.port}"]

    async def _listen(self, host: str, port: int) -> None:
        assert self._runner is not None, "the runner is set up"
        addresses = LOOPBACK if host == "localhost" else (host,)
        for address in addresses:
            site = web.TCPSite(self._runner, address, port, backlog=BACKLOG)
            try:
                await site.start()
            except OSError as exc:
                # A machine without IPv6 has only the first address of "localhost".
                if address == LOOPBACK[1] and exc.errno != errno.EADDRINUSE and self.port:
                    continue
                raise
            port = self.port = _port_of(site)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self.control is not None:
            self.control.close()
        await self._web_sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()


def _port_of(site: web.TCPSite) -> int:
    server: Any = site._server
    port: int = server.sockets[0].getsockname()[1]
    return port
