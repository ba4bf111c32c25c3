"""Whole runs under --durable-evict and --durable-crash. F3 of runtime/faults.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.eviction import Eviction
from tests.testing.workers import BOX, run_world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.testing.durable_objects import Durable

EVERY = {"eviction": Eviction.EVERY}


def test_every_event_finds_a_new_instance(tmp_path: Path) -> None:
    async def test(durable: Durable) -> int:
        box = durable.env.BOX.getByName("a")
        for _ in range(3):
            await box.add()
        await durable.settle()
        assert not durable.is_resident(box)
        return durable.generation(box)

    assert run_world(tmp_path, test, **EVERY)[0] == 3


def test_so_does_every_message_of_a_burst(tmp_path: Path) -> None:
    async def test(durable: Durable) -> int:
        client = await durable.connect("/box/a/")
        for number in range(4):
            client.send(str(number))
        assert [await client.receive() for _ in range(4)] == [f"echo {n}" for n in range(4)]
        return durable.generation(durable.env.BOX.getByName("a"))

    assert run_world(tmp_path, test, **EVERY)[0] == 5


def test_what_keeps_an_object_awake_still_does(tmp_path: Path) -> None:
    async def test(durable: Durable) -> None:
        box = durable.env.BOX.getByName("a")
        await box.timer(30)
        slow = asyncio.ensure_future(box.wait(5))
        await box.add()
        await durable.clock.advance(6)
        assert await slow == "waited"
        assert durable.generation(box) == 1
        await durable.clock.advance(30)
        assert not durable.is_resident(box)

    run_world(tmp_path, test, **EVERY)


def test_code_that_is_about_to_run_is_not_cut_off(tmp_path: Path) -> None:
    source = """
    class Later(DurableObject):
        async def start(self):
            asyncio.create_task(self.work())
        async def work(self):
            await asyncio.sleep(0)
            await self.ctx.storage.put("done", True)
    """

    async def test(durable: Durable) -> None:
        later = durable.env.LATER.getByName("a")
        await later.start()
        await later.start()
        await durable.settle()
        assert durable.storage(later).kv == {"done": True}

    run_world(tmp_path, test, source, **EVERY)


def test_random_eviction_differs_by_seed(tmp_path: Path) -> None:
    async def test(durable: Durable) -> int:
        box = durable.env.BOX.getByName("a")
        for _ in range(8):
            await box.add()
        return durable.generation(box)

    found = {run_world(tmp_path, test, seed=s, eviction=Eviction.RANDOM)[0] for s in range(12)}
    assert len(found) > 2
    assert max(found) <= 8


@pytest.mark.parametrize("seed", range(8))
def test_no_acknowledged_write_is_ever_missing(tmp_path: Path, seed: int) -> None:
    async def test(durable: Durable) -> tuple[int, int]:
        acknowledged = crashes = 0
        for _ in range(60):
            try:
                value = await durable.env.BOX.getByName("a").add()
            except Exception as exc:
                if "Network connection lost" not in str(exc):
                    raise
                crashes += 1
            else:
                assert value > acknowledged
                acknowledged = value
        stored = durable.storage(durable.env.BOX.getByName("a")).kv.get("value", 0)
        assert stored >= acknowledged
        return acknowledged, crashes

    (acknowledged, crashes), _ = run_world(tmp_path, test, BOX, seed=seed, crashes=True)
    assert acknowledged > 10
    assert crashes > 0


def test_a_machine_that_dies_takes_the_sockets(tmp_path: Path) -> None:
    async def test(durable: Durable) -> int:
        ends = 0
        client: Any = None
        for _ in range(60):
            if client is None:
                client = await durable.connect("/box/a/")
            client.send("x")
            await durable.settle()
            if client.ended is not None:
                assert client.ended.code == 1006
                ends += 1
                client = None
        return ends

    assert run_world(tmp_path, test, crashes=True)[0] > 0


def test_everything_at_once_still_keeps_its_promises(tmp_path: Path) -> None:
    async def test(durable: Durable) -> None:
        async def client() -> int:
            done = 0
            for _ in range(10):
                try:
                    await durable.env.BOX.getByName("a").add()
                    done += 1
                except Exception:
                    continue
            return done

        done = sum(await asyncio.gather(*(client() for _ in range(4))))
        assert durable.storage(durable.env.BOX.getByName("a")).kv.get("value", 0) >= done

    for seed in range(6):
        run_world(
            tmp_path, test, seed=seed, eviction=Eviction.RANDOM, crashes=True, interleaves=True
        )
