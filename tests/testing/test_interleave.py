"""Seeded orders: what is free changes, what is ordered does not. F2, F4 of runtime/faults.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.workers import run_world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.testing.durable_objects import Durable

SEEDS = range(12)
ORDERS = """
class Log(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.seen = []

    async def note(self, what):
        self.seen.append(what)
        return what

    async def all(self):
        return self.seen

    async def section(self):
        async def alone():
            self.seen.append("in")
            await asyncio.sleep(1)
            self.seen.append("out")
        await self.ctx.blockConcurrencyWhile(alone)

    async def fetch(self, request):
        if request.headers.get("Upgrade") != "websocket":
            self.seen.append(request.url[-1])
            return Response("ok")
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        self.seen.append(message)
        ws.send(message)

class Caller(DurableObject):
    async def call_twice(self):
        log = self.env.LOG.getByName("a")
        first, second = log.note("1"), log.note("2")
        return [await second, await first]
"""


def seen_by(folder: Path, seed: int, test: Any) -> list[str]:
    async def run(durable: Durable) -> list[str]:
        await test(durable)
        await durable.settle()
        seen: list[str] = await durable.env.LOG.getByName("a").all()
        return seen

    return list(run_world(folder, run, ORDERS, seed=seed, interleaves=True)[0])


async def two_stubs(durable: Durable) -> None:
    one, other = durable.env.LOG.getByName("a"), durable.env.LOG.getByName("a")
    await asyncio.gather(*(one.note(c) for c in "123"), *(other.note(c) for c in "xyz"))


async def two_sockets(durable: Durable) -> None:
    one, other = await durable.connect("/log/a/"), await durable.connect("/log/a/")
    for mine, theirs in zip("123", "xyz", strict=True):
        one.send(mine)
        other.send(theirs)
    assert [await one.receive() for _ in range(3)] == ["1", "2", "3"]
    assert [await other.receive() for _ in range(3)] == ["x", "y", "z"]


async def calls_and_fetches(durable: Durable) -> None:
    stub = durable.env.LOG.getByName("a")
    calls = [stub.note(c) for c in "123"]
    fetches = [stub.fetch(f"http://x/{c}") for c in "xyz"]
    await asyncio.gather(*calls, *fetches)


@pytest.mark.parametrize("test", [two_stubs, two_sockets, calls_and_fetches])
def test_each_way_keeps_its_order_and_nothing_orders_two(tmp_path: Path, test: Any) -> None:
    orders = set()
    for seed in SEEDS:
        seen = seen_by(tmp_path, seed, test)
        assert [c for c in seen if c in "123"] == ["1", "2", "3"]
        assert [c for c in seen if c in "xyz"] == ["x", "y", "z"]
        orders.add("".join(seen))
    assert len(orders) > 3


def test_calls_of_an_object_on_one_stub_keep_their_order(tmp_path: Path) -> None:
    async def test(durable: Durable) -> None:
        assert await durable.env.CALLER.getByName("a").call_twice() == ["2", "1"]

    for seed in SEEDS:
        assert seen_by(tmp_path, seed, test) == ["1", "2"]


def test_nothing_gets_into_a_section(tmp_path: Path) -> None:
    async def test(durable: Durable) -> None:
        one, other = durable.env.LOG.getByName("a"), durable.env.LOG.getByName("a")
        await asyncio.gather(one.section(), *(other.note(c) for c in "123"))

    for seed in SEEDS:
        seen = seen_by(tmp_path, seed, test)
        assert seen.index("out") == seen.index("in") + 1


def test_requests_from_outside_come_in_any_order(tmp_path: Path) -> None:
    async def test(durable: Durable) -> None:
        await asyncio.gather(*(durable.fetch(f"/log/a/{c}") for c in "123"))

    assert len({"".join(seen_by(tmp_path, seed, test)) for seed in SEEDS}) > 2


def test_alarms_that_are_due_together_strike_in_any_order(tmp_path: Path) -> None:
    source = """
    class Bell(DurableObject):
        async def set_alarm(self, at_ms):
            await self.ctx.storage.setAlarm(at_ms)
        async def alarm(self, info):
            console.log(self.ctx.id.name)
    """

    async def test(durable: Durable) -> str:
        for name in "123":
            await durable.env.BELL.getByName(name).set_alarm(durable.clock.now_ms + 5000)
        await durable.clock.advance(6)
        return "".join(entry.text for entry in durable.log)

    orders = {run_world(tmp_path, test, source, seed=s, interleaves=True)[0] for s in SEEDS}
    assert len(orders) > 2
    assert all(sorted(order) == ["1", "2", "3"] for order in orders)


async def two_objects(durable: Durable) -> None:
    one, other = durable.env.LOG.getByName("a"), durable.env.LOG.getByName("b")
    await asyncio.gather(*(one.note(c) for c in "123"), *(other.note(c) for c in "xyz"))


def test_one_seed_gives_one_trace(tmp_path: Path) -> None:
    def trace(seed: int) -> str:
        events = run_world(tmp_path, two_objects, ORDERS, seed=seed, interleaves=True)[1]
        return "\n".join(map(repr, events))

    assert trace(3) == trace(3)
    assert trace(3) != trace(4)
