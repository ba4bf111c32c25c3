"""The shortest way of a call has the outcome of the long one, whatever the method does."""

from __future__ import annotations

import pytest

from emulator.core.values import JsException
from tests.worlds import worker

BOX = """

class Box(DurableObject):
    def plain(self):
        return "now"

    async def number(self, value):
        return value

    async def waits(self):
        await asyncio.sleep(1)
        return {"waited": True}

    async def section(self):
        async def inside():
            await asyncio.sleep(5)
        await asyncio.sleep(1)
        self.ctx.blockConcurrencyWhile(inside)
        return {"asked": True}

    async def put(self, key):
        await self.ctx.storage.put(key, 1)
        return key

    async def fails(self, waits):
        if waits:
            await asyncio.sleep(1)
        raise ValueError("no")

    async def aborts(self):
        self.ctx.abort("enough")

    async def cancelled(self):
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    async def deep(self, depth):
        if depth == 0:
            return 0
        return 1 + await self.env.BOX.getByName(str(depth)).deep(depth - 1)
"""
QUIET = pytest.mark.durable(undisturbed=True)


@pytest.fixture
def quiet(durable, monkeypatch):
    """The object as outside a test: from when it is called, nobody listens or disturbs."""

    def quiet():
        host = durable.emulator.worker.host
        monkeypatch.setattr(host, "recorder", None)
        monkeypatch.setattr(host, "faults", None)
        return durable.env.BOX.getByName("a")

    return quiet


async def outcomes(stub):
    """What every kind of method gives, by name."""
    found = {}
    calls = {
        "plain": stub.plain,
        "number": lambda: stub.number(7),
        "float": lambda: stub.number(1.0),
        "list": lambda: stub.number([1, None]),
        "put": lambda: stub.put("k"),
        "waits": stub.waits,
        "fails": lambda: stub.fails(False),
        "fails later": lambda: stub.fails(True),
        "cancelled": stub.cancelled,
        "missing": stub.missing,
        "reserved": stub.alarm,
        "deep": lambda: stub.deep(12),
        "aborts": stub.aborts,
        "after the abort": stub.plain,
    }
    for name, call in calls.items():
        try:
            found[name] = await call()
        except JsException as exc:
            flags = {k: v for k, v in vars(exc).items() if isinstance(v, (bool, str))}
            found[name] = (exc.name, exc.message.splitlines()[-1], sorted(flags))
    return found


@QUIET
@worker(BOX)
async def test_both_ways_of_a_call_have_one_outcome(durable, quiet):
    long = await outcomes(durable.env.BOX.getByName("a"))
    short = await outcomes(quiet())
    assert short == long
    assert short["plain"] == "now"
    assert short["waits"] == {"waited": True}


@QUIET
@worker(BOX)
@pytest.mark.parametrize("is_short", [False, True], ids=["long", "short"])
async def test_a_section_that_a_method_asks_for_last_does_not_delay_its_result(
    durable, quiet, is_short
):
    stub = quiet() if is_short else durable.env.BOX.getByName("a")
    start_ms = durable.clock.now_ms
    assert await stub.section() == {"asked": True}
    assert durable.clock.now_ms - start_ms == 1000


@QUIET
@worker(BOX)
async def test_a_write_is_committed_before_its_caller_hears_of_it(durable, quiet):
    stub = quiet()
    await stub.plain()
    container = next(iter(durable.env.BOX._binding._namespace.containers.values()))
    promise = stub._binding.put("k")
    assert container.sqlite.is_dirty
    assert not promise.done()
    await promise
    assert not container.sqlite.is_dirty
