"""Alarms as user code sees them: spec storage §6."""

from __future__ import annotations

import pytest

from emulator.core.events import WorkerError
from tests.storage_runtime.inside import (
    MIGRATIONS,
    SOURCE,
    container,
    hooks,
    inside,
    inside_worker,
    namespace,
    ran,
    raw,
    rejected,
    sleep,
)

pytestmark = inside_worker()

LATER_S = 60.0


class Fails(Exception):
    """What a handler raises."""


class Runs:
    """The runs of an alarm handler: when (seconds after the test began), and what it was told."""

    def __init__(self, durable, behave=None):
        self.durable = durable
        self.behave = behave
        self.start_ms = durable.clock.now_ms
        self.times_s = []
        self.retries = []
        self.infos = []
        hooks(durable)["alarm"] = self

    async def __call__(self, box, info):
        self.times_s.append((self.durable.clock.now_ms - self.start_ms) / 1000)
        self.retries.append(info.retryCount)
        self.infos.append(info)
        if self.behave is not None:
            return await self.behave(box, info)
        return None


async def set_alarm(durable, after_s=LATER_S, name="a"):
    due_ms = durable.clock.now_ms + int(after_s * 1000)
    await inside(durable, name, lambda box: box.ctx.storage.setAlarm(due_ms))
    return due_ms


async def get_alarm(durable, name="a"):
    return await inside(durable, name, lambda box: box.ctx.storage.getAlarm())


async def fail(box, info):
    raise Fails


class TestArguments:
    @pytest.mark.parametrize(
        ("time", "text"),
        [
            *((t, "setAlarm() cannot be called with an alarm time <= 0") for t in (0, -1, 0.5)),
            *(
                (t, "The value cannot be converted because it is not a valid Date.")
                for t in (float("nan"), float("inf"), float("-inf"))
            ),
            (9223372036855, "This API doesn't support dates after 2189."),
            *(
                (
                    t,
                    "Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of "
                    "type 'date'.",
                )
                for t in ("5", None, True, 2**60)
            ),
        ],
    )
    async def test_what_is_no_time_is_refused(self, durable, time, text):
        async def body(box):
            assert await rejected(raw(box).setAlarm(time)) == f"TypeError: {text}"
            assert await box.ctx.storage.getAlarm() is None

        await inside(durable, "a", body)

    async def test_an_invalid_date_an_object_and_nothing_are_refused(self, durable):
        async def body(box):
            from js import Date, Object

            storage = raw(box)
            assert await rejected(storage.setAlarm(Date.new("x"))) == (
                "TypeError: The value cannot be converted because it is not a valid Date."
            )
            for promise in (storage.setAlarm(), storage.setAlarm(Object.new())):
                assert (await rejected(promise)).endswith("parameter 1 is not of type 'date'.")

        await inside(durable, "a", body)

    async def test_numbers_are_truncated_and_dates_are_taken(self, durable):
        async def body(box):
            from js import Date

            storage = box.ctx.storage
            later = durable.clock.now_ms + 1_000_000
            await storage.setAlarm(later + 0.7)
            assert await storage.getAlarm() == later
            await raw(box).setAlarm(Date.new(later + 5))
            assert await storage.getAlarm() == later + 5
            await storage.setAlarm(9223372036854)
            assert await storage.getAlarm() == 9223372036854
            await storage.deleteAlarm()
            assert await storage.getAlarm() is None
            await storage.deleteAlarm()

        await inside(durable, "a", body)

    async def test_the_past_is_now_and_fires_at_once(self, durable):
        async def body(box):
            await box.ctx.storage.setAlarm(1)
            assert await box.ctx.storage.getAlarm() == durable.clock.now_ms

        runs = Runs(durable)
        await inside(durable, "a", body)
        await durable.clock.advance(0.01)
        assert runs.times_s == [0]

    async def test_a_class_without_a_handler_cannot_set_but_get_and_delete(self, durable):
        async def body(box):
            storage = raw(box)
            assert await rejected(storage.setAlarm(5e12)) == (
                "TypeError: Your Durable Object class must have an alarm() handler in order to "
                "call setAlarm()"
            )
            assert await box.ctx.storage.getAlarm() is None
            assert await storage.deleteAlarm() is None

        await inside(durable, "a", body, cls="NoAlarm")


class TestHandler:
    async def test_it_runs_once_at_its_time_and_is_told(self, durable):
        async def look(box, info):
            assert await box.ctx.storage.getAlarm() is None

        runs = Runs(durable, look)
        due_ms = await set_alarm(durable)
        await durable.clock.advance(LATER_S - 0.001)
        assert runs.times_s == []
        await durable.clock.advance(3600)
        assert runs.times_s == [LATER_S]
        info = runs.infos[0]
        assert (info.scheduledTime, info.retryCount, info.isRetry) == (due_ms, 0, False)
        assert await get_alarm(durable) is None

    async def test_a_later_set_replaces_it(self, durable):
        runs = Runs(durable)
        await set_alarm(durable, 100)
        await set_alarm(durable, 200)
        await set_alarm(durable, 50)
        await durable.clock.advance(1000)
        assert runs.times_s == [50]

    async def test_a_deleted_one_does_not_run(self, durable):
        runs = Runs(durable)
        await set_alarm(durable)
        await inside(durable, "a", lambda box: box.ctx.storage.deleteAlarm())
        await durable.clock.advance(1000)
        assert runs.times_s == []

    async def test_it_does_not_keep_the_object_awake_and_wakes_it(self, durable):
        runs = Runs(durable)
        await set_alarm(durable)
        await durable.clock.advance(30)
        assert container(durable).instance is None
        await durable.clock.advance(31)
        assert runs.times_s == [LATER_S]

    async def test_other_events_come_in_while_it_waits_and_see_no_alarm(self, durable):
        async def wait(box, info):
            await sleep(5)

        Runs(durable, wait)
        await set_alarm(durable, 1)
        await durable.clock.advance(2)
        assert await get_alarm(durable) is None

    async def test_two_never_overlap_and_the_next_starts_right_after(self, durable):
        async def again(box, info):
            if len(runs.times_s) == 1:
                await box.ctx.storage.setAlarm(durable.clock.now_ms + 1000)
                await sleep(5)

        runs = Runs(durable, again)
        await set_alarm(durable, 1)
        await durable.clock.advance(60)
        assert (runs.times_s, runs.retries) == ([1, 6], [0, 0])

    async def test_delete_inside_does_not_stop_it(self, durable):
        async def delete(box, info):
            await box.ctx.storage.deleteAlarm()
            await box.ctx.storage.put("went on", 1)

        runs = Runs(durable, delete)
        await set_alarm(durable, 1)
        await durable.clock.advance(60)
        assert runs.times_s == [1]
        assert await inside(durable, "a", lambda box: box.ctx.storage.get("went on")) == 1

    async def test_an_alarm_that_is_moved_while_it_waits_for_its_turn_is_not_run(self, durable):
        async def block(box):
            async def section():
                await sleep(10)
                await box.ctx.storage.setAlarm(durable.clock.now_ms + 60_000)

            await box.ctx.blockConcurrencyWhile(section)

        runs = Runs(durable)
        await set_alarm(durable, 5)
        await inside(durable, "a", block)
        await durable.clock.advance(120)
        assert runs.times_s == [70]

    async def test_setting_the_same_time_again_inside_runs_it_again(self, durable):
        async def same(box, info):
            if len(runs.times_s) < 3:
                await box.ctx.storage.setAlarm(info.scheduledTime)

        runs = Runs(durable, same)
        await set_alarm(durable, 1)
        await durable.clock.advance(60)
        assert runs.retries == [0, 0, 0]

    async def test_a_change_that_is_rolled_back_inside_was_none(self, durable):
        async def roll_back(box, info):
            def sync_body():
                raw(box).setAlarm(durable.clock.now_ms + 5000)
                raise Fails

            async def body(txn):
                await txn.setAlarm(durable.clock.now_ms + 5000)
                raise Fails

            with pytest.raises(Fails):
                raw(box).transactionSync(sync_body)
            await rejected(raw(box).transaction(body))
            assert await box.ctx.storage.getAlarm() is None

        runs = Runs(durable, roll_back)
        await set_alarm(durable, 1)
        await durable.clock.advance(60)
        assert runs.retries == [0]
        assert await get_alarm(durable) is None

    async def test_without_a_handler_it_is_dropped_with_a_message(self, durable):
        def construct(box):
            if not told:
                told.append("constructed")
                raw(box).setAlarm(durable.clock.now_ms + 1000)

        told = []
        host = durable._emulator.worker.host
        listener, host.listener = host.listener, told.append
        hooks(durable)["construct"] = construct
        await inside(durable, "a", lambda box: None, cls="NoAlarm")
        await durable.clock.advance(60)
        host.listener = listener
        texts = [event.text for event in told if isinstance(event, WorkerError)]
        assert texts == [
            "Attempted to run a scheduled alarm without a handler, did you remember to export an "
            "alarm() function?"
        ]
        assert await inside(durable, "a", lambda b: b.ctx.storage.getAlarm(), cls="NoAlarm") is None


class TestRetries:
    async def test_seven_runs_then_it_is_gone_without_a_word(self, durable):
        runs = Runs(durable, fail)
        await set_alarm(durable, 1)
        await durable.clock.advance(1000)
        assert runs.retries == [0, 1, 2, 3, 4, 5, 6]
        gaps = [b - a for a, b in zip(runs.times_s, runs.times_s[1:], strict=False)]
        for number, gap in enumerate(gaps):
            base = 2 << number
            assert base <= gap <= base * 1.25 + 0.01
        assert await get_alarm(durable) is None

    async def test_between_retries_the_alarm_is_the_old_past_one(self, durable):
        Runs(durable, fail)
        due_ms = await set_alarm(durable, 1)
        await durable.clock.advance(1.5)
        assert await get_alarm(durable) == due_ms

    async def test_what_a_failing_handler_wrote_stays_and_the_object_lives(self, durable):
        async def write(box, info):
            box.mark = True
            await box.ctx.storage.put("n", info.retryCount)
            if info.retryCount < 2:
                raise Fails

        runs = Runs(durable, write)
        await set_alarm(durable, 1)
        await durable.clock.advance(8)
        assert runs.retries == [0, 1, 2]
        assert await inside(durable, "a", lambda box: box.mark)
        assert await inside(durable, "a", lambda box: box.ctx.storage.get("n")) == 2

    async def test_an_alarm_set_meanwhile_takes_the_retrys_place(self, durable):
        async def set_and_fail(box, info):
            if len(runs.times_s) == 1:
                await box.ctx.storage.setAlarm(durable.clock.now_ms + 30_000)
                raise Fails

        runs = Runs(durable, set_and_fail)
        await set_alarm(durable, 1)
        await durable.clock.advance(100)
        assert (runs.times_s, runs.retries) == ([1, 31], [0, 0])

    async def test_delete_inside_prevents_retries(self, durable):
        async def delete_and_fail(box, info):
            await box.ctx.storage.deleteAlarm()
            raise Fails

        runs = Runs(durable, delete_and_fail)
        await set_alarm(durable, 1)
        await durable.clock.advance(100)
        assert runs.retries == [0]

    async def test_abort_resets_the_object_and_counts(self, durable):
        async def abort(box, info):
            await box.ctx.storage.put("n", 1)
            box.ctx.abort()

        runs = Runs(durable, abort)
        await set_alarm(durable, 1)
        await durable.clock.advance(8)
        assert runs.retries == [0, 1, 2]
        assert await inside(durable, "a", lambda box: box.ctx.storage.get("n")) is None

    async def test_abort_may_forbid_the_retry(self, durable):
        async def abort(box, info):
            box.ctx._ctx.abort("no", retryAlarm=False)

        runs = Runs(durable, abort)
        await set_alarm(durable, 1)
        await durable.clock.advance(100)
        assert runs.retries == [0]
        assert await get_alarm(durable) is None
        assert container(durable).name == "a"

    async def test_a_failing_constructor_is_retried_for_ever_and_not_counted(self, durable):
        def construct(box):
            tries.append(1)
            if len(tries) <= 8:
                raise Fails

        tries = []
        runs = Runs(durable)
        await set_alarm(durable, 30)
        await durable.evict_all()
        hooks(durable)["construct"] = construct
        await durable.clock.advance(3600)
        assert (len(tries), runs.retries) == (9, [0])

    async def test_a_run_of_more_than_15_minutes_is_cut_off_and_counts(self, durable):
        async def endless(box, info):
            await sleep(3600)

        runs = Runs(durable, endless)
        await set_alarm(durable, 1)
        await durable.clock.advance(901)
        assert runs.times_s == [1]
        await durable.clock.advance(5)
        assert runs.retries == [0, 1]

    async def test_a_broken_disk_is_not_the_handlers_fault(self, durable):
        async def break_commit(box, info):
            box.ctx.storage.sql.exec("CREATE TABLE t(x)")
            box.cursor = raw(box).sql.exec("INSERT INTO t VALUES (1) RETURNING x")

        runs = Runs(durable, break_commit)
        await set_alarm(durable, 1)
        await durable.clock.advance(400)
        assert runs.retries == [0] * len(runs.retries)
        assert len(runs.retries) >= 7


class TestRecords:
    """The object's file and the class's index."""

    async def test_a_row_without_an_alarm_in_the_file_is_dropped(self, durable):
        runs = Runs(durable)
        alarms = namespace(durable).alarms
        object_id = container(durable).id
        alarms._index.set(object_id, (durable.clock.now_ms + 1000) * 10**6, None)
        alarms.start()
        await durable.clock.advance(60)
        assert runs.times_s == []
        assert alarms.next_due_ms(object_id) is None

    async def test_a_row_that_is_too_early_is_moved(self, durable):
        runs = Runs(durable)
        await set_alarm(durable, 20)
        alarms = namespace(durable).alarms
        object_id = container(durable).id
        alarms._index.set(object_id, (durable.clock.now_ms + 1000) * 10**6, None)
        alarms.start()
        await durable.clock.advance(60)
        assert runs.times_s == [20]

    async def test_an_alarm_without_a_row_never_fires(self, durable):
        runs = Runs(durable)
        await set_alarm(durable, 20)
        namespace(durable).alarms._index.delete(container(durable).id)
        await durable.clock.advance(10)
        await get_alarm(durable)
        await durable.clock.advance(60)
        assert runs.times_s == []

    async def test_a_file_that_cannot_be_read_is_tried_again(self, durable):
        runs = Runs(durable)
        await set_alarm(durable, 20)
        await durable.evict_all()
        path = container(durable).sqlite.path
        container(durable).sqlite.release()
        good = path.read_bytes()
        path.write_bytes(b"garbage" * 1000)
        await durable.clock.advance(21)
        path.write_bytes(good)
        await durable.clock.advance(10)
        assert len(runs.times_s) == 1


def test_overdue_alarms_fire_at_the_next_start_and_names_come_back(worlds):
    worlds.write(SOURCE, migrations=MIGRATIONS)

    async def first(durable):
        await set_alarm(durable, 20)
        await set_alarm(durable, 2000, name="b")

    async def second(durable):
        await durable.clock.advance(1)
        assert ran(durable) == [("a", 0)]
        await durable.clock.advance(3000)
        assert ran(durable) == [("a", 0), ("b", 0)]

    worlds.run(first)
    worlds.run(second, later_s=100)


def test_a_failing_alarm_runs_again_after_a_restart_and_counters_begin_anew(worlds):
    worlds.write(SOURCE, migrations=MIGRATIONS)

    async def first(durable):
        Runs(durable, fail)
        await set_alarm(durable, 1)
        await durable.clock.advance(8)

    async def second(durable):
        await durable.clock.advance(1)
        assert ran(durable) == [("a", 0)]

    worlds.run(first)
    worlds.run(second, later_s=1)
