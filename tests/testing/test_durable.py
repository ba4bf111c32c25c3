"""The calls of `durable`, one by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.workers import box_worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

pytestmark = box_worker


@pytest.fixture
def box(durable: Durable) -> Any:
    return durable.env.BOX.getByName("a")


# --- inside an object ----------------------------------------------------------------------


async def test_a_function_runs_inside_the_object(durable: Durable, box: Any) -> None:
    await box.add(5)

    async def look(instance: Any, ctx: Any) -> tuple[int, int]:
        return instance.calls, await ctx.storage.get("value")

    assert await durable.run_in_object(box, look) == (1, 5)


async def test_it_may_change_the_object(durable: Durable, box: Any) -> None:
    def change(instance: Any, ctx: Any) -> None:
        instance.calls = 41

    await durable.run_in_object(box, change)
    await box.add()
    assert await durable.run_in_object(box, lambda instance, _: instance.calls) == 42


async def test_its_exception_comes_back_as_it_is(durable: Durable, box: Any) -> None:
    mine = RuntimeError("mine")

    def fail(instance: Any, ctx: Any) -> None:
        raise mine

    with pytest.raises(RuntimeError) as caught:
        await durable.run_in_object(box, fail)
    assert caught.value is mine


async def test_it_waits_for_the_gate(durable: Durable, box: Any) -> None:
    order: list[str] = []

    async def section(instance: Any, ctx: Any) -> None:
        async def alone() -> None:
            await asyncio.sleep(1)
            order.append("section")

        await ctx.blockConcurrencyWhile(alone)

    first = asyncio.ensure_future(durable.run_in_object(box, section))
    await durable.settle()
    await durable.run_in_object(box, lambda *_: order.append("after"))
    await first
    assert order == ["section", "after"]


# --- eviction ------------------------------------------------------------------------------


async def test_evicting_closes_sockets_if_asked(durable: Durable, box: Any) -> None:
    client = await durable.connect("/box/a/")
    await durable.evict(box, web_sockets="close")
    end = await client.wait_closed()
    assert (end.code, end.was_clean) == (1006, False)
    assert durable.sockets(box) == []


async def test_evict_all_closes_sockets_if_asked(durable: Durable) -> None:
    client = await durable.connect("/box/a/")
    await durable.evict_all(web_sockets="close")
    assert (await client.wait_closed()).code == 1006


async def test_an_unknown_fate_of_sockets_is_refused(durable: Durable, box: Any) -> None:
    from emulator.testing.errors import TestError

    with pytest.raises(TestError, match='"hibernate" or "close"'):
        await durable.evict(box, web_sockets="drop")  # type: ignore[arg-type]


async def test_an_object_that_can_hibernate_says_so(durable: Durable, box: Any) -> None:
    assert durable.can_hibernate(box)
    await box.add()
    assert durable.can_hibernate(box)
    durable.assert_can_hibernate(box)


async def test_an_object_that_cannot_names_the_line(durable: Durable, box: Any) -> None:
    from emulator.testing.errors import NotSleepy

    await box.timer(30)
    assert not durable.can_hibernate(box)
    with pytest.raises(NotSleepy, match=r"timer: a timer, 0\.0 s old, made at .*worker\.py:\d+"):
        durable.assert_can_hibernate(box)
    await durable.clock.advance(30)
    durable.assert_can_hibernate(box)


async def test_crashing_drops_memory_sockets_and_unconfirmed_writes(
    durable: Durable, box: Any
) -> None:
    client = await durable.connect("/box/a/")
    await box.add(3)

    async def unconfirmed(instance: Any, ctx: Any) -> None:
        await ctx.storage.put("value", 99)
        await asyncio.Event().wait()

    durable.delay_next("commit", 60, on=box)
    lost = asyncio.ensure_future(durable.run_in_object(box, unconfirmed))
    await durable.settle()
    await durable.crash(box)
    assert (await client.wait_closed()).code == 1006
    with pytest.raises(Exception, match="Network connection lost"):
        await lost
    assert durable.storage(box).kv["value"] == 3
    assert await durable.env.BOX.getByName("a").get() == 3


async def test_a_sleeping_object_crashes_too(durable: Durable, box: Any) -> None:
    client = await durable.connect("/box/a/")
    await durable.evict(box)
    await durable.crash(box)
    assert (await client.wait_closed()).code == 1006
    await durable.crash(durable.env.BOX.getByName("nobody"))


async def test_abort_all_breaks_old_stubs_and_keeps_storage(durable: Durable, box: Any) -> None:
    await box.add(3)
    await durable.abort_all()
    with pytest.raises(Exception, match=r"Application called abortAllDurableObjects\(\)\."):
        await box.get()
    assert await durable.env.BOX.getByName("a").get() == 3


async def test_reset_deletes_everything(durable: Durable, box: Any) -> None:
    other = durable.env.BOX.getByName("b")
    await box.add(3)
    await box.set_alarm(5)
    await other.add()
    await durable.evict(other)
    await durable.reset()
    with pytest.raises(Exception, match=r"Application called deleteAllDurableObjects\(\)\."):
        await box.get()
    assert durable.list_ids(durable.env.BOX) == []
    fresh = durable.env.BOX.getByName("a")
    assert await fresh.get() is None
    assert await other.get() is None
    await durable.clock.advance(60)
    assert await fresh.runs() is None


# --- alarms --------------------------------------------------------------------------------


async def test_the_next_alarm_is_seen_without_waking(durable: Durable, box: Any) -> None:
    assert durable.next_alarm(box) is None
    await box.set_alarm(60)
    await durable.evict(box)
    assert durable.next_alarm(box) == durable.clock.now_ms + 60_000
    assert not durable.is_resident(box)


async def test_an_alarm_is_run_at_once(durable: Durable, box: Any) -> None:
    assert await durable.run_alarm(box) is False
    await box.set_alarm(3600)
    before_ms = durable.clock.now_ms
    assert await durable.run_alarm(box) is True
    assert durable.clock.now_ms == before_ms
    assert durable.next_alarm(box) is None
    assert await box.runs() == [[0, False]]


async def test_an_alarm_that_fails_raises_here_and_is_retried(durable: Durable, box: Any) -> None:
    await box.fail_alarms(1)
    await box.set_alarm(3600)
    with pytest.raises(Exception, match="the alarm failed"):
        await durable.run_alarm(box)
    assert durable.next_alarm(box) is not None
    await durable.clock.advance(10)
    assert await box.runs() == [[0, False], [1, True]]


async def test_an_alarm_that_runs_is_not_run_again(durable: Durable, box: Any) -> None:
    from emulator.testing.errors import TestError

    async def stay(instance: Any, ctx: Any) -> None:
        async def alarm(info: Any = None) -> None:
            await asyncio.sleep(5)

        instance_class = type(instance)
        instance_class.alarm = lambda self, info=None: alarm()

    await durable.run_in_object(box, stay)
    await durable.evict(box)
    await box.set_alarm(0)
    await durable.clock.advance(1)
    with pytest.raises(TestError, match="running already"):
        await durable.run_alarm(box)
    await durable.clock.advance(10)


# --- looking -------------------------------------------------------------------------------


async def test_ids_are_listed(durable: Durable) -> None:
    assert durable.list_ids(durable.env.BOX) == []
    stubs = [durable.env.BOX.getByName(name) for name in "abc"]
    for stub in stubs:
        await stub.add()
    await durable.evict_all()
    found = durable.list_ids(durable.env.BOX)
    assert [i.toString() for i in found] == sorted(stub.id.toString() for stub in stubs)
    assert await durable.env.BOX.get(found[0]).get() == 1


async def test_sockets_are_seen_without_waking(durable: Durable, box: Any) -> None:
    await durable.connect("/box/a/")
    await durable.evict(box)
    [socket] = durable.sockets(box)
    assert socket.tags == ("red",)
    assert socket.attachment == {"n": 1}
    assert socket.ready_state == 1
    assert not durable.is_resident(box)


async def test_what_is_no_stub_is_refused(durable: Durable) -> None:
    for call in (durable.is_resident, durable.why_awake, durable.next_alarm, durable.storage):
        with pytest.raises(TypeError, match="expected the stub of a Durable Object"):
            call("a")
    with pytest.raises(TypeError, match="expected the binding of a Durable Object class"):
        durable.list_ids(durable.env.BOX.getByName("a"))


async def test_the_log_is_what_the_worker_said(durable: Durable, box: Any) -> None:
    await box.say("hello")
    assert [entry.text for entry in durable.log] == ["hello"]


async def test_time_does_not_go_back(durable: Durable) -> None:
    from emulator.testing.errors import TestError

    with pytest.raises(TestError, match="time does not go back"):
        await durable.clock.advance(-1)


async def test_waiting_for_what_never_happens_fails_at_once(durable: Durable, box: Any) -> None:
    from emulator.testing.stuck import StuckError

    # The test itself is what fails, so a part of it is run the same way.
    with pytest.raises(StuckError, match=r"rpc never\(\), at .*worker\.py"):
        await _waiting(durable, box)


async def _waiting(durable: Durable, box: Any) -> None:
    from emulator.testing.stuck import StuckError

    call = asyncio.ensure_future(box.never())
    await durable.settle()
    reasons = [f"{b.kind} {b.detail}, at {b.source}" for b in durable.why_awake(box)]
    call.cancel()
    raise StuckError(reasons)


async def test_timers_for_one_moment_strike_in_the_order_in_which_they_were_set(durable):
    loop = asyncio.get_running_loop()
    due_s = loop.time() + 1
    struck = []
    timers = [loop.call_at(due_s, struck.append, number) for number in range(200)]
    for timer in timers[::3]:
        timer.cancel()
    await durable.clock.advance(1)
    assert struck == [number for number in range(200) if number % 3]
