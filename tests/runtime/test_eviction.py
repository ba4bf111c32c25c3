"""When an object leaves memory, and what keeps it there: spec lifecycle §4.2, websockets §4.1."""

from __future__ import annotations

import asyncio

import pytest

from emulator.testing.durable_objects import EvictionRefused
from tests.worlds import start, worker

BOX = """
made = []

class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        made.append(str(ctx.id.name))

    async def hello(self):
        return "hello"

    async def timer(self, seconds):
        asyncio.get_running_loop().call_later(seconds, int)

    async def js_timer(self, seconds):
        self.proxy = create_proxy(lambda: None)
        self.handle = setTimeout(self.proxy, seconds * 1000)

    async def interval(self):
        self.proxy = create_proxy(lambda: None)
        self.handle = js.setInterval(self.proxy, 1000)

    async def clear(self):
        js.clearInterval(self.handle)

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)

    async def background(self, seconds):
        self.task = asyncio.create_task(asyncio.sleep(seconds))

    async def wait_until(self, seconds):
        self.ctx.waitUntil(scheduler.wait(seconds * 1000))

    async def wait_until_never(self):
        self.promise = asyncio.get_running_loop().create_future()
        self.ctx.waitUntil(self.promise)

    async def settle_it(self):
        self.promise.set_result(None)

    async def never(self):
        await asyncio.Future()

    async def waiting_nobody_knows_of(self):
        self.task = asyncio.create_task(asyncio.Event().wait())

    async def alarm_in(self, seconds):
        await self.ctx.storage.setAlarm(Date.now() + seconds * 1000)

    async def alarm(self):
        pass

    async def call_other(self, method, *args):
        self.call = asyncio.ensure_future(getattr(self.env.BOX.getByName("other"), method)(*args))

    async def put_and_get(self):
        await self.ctx.storage.put("key", "value")
        return await self.ctx.storage.get("key")

    async def get(self):
        return await self.ctx.storage.get("key")

    async def fetch(self, request):
        if request.url.endswith("/standard"):
            client, server = WebSocketPair.new().object_values()
            server.accept()
            return Response(None, status=101, web_socket=client)
        if request.url.endswith("/hibernatable"):
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)
        await asyncio.sleep(20)
        return Response("late")
"""
pytestmark = pytest.mark.worker(BOX)


@pytest.fixture
def stub(durable):
    return durable.env.BOX.getByName("a")


async def goes_after_ten_seconds(durable, stub):
    """It is there 9.9 seconds from now, and gone at 10.1."""
    await durable.clock.advance(9.9)
    assert durable.is_resident(stub)
    await durable.clock.advance(0.2)
    assert not durable.is_resident(stub)


async def test_an_idle_object_goes_after_ten_seconds(durable, stub):
    await stub.hello()
    await goes_after_ten_seconds(durable, stub)


async def test_each_event_starts_the_ten_seconds_again(durable, stub):
    for _ in range(5):
        await stub.hello()
        await durable.clock.advance(9.9)
    assert durable.generation(stub) == 1
    await durable.clock.advance(0.2)
    assert not durable.is_resident(stub)


async def test_the_ten_seconds_begin_when_the_call_ends_not_when_it_starts(durable, stub):
    await stub.sleep(30)
    await goes_after_ten_seconds(durable, stub)


async def test_what_was_stored_is_there_when_it_wakes(durable, stub):
    assert await stub.put_and_get() == "value"
    await durable.clock.advance(11)
    assert await stub.get() == "value"
    assert durable.generation(stub) == 2


@pytest.mark.parametrize("method", ["timer", "js_timer", "background"])
async def test_a_pending_timer_keeps_it(durable, stub, method):
    await getattr(stub, method)(30)
    await durable.clock.advance(29.9)
    assert durable.is_resident(stub)
    [blocker] = durable.why_awake(stub)
    assert (blocker.kind, blocker.detail) == ("timer", "a timer")
    assert blocker.source is None if method == "background" else "worker.py:" in blocker.source
    await durable.clock.advance(0.1)
    assert durable.why_awake(stub) == []
    await goes_after_ten_seconds(durable, stub)


async def test_an_interval_keeps_it_until_it_is_cleared(durable, stub):
    await stub.interval()
    await durable.clock.advance(35.5)
    assert durable.is_resident(stub)
    await stub.clear()
    await goes_after_ten_seconds(durable, stub)


async def test_wait_until_keeps_it_as_long_as_the_promise_is_pending(durable, stub):
    await stub.wait_until(30)
    await durable.clock.advance(29.9)
    assert "waitUntil" in [blocker.kind for blocker in durable.why_awake(stub)]
    await durable.clock.advance(0.1)
    await goes_after_ten_seconds(durable, stub)


async def test_wait_until_of_a_promise_that_never_settles_keeps_it(durable, stub):
    await stub.wait_until_never()
    await durable.clock.advance(60)
    assert [blocker.kind for blocker in durable.why_awake(stub)] == ["waitUntil"]
    await stub.settle_it()
    await goes_after_ten_seconds(durable, stub)


async def test_a_call_in_progress_keeps_it_even_if_it_never_ends(durable, stub):
    call = start(stub.never())
    await durable.clock.advance(60)
    [blocker] = durable.why_awake(stub)
    assert (blocker.kind, blocker.detail, blocker.age_s) == ("rpc", "never()", 60.0)
    call.cancel()


async def test_a_fetch_in_progress_keeps_it(durable, stub):
    fetch = start(durable.fetch("/box/a/slow"))
    await durable.clock.advance(15)
    assert "fetch" in [blocker.kind for blocker in durable.why_awake(stub)]
    await durable.clock.advance(6)
    assert await (await fetch).text() == "late"


async def test_a_call_to_another_object_keeps_it_though_nobody_awaits_it(durable, stub):
    await stub.call_other("sleep", 30)
    await durable.clock.advance(29)
    assert "call" in [blocker.kind for blocker in durable.why_awake(stub)]
    await durable.clock.advance(1)
    await goes_after_ten_seconds(durable, stub)


async def test_a_task_that_waits_for_nothing_the_runtime_knows_does_not_keep_it(durable, stub):
    await stub.waiting_nobody_knows_of()
    await goes_after_ten_seconds(durable, stub)


async def test_a_future_alarm_does_not_keep_it_and_wakes_it(durable, stub):
    await stub.alarm_in(60)
    await goes_after_ten_seconds(durable, stub)
    await durable.clock.advance(50)
    assert durable.is_resident(stub)
    assert durable.generation(stub) == 2
    await durable.clock.advance(10.1)
    assert not durable.is_resident(stub)


async def test_a_hibernatable_socket_does_not_keep_it(durable, stub):
    await durable.connect("/box/a/hibernatable")
    await goes_after_ten_seconds(durable, stub)


async def test_a_standard_socket_keeps_it_until_it_has_ended(durable, stub):
    client = await durable.connect("/box/a/standard")
    await durable.connect("/box/a/hibernatable")
    await durable.clock.advance(60)
    assert durable.is_resident(stub)
    await client.close()
    await goes_after_ten_seconds(durable, stub)


async def test_one_constructor_run_however_many_events_wait(durable, stub):
    await stub.hello()
    await durable.clock.advance(11)
    await asyncio.gather(*(stub.hello() for _ in range(5)))
    assert durable.generation(stub) == 2


async def test_an_object_that_slept_for_long_is_forgotten_and_made_anew(durable, stub):
    assert await stub.put_and_get() == "value"
    await durable.clock.advance(200)
    assert durable._find(stub) is None
    assert await stub.get() == "value"


async def test_a_sleeping_object_with_a_socket_is_not_forgotten(durable, stub):
    await durable.connect("/box/a/hibernatable")
    await durable.clock.advance(200)
    assert durable._find(stub) is not None


# --- evict() -------------------------------------------------------------------------------


async def test_evict_takes_an_idle_object_at_once(durable, stub):
    await stub.hello()
    await durable.evict(stub)
    assert not durable.is_resident(stub)
    await durable.evict(stub)  # nothing to do
    await durable.evict(durable.env.BOX.getByName("never called"))
    await stub.hello()
    assert durable.generation(stub) == 2


async def test_evict_is_refused_with_every_reason_and_where_it_was_made(durable, stub):
    await stub.timer(30)
    call = start(stub.never())
    with pytest.raises(EvictionRefused) as caught:
        await durable.evict(stub)
    text = str(caught.value)
    assert "2 thing(s) keep it awake" in text
    assert "timer: a timer, 0.0 s old, made at" in text
    assert "rpc: never()" in text
    assert len(caught.value.blockers) == 2
    call.cancel()


async def test_evict_by_force_ends_what_runs(durable, stub):
    call = start(stub.never())
    await durable.settle()
    await durable.evict(stub, force=True)
    assert not durable.is_resident(stub)
    with pytest.raises(Exception, match="evicted"):
        await call
    assert await stub.hello() == "hello"


async def test_evict_all_takes_those_that_can_go(durable):
    idle, busy = durable.env.BOX.getByName("idle"), durable.env.BOX.getByName("busy")
    await idle.hello()
    await busy.timer(30)
    await durable.evict_all()
    assert not durable.is_resident(idle)
    assert durable.is_resident(busy)


@worker(
    """
    class Box(DurableObject):
        async def hello(self):
            return "hello"
    """
)
async def test_a_thousand_idle_objects_all_go(durable):
    stubs = [durable.env.BOX.getByName(str(number)) for number in range(1000)]
    await asyncio.gather(*(stub.hello() for stub in stubs))
    assert all(map(durable.is_resident, stubs))
    await durable.clock.advance(10.1)
    assert not any(map(durable.is_resident, stubs))
