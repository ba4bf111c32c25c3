"""Many connections are read in one callback: none is forgotten, starved, or read by two.

emulator/server/reading.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.sockets import WAITING_MESSAGES_MAX
from emulator.runtime.messages import MessageQueue
from emulator.server import connection, reading
from tests.server.lab import ECHO, REPLY, Lab, network, open_lab, until
from tests.wire import Frame, Opcode, WireSocket, pack_frame

if TYPE_CHECKING:
    from emulator.server.connections import Connections

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(reading.EPOLL is None, reason="a system without epoll"),
]


def connections_of(lab: Lab) -> Connections:
    edge: Any = lab.server._web_sockets
    found: Connections = edge._connections
    return found


def watched(lab: Lab) -> int:
    reader: Any = connections_of(lab).reader
    return len(reader._connections)


async def speak(client: WireSocket) -> None:
    """Say the first word: from then on the connection is watched."""
    client.send_text("hello")
    assert await client.next_frame() == Frame(Opcode.TEXT, b"hello")


async def test_a_connection_is_watched_from_its_first_message_on(fast_lab: Lab) -> None:
    await fast_lab.hook(message=ECHO)
    async with await fast_lab.connect() as client:
        assert watched(fast_lab) == 0
        await speak(client)
        await until(lambda: watched(fast_lab) == 1)
        await speak(client)
    await until(lambda: watched(fast_lab) == 0)


async def test_what_many_send_at_once_is_read_in_one_round(
    fast_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fast_lab.hook(message=ECHO)
    clients = [await fast_lab.connect() for _ in range(20)]
    for client in clients:
        await speak(client)
    rounds = []
    deliver = MessageQueue.deliver

    def watch(self: MessageQueue) -> None:
        rounds.append(len(self.waiting))
        deliver(self)

    monkeypatch.setattr(MessageQueue, "deliver", watch)
    for client in clients:
        client.send_text("x")
    for client in clients:
        assert await client.next_frame() == Frame(Opcode.TEXT, b"x")
        await client.aclose()
    assert 20 in rounds


async def test_asyncio_does_not_read_what_the_reader_reads(fast_lab: Lab) -> None:
    await fast_lab.hook(message=ECHO)
    async with await fast_lab.connect() as client:
        await speak(client)
        await until(lambda: watched(fast_lab) == 1)
        [one] = connections_of(fast_lab)._open
        assert not one._transport.is_reading()
        client.send_text("x")
        assert await client.next_frame() == Frame(Opcode.TEXT, b"x")


async def test_a_connection_that_ended_is_not_watched_and_its_number_can_be_used_again(
    fast_lab: Lab,
) -> None:
    await fast_lab.hook(message=ECHO, close=REPLY)
    for ending in ("close", "half_close", "reset", "aclose") * 3:
        client = await fast_lab.connect()
        await speak(client)
        await until(lambda: watched(fast_lab) == 1)
        client.send_text("x")
        assert await client.next_frame() == Frame(Opcode.TEXT, b"x")
        if ending == "close":
            client.send_close(1000)
            assert await client.next_frame() is not None
        elif ending == "half_close":
            client.half_close()
            await client.next_frame()
        elif ending == "reset":
            client.reset()
        await client.aclose()
        await until(lambda: watched(fast_lab) == 0)
    assert len(connections_of(fast_lab)) == 0


async def test_a_connection_that_the_object_ends_is_not_watched_any_more(
    fast_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 0.01)
    await fast_lab.hook(message="ws.close(4000) if message == 'close' else ctx.abort('enough')")
    for ending in ("close", "abort"):
        client = await fast_lab.connect()
        client.send_text(ending)
        if ending == "close":
            assert await client.next_frame() is not None
            client.send_close(4000)  # and the client's side stays open
        await until(lambda: watched(fast_lab) == 0 and not len(connections_of(fast_lab)))
        await client.aclose()


@pytest.mark.parametrize("is_watched", [False, True], ids=["its first words", "later"])
async def test_who_sends_more_than_its_object_takes_is_not_read(
    fast_lab: Lab, is_watched: bool
) -> None:
    await fast_lab.hook(message=ECHO)
    count = 32 * WAITING_MESSAGES_MAX
    client = await fast_lab.connect()
    if is_watched:
        await speak(client)
        await until(lambda: watched(fast_lab) == 1)
    [one] = connections_of(fast_lab)._open
    end = one._end.peer
    end.is_receiver_busy = True  # as while a handler has not begun
    client.send_bytes(pack_frame(Opcode.TEXT, b"x" * 100) * count)
    await until(lambda: watched(fast_lab) == 0 and not one._transport.is_reading())
    assert end.inbox is not None
    read = len(end.inbox)
    assert WAITING_MESSAGES_MAX <= read < count
    for _ in range(5):
        await network()
    assert len(end.inbox) == read
    end.is_receiver_busy = False
    end.pump()
    for _ in range(count):
        assert await client.next_frame() == Frame(Opcode.TEXT, b"x" * 100)
    assert watched(fast_lab) == 1
    await client.aclose()


async def test_a_ping_is_answered_after_the_messages_before_it(fast_lab: Lab) -> None:
    await fast_lab.hook(message=ECHO)
    async with await fast_lab.connect() as client:
        text = pack_frame(Opcode.TEXT, b"x")
        client.send_bytes(text + text + pack_frame(Opcode.PING, b"p") + text)
        kinds = [(await client.next_frame()).opcode for _ in range(4)]
        assert kinds == [Opcode.TEXT, Opcode.TEXT, Opcode.PONG, Opcode.TEXT]


async def test_a_broken_frame_ends_the_connection_after_the_messages_before_it(
    fast_lab: Lab,
) -> None:
    await fast_lab.hook(message=ECHO)
    async with await fast_lab.connect() as client:
        client.send_bytes(pack_frame(Opcode.TEXT, b"x") + pack_frame(0x3, b""))
        assert await client.next_frame() == Frame(Opcode.TEXT, b"x")
        frame = await client.next_frame()
        assert frame is not None
        assert frame.close_code == 1002
    await fast_lab.until_seen(("message", "x"))
    kinds = [entry[0] for entry in await fast_lab.seen()]
    assert kinds.index("message") < kinds.index("error")


async def test_a_flood_of_one_does_not_starve_another(fast_lab: Lab) -> None:
    await fast_lab.hook(message="ws.send(message) if len(message) < 10 else None")
    flooding, other = await fast_lab.connect(), await fast_lab.connect()
    await speak(flooding)
    await speak(other)
    is_over = False

    async def flood() -> None:
        frames = pack_frame(Opcode.TEXT, b"flood" * 200) * 500
        while not is_over:
            flooding.send_bytes(frames)
            await flooding.drain()

    task = asyncio.get_running_loop().create_task(flood())
    for number in range(20):
        other.send_text(str(number))
        assert await other.next_frame() == Frame(Opcode.TEXT, str(number).encode())
    is_over = True
    await task
    await flooding.aclose()
    await other.aclose()


async def test_messages_that_wait_are_bounded(
    fast_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MESSAGES_WAITING_MAX", 10)
    await fast_lab.hook(message=ECHO)
    seen = []
    take = connection.Connection.take

    def watch(self: connection.Connection, data: bytes) -> None:
        take(self, data)
        seen.append(len(connections_of(fast_lab).messages.waiting))

    monkeypatch.setattr(connection.Connection, "take", watch)
    async with await fast_lab.connect() as client:
        client.send_bytes(pack_frame(Opcode.TEXT, b"x") * 100)
        for _ in range(100):
            assert await client.next_frame() == Frame(Opcode.TEXT, b"x")
    assert seen
    assert max(seen) <= 10


async def test_a_server_that_stops_leaves_no_epoll_behind() -> None:
    before = _epolls()
    async with open_lab() as lab:
        async with await lab.connect():
            assert _epolls() == before + 1
    assert _epolls() == before


def _epolls() -> int:
    links = Path("/proc/self/fd").iterdir()
    return sum("eventpoll" in str(link.readlink()) for link in links if link.is_symlink())
