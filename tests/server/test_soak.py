"""Many connections that do everything at once, while their object sleeps and wakes.

Nothing may be lost or come out of order on any socket, the object's count must be right, and
memory must not grow. `make soak` runs the long one.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from emulator.assembly import Emulator
from emulator.runtime.config import load_config
from emulator.server.app import Server
from emulator.storage.database import Durability
from tests.server.lab import until
from tests.server.soak_client import SoakClient
from tests.wire import request

if TYPE_CHECKING:
    from emulator.runtime.actor import ActorContainer

pytestmark = pytest.mark.asyncio

CONFIG: Final = Path(__file__).parent / "soak" / "wrangler.toml"
GROWTH_MIB_MAX: Final = 24.0


class Soak:
    """One run: clients that act at random until the time is over."""

    def __init__(self, emulator: Emulator, port: int, seed: int) -> None:
        self.emulator = emulator
        self.port = port
        self.dice = Random(seed)
        self.faults: list[str] = []
        self.clients: list[SoakClient] = []
        self.is_over = False
        self.evictions = 0
        self.numbers = iter(range(1, 1 << 30))

    @property
    def container(self) -> ActorContainer:
        [container] = self.emulator.worker.namespaces["Room"].containers.values()
        return container

    async def connect(self) -> SoakClient:
        client = SoakClient(next(self.numbers), self.faults)
        await client.open(self.port)
        return client

    async def live(self, index: int) -> None:
        """One client's life, and those of its successors."""
        dice = Random(self.dice.random())
        # However many there are, together they ask for about as much.
        pace_s = len(self.clients) / 500
        broadcasts = 2 / len(self.clients)
        while not self.is_over:
            client = self.clients[index]
            chance = dice.random()
            if chance > 1 - broadcasts:
                client.broadcast()
            elif chance < 0.02:
                await client.be_slow(dice)
            elif chance < 0.04:
                await client.answers()
                await (client.close() if chance < 0.03 else client.reset())
                self.clients[index] = await self.connect()
                continue
            client.burst(dice)
            await client.answers()
            await asyncio.sleep(dice.random() * pace_s)  # noqa: TID251 - a client's own pace
        await self.clients[index].answers()

    async def evict(self, every_s: float) -> None:
        while not self.is_over:
            await asyncio.sleep(every_s)  # noqa: TID251 - the clock of the test
            if not self.container.blockers():
                self.container.hibernate()
                self.evictions += 1

    async def run(self, connections: int, seconds: float, every_s: float) -> None:
        self.clients = [await self.connect() for _ in range(connections)]
        async with asyncio.TaskGroup() as group:
            for index in range(connections):
                group.create_task(self.live(index))
            group.create_task(self.evict(every_s))
            warm_up_s = seconds / 3
            await asyncio.sleep(warm_up_s)  # noqa: TID251
            before = resident_mib()
            await asyncio.sleep(seconds - warm_up_s)  # noqa: TID251
            after = resident_mib()
            self.is_over = True
        assert after - before <= GROWTH_MIB_MAX, f"{before:.0f} MiB grew to {after:.0f} MiB"

    async def check(self) -> None:
        assert not self.faults, self.faults[:10]
        assert self.evictions > 0
        sockets = self.container.sockets
        await until(lambda: len(sockets) == len(self.clients))
        answer = await request("127.0.0.1", self.port, "GET", "/count")
        assert int(answer.text) == len(self.clients)
        for client in self.clients:
            await client.close()
        await until(lambda: len(sockets) == 0)
        assert not self.faults, self.faults[:10]


def resident_mib() -> float:
    gc.collect()
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(row for row in status.read_text().splitlines() if row.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def soak(connections: int, seconds: float, *, every_s: float, seed: int = 7) -> Soak:
    config = load_config(CONFIG)
    async with Emulator(config, state=None, durability=Durability.OFF) as emulator:
        server = Server(emulator.worker)
        await server.start("127.0.0.1", 0)
        try:
            run = Soak(emulator, server.port, seed)
            await run.run(connections, seconds, every_s)
            await run.check()
        finally:
            await server.close()
    return run


@pytest.mark.timeout(120)
async def test_nothing_is_lost_among_many_connections() -> None:
    run = await soak(200, 20.0, every_s=0.25)
    assert sum(client.sent for client in run.clients) > 200


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_nothing_is_lost_among_two_thousand_connections_in_ten_minutes() -> None:
    await soak(2_000, 600.0, every_s=1.0)
