"""What a taken-over connection writes by itself, and what it leaves to its transport.

emulator/server/connection.py.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from emulator.runtime.websocket import web_socket_pair
from emulator.server import connection
from emulator.server.connections import Connections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio

HELLO = b"\x81\x05hello"


class Transport:
    """Owns a socket that a client holds the other end of; notes what it is asked to write."""

    def __init__(self) -> None:
        self.socket, self.client = socket.socketpair()
        self.client.setblocking(False)
        self.unsent_bytes = 0
        self.asked: list[bytes] = []

    def get_extra_info(self, name: str) -> Any:
        return self.socket if name == "socket" else None

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    def write(self, data: bytes) -> None:
        self.asked.append(bytes(data))

    def is_reading(self) -> bool:
        return False

    def received(self) -> bytes:
        try:
            return self.client.recv(4096)
        except BlockingIOError:
            return b""


class Lab:
    def __init__(self, unsent_bytes: int = 0) -> None:
        self.transport = Transport()
        self.transport.unsent_bytes = unsent_bytes
        self.group = Connections(asyncio.get_running_loop(), is_lenient=False, warn=print)
        self.end, _ = web_socket_pair()
        transport: Any = self.transport
        self.connection = self.group.open(transport, b"head", self.end, None)
        self.group.flush()

    def send(self) -> None:
        self.group.begin()
        self.connection.send("hello")
        self.group.flush()

    def close(self) -> None:
        self.group.reader.close()
        self.transport.socket.close()
        self.transport.client.close()


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


async def test_where_nothing_is_unsent_it_writes_itself(lab: Lab) -> None:
    lab.send()
    assert lab.transport.received() == b"head" + HELLO
    assert lab.transport.asked == []


async def test_what_was_unsent_before_goes_first() -> None:
    lab = Lab(unsent_bytes=5)
    lab.send()
    assert lab.transport.asked == [b"head", HELLO]
    lab.connection.resume_writing()
    lab.send()
    assert lab.transport.received() == HELLO
    lab.close()


async def test_the_transport_gets_what_the_socket_does_not_take(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.transport.received()
    write = os.write
    monkeypatch.setattr(connection.os, "write", lambda fd, data: write(fd, data[:3]))
    lab.send()
    assert lab.transport.received() == HELLO[:3]
    assert lab.transport.asked == [HELLO[3:]]
    lab.connection.pause_writing()
    lab.send()
    assert lab.transport.asked == [HELLO[3:], HELLO]
    assert lab.transport.received() == b""


async def test_the_transport_finds_out_what_is_wrong_with_a_socket(lab: Lab) -> None:
    lab.transport.client.close()
    lab.send()
    assert lab.transport.asked == [HELLO]


async def test_nothing_is_written_to_a_descriptor_that_is_somebody_elses(lab: Lab) -> None:
    lab.transport.received()
    lab.connection.send("too late")
    lab.connection.connection_lost(None)
    lab.send()
    lab.group.flush()
    assert lab.transport.received() == b""
    assert lab.transport.asked == []
