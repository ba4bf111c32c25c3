"""Why an object is awake, and that it stays so no longer (spec lifecycle §4.2).

emulator/runtime/eviction.py.
"""

from __future__ import annotations

import asyncio
import linecache
import time

import pytest

from tests.worlds import worker

BUSY = """
class Busy(DurableObject):
    async def fetch(self, request):
        client, server = js.WebSocketPair.new().object_values()
        server.accept()
        asyncio.get_running_loop().call_later(1000, print, "never")  # the timer
        await self.ctx.storage.put("value", 1)
        return Response(None, status=101, web_socket=client)

    async def wait(self):
        self.ctx.waitUntil(asyncio.ensure_future(asyncio.Event().wait()))  # waitUntil

    async def slow(self):
        await asyncio.Event().wait()  # the request waits here

    async def forget_a_call(self):
        self.call = self.env.BUSY.getByName("other").slow()  # the call
        self.task = asyncio.ensure_future(self.call)
"""


def started(call):
    """A call that is under way; what it gives comes in a list."""
    return asyncio.gather(call)


def places(blockers):
    return {b.kind: (b.source or "").rpartition(":")[2] for b in blockers}


@worker(BUSY)
async def test_every_reason_has_its_kind_age_and_line(durable):
    client = await durable.connect("/busy/a")
    a = durable.env.BUSY.getByName("a")
    await durable.clock.advance(3)
    await a.wait()
    slow = started(a.slow())
    await durable.settle()
    await a.forget_a_call()
    blockers = durable.why_awake(a)
    assert {b.kind for b in blockers} == {"timer", "web socket", "waitUntil", "rpc", "call"}
    assert [b.age_s for b in blockers] == sorted((b.age_s for b in blockers), reverse=True)
    assert {b.age_s for b in blockers if b.kind in ("timer", "web socket")} == {3.0}
    lines = {kind: place for kind, place in places(blockers).items() if place}
    file = next(b.source for b in blockers if b.kind == "timer").rpartition(":")[0]
    for kind, comment in [
        ("timer", "# the timer"),
        ("web socket", "server.accept()"),
        ("waitUntil", "# waitUntil"),
        ("rpc", "# the request waits here"),
        ("call", "# the call"),
    ]:
        assert comment in linecache.getline(file, int(lines[kind]))
    slow.cancel()
    client.disconnect()


@pytest.mark.timeout(60)
@worker(BUSY)
async def test_a_thousand_objects_are_told_at_once(durable):
    """Within a second, on any machine; how fast it really is, benchmarks/workloads/blockers says."""
    clients = [await durable.connect(f"/busy/o{n}") for n in range(1000)]
    stubs = [durable.env.BUSY.getByName(f"o{n}") for n in range(1000)]
    durable.why_awake(stubs[0])
    containers = list(durable._emulator.worker.namespaces["Busy"].containers.values())
    begun_s = time.perf_counter()
    blockers = [container.blockers() for container in containers]
    took_s = time.perf_counter() - begun_s
    assert [{b.kind for b in each} for each in blockers] == [{"timer", "web socket"}] * 1000
    assert took_s < 1.0
    for client in clients:
        client.disconnect()
