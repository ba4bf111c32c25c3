"""Random interleavings keep the promises of the gates (spec lifecycle §3.1, §5).

Each example is a plan that one object follows: calls that sleep, sections, nested sections,
timers, and cancellations, at random times.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.worlds import worker

OBJECT = """
class Plan(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.open = []      # sections that are open now, the innermost last
        self.faults = []
        self.arrived = []
        self.cancelled = 0
        self.ran = 0

    def check(self):
        # Code that no section started runs only while none is open.
        if self.open:
            self.faults.append(f"delivered through a closed gate: {self.open}")

    async def step(self, number, delays):
        self.check()
        self.arrived.append(number)
        for delay in delays:
            await asyncio.sleep(delay)
            self.check()
        self.ran += 1

    async def section(self, number, delays, depth):
        self.check()
        self.arrived.append(number)
        await self.enter(number, delays, depth)
        self.check()
        self.ran += 1

    async def enter(self, number, delays, depth):
        around = list(self.open)
        async def inside():
            if self.open != around:
                self.faults.append(f"{number} together with {self.open}")
            self.open.append((number, depth))
            for delay in delays:
                await asyncio.sleep(delay)
                if self.open[-1] != (number, depth):
                    self.faults.append(f"{number} is not alone: {self.open}")
            if depth:
                await self.enter(number, delays, depth - 1)
            self.open.pop()
        await self.ctx.blockConcurrencyWhile(inside)

    async def cancels(self, number, delay, after):
        self.check()
        self.arrived.append(number)
        async def victim():
            try:
                await asyncio.sleep(delay)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            self.faults.append("a cancellation was lost")
        task = asyncio.create_task(victim())
        await asyncio.sleep(after)
        self.check()
        if not task.done():
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        self.ran += 1

    async def told(self):
        return [self.faults, self.arrived, self.ran, self.cancelled]
"""


def started(call):
    """A call that is under way; what it gives comes in a list."""
    return asyncio.gather(call)


@pytest.mark.parametrize("seed", range(12))
@worker(OBJECT)
async def test_no_interleaving_breaks_a_promise(durable, seed):
    dice = random.Random(seed)
    stub = durable.env.PLAN.getByName("a")
    await stub.told()
    calls = []
    cancellations = 0
    for number in range(30):
        delays = [dice.choice([0, 0.001, 0.01, 0.05]) for _ in range(dice.randrange(4))]
        match dice.randrange(3):
            case 0:
                calls.append(started(stub.step(number, delays)))
            case 1:
                calls.append(started(stub.section(number, delays, dice.randrange(3))))
            case _:
                calls.append(started(stub.cancels(number, 1000, dice.random() / 20)))
                cancellations += 1
        if dice.randrange(3) == 0:
            await durable.clock.advance(dice.choice([0, 0.001, 0.02]))
    await asyncio.gather(*calls)
    faults, arrived, ran, cancelled = await stub.told()
    assert faults == []
    assert arrived == list(range(30)), f"seed {seed}: the order of the stub is kept"
    assert (ran, cancelled) == (30, cancellations)
