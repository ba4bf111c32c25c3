"""New code for objects that are awake (emulator/runtime/reload.py), in virtual worlds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.testing.client import SocketClosed
from tests.worlds import start, worker

if TYPE_CHECKING:
    from emulator.runtime.reload import ReloadMode, Replaced
    from emulator.testing.durable_objects import Durable

ROOM = """
VERSION = 1
ended = asyncio.Event()

class Room(DurableObject):
    async def version(self):
        return VERSION

    async def slow(self, seconds):
        await self.ctx.storage.put("begun", VERSION)
        await asyncio.sleep(seconds)
        await self.ctx.storage.put("ended", VERSION)
        return VERSION

    async def stored(self):
        return [await self.ctx.storage.get("begun"), await self.ctx.storage.get("ended")]

    async def until_told(self):
        self.told = asyncio.Event()
        await self.told.wait()
        return VERSION

    async def tell(self):
        self.told.set()
        return VERSION

    async def tick(self):
        js.setInterval(create_proxy(lambda: None), 1000)

    async def later(self):
        setTimeout(create_proxy(lambda: self.ctx.storage.put("ended", VERSION)), 3000)

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        if request.url.endswith("standard"):
            server.accept()
            server.addEventListener(
                "message", create_proxy(lambda event: server.send(f"{VERSION} {event.data}"))
            )
        else:
            self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        if message == "slow":
            await asyncio.sleep(0.5)
        ws.send(f"{VERSION} {message}")

    async def alarm(self):
        await self.ctx.storage.put("ended", VERSION)

    async def set_alarm(self):
        await self.ctx.storage.setAlarm(Date.now() + 5000)
"""


def save(durable: Durable, old: str = "VERSION = 1", new: str = "VERSION = 2") -> str:
    path = str(durable.emulator.modules[0].main)
    source = Path(path).read_text()
    assert old in source
    Path(path).write_text(source.replace(old, new))
    return path


def reload(durable: Durable, mode: ReloadMode) -> Replaced:
    """Save version 2, and reload."""
    emulator = durable.emulator
    return emulator.reload([emulator.config], [save(durable)], mode).objects


def room(durable: Durable, name: str = "a") -> Any:
    return durable.env.ROOM.getByName(name)


@worker(ROOM)
async def test_an_idle_object_answers_from_the_new_code_at_once(durable: Durable) -> None:
    assert await room(durable).version() == 1
    replaced = reload(durable, "hibernate")
    assert (replaced.objects, replaced.waiting) == (("Room a",), ())
    assert await room(durable).version() == 2


@worker(ROOM)
async def test_deploy_resets_what_runs_and_keeps_what_was_written(durable: Durable) -> None:
    stub = room(durable)
    running = start(stub.slow(5))
    await durable.settle()
    replaced = reload(durable, "deploy")
    assert replaced.objects == ("Room a",)
    with pytest.raises(Exception, match="Durable Object reset because its code was updated"):
        await running
    with pytest.raises(Exception, match="its code was updated"):  # the stub is broken for good
        await stub.version()
    assert await room(durable).stored() == [1, None]
    assert await room(durable).version() == 2


@worker(ROOM)
async def test_deploy_ends_sockets_without_a_close_frame(durable: Durable) -> None:
    awake = await durable.connect("/room/a")
    asleep = await durable.connect("/room/b")
    await durable.evict(room(durable, "b"))
    assert reload(durable, "deploy").sockets_closed == 2
    for client in (awake, asleep):
        with pytest.raises(SocketClosed) as caught:
            await client.receive()
        assert (caught.value.code, caught.value.was_clean) == (1006, False)


@worker(ROOM)
async def test_hibernating_keeps_sockets_and_their_events_in_order(durable: Durable) -> None:
    client = await durable.connect("/room/a")
    client.send("slow")
    await durable.settle()
    replaced = reload(durable, "hibernate")
    assert (replaced.objects, replaced.sockets_kept) == ((), 1)
    assert replaced.waiting == ("Room a: webSocketMessage",) or "Room a" in replaced.waiting[0]
    client.send("quick")
    assert [await client.receive(), await client.receive()] == ["1 slow", "2 quick"]


@worker(ROOM)
async def test_events_in_flight_end_on_the_old_code_and_new_ones_wait_for_them(
    durable: Durable,
) -> None:
    stub = room(durable)
    running = start(stub.slow(0.5))
    await durable.settle()
    reload(durable, "hibernate")
    waiting = [start(stub.version()) for _ in range(3)]
    assert await running == 1
    assert await asyncio.gather(*waiting) == [2, 2, 2]
    assert await stub.stored() == [1, 1]


@worker(ROOM)
async def test_an_event_that_a_waiting_one_would_end_does_not_hang(durable: Durable) -> None:
    stub = room(durable)
    running = start(stub.until_told())
    await durable.settle()
    reload(durable, "hibernate")
    before_ms = durable.clock.now_ms
    assert await stub.tell() == 1  # on the old code, for it has to end the other
    assert durable.clock.now_ms - before_ms == 1000
    assert await running == 1
    assert await stub.version() == 2


@worker(ROOM)
async def test_a_timer_strikes_before_its_object_changes_over(durable: Durable) -> None:
    stub = room(durable)
    await stub.later()
    replaced = reload(durable, "hibernate")
    assert "worker.py" in replaced.waiting[0]
    assert await stub.version() == 1
    await durable.clock.advance(4)
    assert await stub.version() == 2
    assert await stub.stored() == [None, 1]


@worker(ROOM)
async def test_an_interval_does_not_keep_old_code_for_ever(durable: Durable) -> None:
    stub = room(durable)
    await stub.tick()
    reload(durable, "hibernate")
    await durable.clock.advance(9)
    assert await stub.version() == 1
    await durable.clock.advance(2)
    assert await stub.version() == 2


@worker(ROOM)
async def test_an_accepted_socket_keeps_its_instance_as_long_as_it_is_open(
    durable: Durable,
) -> None:
    client = await durable.connect("/room/a/standard")
    reload(durable, "hibernate")
    await durable.clock.advance(60)
    client.send("still there")
    assert await client.receive() == "1 still there"
    await client.close()
    await durable.clock.advance(15)
    assert await room(durable).version() == 2


@worker(ROOM)
async def test_an_alarm_set_by_old_code_runs_in_the_new(durable: Durable) -> None:
    await room(durable).set_alarm()
    reload(durable, "hibernate")
    await durable.clock.advance(6)
    assert await room(durable).stored() == [None, 2]


@worker(ROOM)
async def test_two_reloads_in_a_row_give_the_newest_code(durable: Durable) -> None:
    stub = room(durable)
    running = start(stub.slow(0.5))
    await durable.settle()
    reload(durable, "hibernate")
    emulator = durable.emulator
    emulator.reload([emulator.config], [save(durable, "= 2", "= 3")], "hibernate")
    assert await running == 1
    assert await stub.version() == 3


@worker(ROOM)
async def test_an_object_that_breaks_while_it_is_left_begins_anew(durable: Durable) -> None:
    stub = room(durable)
    running = start(stub.slow(5))
    await durable.settle()
    reload(durable, "hibernate")
    waiting = start(stub.version())
    await durable.settle()
    await durable.abort_all()
    for task in (running, waiting):
        with pytest.raises(Exception, match="abortAllDurableObjects"):
            await task
    assert await room(durable).version() == 2
