"""When alarms fire, are tried again and end: spec storage §6.2 to §6.4."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from emulator.core.alarms import retry_delay_s
from emulator.core.values import JsException
from tests.worlds import worker

NO_HANDLER = (
    "Attempted to run a scheduled alarm without a handler, did you remember to export an alarm() "
    "function?"
)
MUST_HAVE_HANDLER = (
    "Your Durable Object class must have an alarm() handler in order to call setAlarm()"
)

# `plan` says what each run of the handler does; when it is used up, a run just succeeds.
BOX = """
runs = []

class Box(DurableObject):
    async def alarm_in(self, seconds, plan=()):
        await self.ctx.storage.put("plan", to_js(list(plan)))
        await self.ctx.storage.setAlarm(Date.now() + seconds * 1000)
        return await self.ctx.storage.getAlarm()

    async def get_alarm(self):
        return await self.ctx.storage.getAlarm()

    async def delete_alarm(self):
        await self.ctx.storage.deleteAlarm()

    async def hello(self):
        return "hello"

    async def all_runs(self):
        return list(runs)

    async def get(self, key):
        return await self.ctx.storage.get(key)

    async def alarm(self, info):
        runs.append([Date.now(), info.scheduledTime, info.retryCount, info.isRetry])
        storage = self.ctx.storage
        plan = list(await storage.get("plan") or [])
        what = plan.pop(0) if plan else "succeed"
        await storage.put("plan", to_js(plan))
        await storage.put("alarm inside", await storage.getAlarm() is None)
        if what == "raise":
            raise ValueError("on purpose")
        elif what == "set and raise":
            await storage.setAlarm(Date.now() + 60_000)
            raise ValueError("on purpose")
        elif what == "delete and raise":
            await storage.deleteAlarm()
            raise ValueError("on purpose")
        elif what == "set":
            await storage.setAlarm(Date.now() + 60_000)
        elif what == "set past and sleep":
            await storage.setAlarm(1)
            await asyncio.sleep(5)
        elif what == "sleep":
            await asyncio.sleep(5)
        elif what == "abort":
            self.ctx.abort("from the alarm")
        elif what == "abort for good":
            self.ctx._ctx.abort("from the alarm", retryAlarm=False)
"""
pytestmark = pytest.mark.worker(BOX)


@pytest.fixture
def stub(durable):
    return durable.env.BOX.getByName("a")


async def runs_of(durable):
    """What every run of a handler saw: now, scheduledTime, retryCount, isRetry."""
    return await durable.env.BOX.getByName("observer").all_runs()


async def test_an_alarm_fires_at_its_time_and_is_gone(durable, stub):
    began = durable.clock.now_ms
    due = await stub.alarm_in(30)
    assert due == began + 30_000
    await durable.clock.advance(29.9)
    assert await runs_of(durable) == []
    await durable.clock.advance(0.2)
    assert await runs_of(durable) == [[due, due, 0, False]]
    assert await stub.get_alarm() is None
    assert await stub.get("alarm inside") is True


async def test_an_alarm_in_the_past_fires_at_once(durable, stub):
    now = durable.clock.now_ms
    assert await stub.alarm_in(-1000) == now
    await durable.settle()
    assert [run[:2] for run in await runs_of(durable)] == [[now, now]]


async def test_a_later_set_alarm_replaces_the_one_before(durable, stub):
    await stub.alarm_in(10)
    await stub.alarm_in(20)
    await durable.clock.advance(15)
    assert await runs_of(durable) == []
    await stub.alarm_in(1)
    await durable.clock.advance(100)
    assert len(await runs_of(durable)) == 1


async def test_a_deleted_alarm_never_fires(durable, stub):
    await stub.delete_alarm()
    await stub.alarm_in(10)
    await stub.delete_alarm()
    assert await stub.get_alarm() is None
    await durable.clock.advance(100)
    assert await runs_of(durable) == []


async def test_an_alarm_wakes_a_sleeping_object(durable, stub):
    await stub.alarm_in(60)
    await durable.clock.advance(20)
    assert not durable.is_resident(stub)
    await durable.clock.advance(41)
    assert len(await runs_of(durable)) == 1
    assert durable.generation(stub) == 2


async def test_alarms_of_many_objects_fire_in_the_order_of_their_times(durable):
    for seconds in (3, 1, 2):
        await durable.env.BOX.getByName(str(seconds)).alarm_in(seconds)
    began = durable.clock.now_ms
    await durable.clock.advance(10)
    assert [run[0] - began for run in await runs_of(durable)] == [1000, 2000, 3000]


# --- failure -------------------------------------------------------------------------------


async def test_a_failing_alarm_is_tried_seven_times_with_growing_gaps(durable, stub):
    due = await stub.alarm_in(1, ["raise"] * 20)
    await durable.clock.advance(1000)
    runs = await runs_of(durable)
    assert [run[1:] for run in runs] == [[due, n, n > 0] for n in range(7)]
    times = [run[0] for run in runs]
    for retry, (earlier, later) in enumerate(pairwise(times)):
        least, most = (retry_delay_s(retry, jitter) * 1000 for jitter in (0.0, 1.0))
        assert least <= later - earlier <= most + 1
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert not gaps <= {2000, 4000, 8000, 16_000, 32_000, 64_000}  # there is jitter
    assert await stub.get_alarm() is None


async def test_an_alarm_that_succeeds_in_the_end_is_gone(durable, stub):
    await stub.alarm_in(1, ["raise", "raise"])
    await durable.clock.advance(1000)
    assert [run[2] for run in await runs_of(durable)] == [0, 1, 2]
    assert await stub.get_alarm() is None


async def test_between_retries_the_alarm_is_the_original_one(durable, stub):
    due = await stub.alarm_in(1, ["raise"])
    await durable.clock.advance(2)
    assert await stub.get_alarm() == due
    assert await stub.get("alarm inside") is True  # what a failing handler wrote is kept


async def test_the_next_alarm_starts_to_count_anew(durable, stub):
    await stub.alarm_in(1, ["raise", "raise"])
    await durable.clock.advance(100)
    await stub.alarm_in(1, ["raise"])
    await durable.clock.advance(100)
    assert [run[2] for run in await runs_of(durable)] == [0, 1, 2, 0, 1]


async def test_a_failure_is_told_to_the_developer(durable, stub, capsys):
    await stub.alarm_in(1, ["raise"])
    await durable.clock.advance(1.5)
    told = capsys.readouterr().err
    assert "Box a: " in told
    assert "ValueError: on purpose" in told
    assert durable.generation(stub) == 1


async def test_setting_an_alarm_inside_cancels_the_retries(durable, stub):
    await stub.alarm_in(1, ["set and raise"])
    await durable.clock.advance(50)
    assert len(await runs_of(durable)) == 1
    await durable.clock.advance(20)
    [first, second] = await runs_of(durable)
    assert second[0] - first[0] == 60_000
    assert second[2:] == [0, False]


async def test_deleting_the_alarm_inside_prevents_retries(durable, stub):
    await stub.alarm_in(1, ["delete and raise"])
    await durable.clock.advance(1000)
    assert len(await runs_of(durable)) == 1


async def test_an_alarm_that_is_set_inside_fires_later(durable, stub):
    await stub.alarm_in(1, ["set", "set"])
    await durable.clock.advance(200)
    times = [run[0] for run in await runs_of(durable)]
    assert [later - earlier for earlier, later in pairwise(times)] == [
        60_000,
        60_000,
    ]


async def test_two_alarms_of_one_object_never_overlap(durable, stub):
    began = durable.clock.now_ms
    await stub.alarm_in(1, ["set past and sleep"])
    await durable.clock.advance(20)
    assert [run[0] - began for run in await runs_of(durable)] == [1000, 6000]


async def test_while_the_handler_runs_others_see_no_alarm_and_may_set_one(durable, stub):
    await stub.alarm_in(1, ["sleep"])
    await durable.clock.advance(2)
    assert await stub.get_alarm() is None
    due = await stub.alarm_in(60)
    await durable.clock.advance(10)
    assert await stub.get_alarm() == due
    await durable.clock.advance(60)
    assert len(await runs_of(durable)) == 2


async def test_abort_in_the_handler_is_a_counted_failure(durable, stub):
    await stub.alarm_in(1, ["abort"])
    await durable.clock.advance(100)
    # What the aborted run wrote is undone, its plan too: it aborts every time.
    counts = [run[2] for run in await runs_of(durable)]
    assert len(counts) > 3
    assert counts == list(range(len(counts)))


async def test_abort_with_retry_alarm_false_deletes_the_alarm(durable, stub):
    await stub.alarm_in(1, ["abort for good"])
    await durable.clock.advance(1000)
    assert len(await runs_of(durable)) == 1
    assert await durable.env.BOX.getByName("a").get_alarm() is None


CONSTRUCTOR = """
made = []
failures = [10]

class Frail(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        made.append(Date.now())
        if len(made) > 1 and failures[0]:
            failures[0] -= 1
            raise RuntimeError("not now")

    async def alarm_in(self, seconds):
        await self.ctx.storage.setAlarm(Date.now() + seconds * 1000)

    async def alarm(self, info):
        self.ctx.storage.kv.put("retryCount", info.retryCount)

    async def constructions(self):
        return len(made)

    async def get(self, key):
        return await self.ctx.storage.get(key)
"""


@worker(CONSTRUCTOR)
async def test_a_constructor_that_raises_is_tried_again_without_counting(durable):
    stub = durable.env.FRAIL.getByName("a")
    await stub.alarm_in(20)
    await durable.clock.advance(15)
    assert not durable.is_resident(stub)
    await durable.clock.advance(10_000)
    again = durable.env.FRAIL.getByName("a")
    assert await again.get("retryCount") == 0
    assert await again.constructions() >= 12


@worker(
    """
    class Bare(DurableObject):
        async def set(self):
            try:
                await self.ctx.storage.setAlarm(Date.now() + 1000)
            except JsException as exc:
                return str(exc)

    class Early(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            ctx._ctx.storage.setAlarm(Date.now() + 1000)

        async def get(self):
            return await self.ctx.storage.getAlarm()
    """
)
async def test_a_class_without_a_handler_cannot_set_one_but_in_its_constructor(durable, capsys):
    assert MUST_HAVE_HANDLER in await durable.env.BARE.getByName("a").set()
    early = durable.env.EARLY.getByName("a")
    assert await early.get() is not None
    await durable.clock.advance(2)
    assert f"Early a: {NO_HANDLER}\n" in capsys.readouterr().err
    assert await early.get() is None
    await durable.clock.advance(8)
    assert capsys.readouterr().err == ""


async def test_an_alarm_runs_like_any_event_others_come_in_at_its_awaits(durable, stub):
    await stub.alarm_in(1, ["sleep"])
    await durable.clock.advance(2)
    assert [blocker.kind for blocker in durable.why_awake(stub)] == ["alarm", "timer"]
    async with asyncio.timeout(1):
        assert await stub.hello() == "hello"


# --- restart -------------------------------------------------------------------------------


def test_an_alarm_survives_a_restart_and_fires_at_its_time(worlds):
    worlds.write(BOX)
    due = worlds.run(lambda durable: durable.env.BOX.getByName("a").alarm_in(60))

    async def after(durable):
        assert await runs_of(durable) == []
        await durable.clock.advance(60)
        return await runs_of(durable)

    assert worlds.run(after, later_s=10) == [[due, due, 0, False]]


def test_an_overdue_alarm_fires_when_the_emulator_starts(worlds):
    worlds.write(BOX)
    due = worlds.run(lambda durable: durable.env.BOX.getByName("a").alarm_in(60))

    async def after(durable):
        await durable.settle()
        return durable.clock.now_ms, await runs_of(durable)

    now, runs = worlds.run(after, later_s=3600)
    assert runs == [[now, due, 0, False]]


def test_retries_start_to_count_anew_in_the_next_process(worlds):
    worlds.write(BOX)

    async def fail_twice(durable):
        await durable.env.BOX.getByName("a").alarm_in(1, ["raise"] * 3)
        await durable.clock.advance(5)
        return [run[2] for run in await runs_of(durable)]

    async def after(durable):
        await durable.clock.advance(5)
        return [run[2] for run in await runs_of(durable)]

    assert worlds.run(fail_twice) == [0, 1]
    assert worlds.run(after) == [0, 1]


def test_a_deleted_alarm_is_gone_after_a_restart(worlds):
    worlds.write(BOX)

    async def before(durable):
        stub = durable.env.BOX.getByName("a")
        await stub.alarm_in(60)
        await stub.delete_alarm()

    async def after(durable):
        await durable.clock.advance(100)
        return await runs_of(durable)

    worlds.run(before)
    assert worlds.run(after) == []


async def test_a_bad_time_is_refused_in_the_platforms_words(durable, stub):
    with pytest.raises(JsException) as caught:
        await stub.alarm_in(-durable.clock.now_ms / 1000 - 1)
    assert "setAlarm() cannot be called with an alarm time <= 0" in str(caught.value)
