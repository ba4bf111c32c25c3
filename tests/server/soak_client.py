"""A client of the soak test: it numbers what it sends and checks what it gets."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from tests.wire import pack_close, pack_frame

if TYPE_CHECKING:
    from random import Random

WAIT_S: Final = 20.0
HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
)


class SoakClient(asyncio.Protocol):
    """One connection. Whatever is not as it must be is put into `faults`."""

    def __init__(self, number: int, faults: list[str]) -> None:
        self.number = number
        self.faults = faults
        self.sent = 0  # messages, numbered from 1
        self.answered = 0
        self.broadcasts_sent = 0
        self.news: dict[int, int] = {}  # the last broadcast of each client
        self.is_open = False
        self.has_close = False
        self._buffer = b""
        self._transport: asyncio.Transport
        self._changed = asyncio.Event()

    async def open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", port)
        self._transport.write(HANDSHAKE)
        await self._until(lambda: self.is_open)

    # --- what it does ------------------------------------------------------------------------

    def send(self, **members: Any) -> None:
        self.sent += 1
        text = json.dumps({"n": self.sent, **members})
        self._transport.write(pack_frame(1, text.encode()))

    def broadcast(self) -> None:
        self.broadcasts_sent += 1
        self.send(all=self.number, b=self.broadcasts_sent)

    def burst(self, dice: Random) -> None:
        """A few messages of every kind, without waiting."""
        for _ in range(dice.randint(1, 5)):
            self.send(pad=dice.choice((0, 10, 200, 70_000)))
        if dice.random() < 0.1:
            self.send(put=f"key {self.number % 10}")

    async def answers(self) -> None:
        await self._until(lambda: self.answered == self.sent)

    async def be_slow(self, dice: Random) -> None:
        """Send much and read nothing for a while."""
        self._transport.pause_reading()
        for _ in range(20):
            self.send(pad=20_000)
        await asyncio.sleep(dice.random())  # noqa: TID251 - being slow is the point
        self._transport.resume_reading()

    async def close(self) -> None:
        self._transport.write(pack_frame(8, pack_close(1000)))
        await self._until(lambda: not self.is_open)
        if not self.has_close:
            self.faults.append(f"{self.number}: the Close was not answered")

    async def reset(self) -> None:
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._until(lambda: not self.is_open)

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    # --- what it gets ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.is_open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self.is_open = True
            self._buffer = rest
        while self._take_frame():
            pass
        self._changed.set()

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        size, at = buffer[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:at])
        if len(buffer) < at + size:
            return False
        self._buffer = buffer[at + size :]
        if buffer[0] & 0x0F == 8:
            self.has_close = True
        else:
            self._message(buffer[at : at + size].decode())
        return True

    def _message(self, text: str) -> None:
        if text.startswith("gap"):
            self.faults.append(f"{self.number}: the object saw a {text}")
            return
        message = json.loads(text)
        if "n" in message:
            self.answered += 1
            if message["n"] != self.answered:
                self.faults.append(f"{self.number}: {message['n']} instead of {self.answered}")
            return
        sender, number = message["from"], message["b"]
        before = self.news.get(sender)
        if before is not None and number != before + 1:
            self.faults.append(f"{self.number}: broadcast {number} of {sender} after {before}")
        self.news[sender] = number
