"""The taken-over WebSocket connections of one server: what they share, and the round they are in.

What one round of the loop reads from all connections (reading.py) is handled together, after the last
read: handling message after message keeps the code for it at hand, and lets them share a Task
(runtime/messages.py). What they send is gathered and written once per connection, after the last of
them: a client that is woken for every answer by itself takes the processor from the server, and
asks one by one. What is sent at any other time is written in the loop's next turn.

Everything that writes to a transport happens in `flush`, outside every object: the loop would run a
transport's callbacks in the context that scheduled them, and an object's gate would hold them.

Source: spec performance §3, §9.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

from emulator.runtime.messages import MessageQueue
from emulator.server.connection import LINGER_S, Connection
from emulator.server.frames import FrameEncoder
from emulator.server.lenient import LenientParser
from emulator.server.reading import Reader
from emulator.server.takeover import Parsers

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.server.handshake import Deflate
    from emulator.server.takeover import FrameParser

__all__ = ["Connections"]


class Connections:
    """All of them: what they share, and what the round has gathered."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        is_lenient: bool,
        warn: Callable[[str], None],
    ) -> None:
        """Args:
        is_lenient: bad UTF-8 and long control frames pass, as on the platform.
        warn: tells the developer of a client that does not read.
        """
        self.loop = loop
        self.is_lenient = is_lenient
        self.warn = warn
        self.encoder = FrameEncoder()
        self.messages = MessageQueue()
        self._parsers = Parsers(loop)
        self._open: set[Connection] = set()
        self._unflushed: list[Connection] = []
        self._will_flush = False
        self._is_scheduled = False
        self.reader = Reader(loop, self.begin, self.handle)
        self._all_gone: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def open(
        self, transport: asyncio.Transport, head: bytes, end: WebSocketEnd, deflate: Deflate | None
    ) -> Connection:
        """Carry frames between `transport` and `end`, beginning with the answer `head`."""
        connection = Connection(self, transport, end, deflate)
        self._open.add(connection)
        connection.write(head)
        return connection

    def open_parser(self, on_frame: Callable[..., None], *, compresses: bool) -> FrameParser:
        if self.is_lenient:
            return LenientParser(on_frame)
        return self._parsers.open(on_frame, compresses=compresses)

    def failure_of(self, parser: object) -> BaseException:
        if isinstance(parser, LenientParser):
            return parser.failure
        return self._parsers.take_failure()

    # --- rounds ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Gather what is sent, until `handle` or `flush`."""
        self._will_flush = True

    def add(self, connection: Connection) -> None:
        """`connection` has something to write."""
        self._unflushed.append(connection)
        if not self._will_flush:
            self._will_flush = self._is_scheduled = True
            self.loop.call_soon(self._handle_scheduled, context=Context())

    def handle(self) -> None:
        """Deliver what was read, and write what is sent."""
        self._will_flush = True
        try:
            self.messages.deliver()
        finally:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered, once per connection."""
        self._will_flush = self._is_scheduled
        unflushed, self._unflushed = self._unflushed, []
        for connection in unflushed:
            connection.flush()

    def _handle_scheduled(self) -> None:
        self._is_scheduled = False
        self.handle()

    # --- shutdown --------------------------------------------------------------------------

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)

    async def close(self) -> None:
        """End every connection: the server stops. aiohttp does not know them any more."""
        for connection in list(self._open):
            connection.abort()
        self.handle()
        if self._open:
            self._all_gone = self.loop.create_future()
            await asyncio.wait([self._all_gone], timeout=2 * LINGER_S)
        self.reader.close()
