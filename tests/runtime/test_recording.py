"""What happened lately: bounded, counted, and cheap when there is too much of it."""

from __future__ import annotations

import asyncio
import sys
from random import Random

import pytest

from emulator.core.clock import Millis
from emulator.core.events import ConsoleMessage, HandlerStarted
from emulator.runtime import recording
from emulator.runtime.catalog import Catalog
from emulator.runtime.host import Host
from emulator.runtime.journal import Journal
from emulator.runtime.recording import LiveRecorder, Timeline
from emulator.testing.virtual_time import VirtualTimeLoop
from tests.worlds import worker

KEY = ("w-Box", "1" * 64)


class Clock:
    def now_ms(self):
        return Millis(1000)


def in_host(test):
    """Run `test(host)` on a loop of virtual time."""

    async def main():
        host = Host(loop=asyncio.get_running_loop(), clock=Clock(), random=Random(1))
        try:
            return await test(host)
        finally:
            await host.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


def event(text="x"):
    return ConsoleMessage(time_ms=1, level="log", text=text)


def test_the_oldest_go_and_what_is_missed_can_be_counted(monkeypatch):
    monkeypatch.setattr(recording, "ENTRIES_MAX", 3)

    async def test(host):
        timeline = Timeline(host)
        for number in range(5):
            timeline.add(event(str(number)), KEY)
        return timeline

    timeline = in_host(test)
    assert (timeline.first_seq, timeline.last_seq) == (3, 5)
    assert [e.event.text for e in timeline.entries()] == ["2", "3", "4"]
    assert [e.seq for e in timeline.entries(4)] == [5]
    assert [e.seq for e in timeline.entries(5)] == []
    assert [e.seq for e in timeline.entries(0, ("w-Box", "2" * 64))] == []


def test_touched_objects_come_latest_first_and_the_deleted_are_forgotten():
    async def test(host):
        timeline = Timeline(host)
        for name in "abca":
            timeline.add(event(), ("w", name))
        assert list(timeline.touched(0)) == [("w", "a"), ("w", "c"), ("w", "b")]
        assert list(timeline.touched(3)) == [("w", "a")]
        timeline.forget(("w", "a"))
        assert timeline.last_of(("w", "a")) is None
        assert timeline.gone(4) == [("w", "a")]
        assert timeline.gone(5) == []

    in_host(test)


def test_beyond_the_budget_records_are_counted_not_kept():
    class Container:
        id = "1" * 64
        name = None
        generation = 1

        class namespace:
            unique_key = "w-Box"
            class_name = "Box"

    class Event:
        kind = "rpc"
        detail = "hello()"

    async def test(host):
        recorder = LiveRecorder(host, None)
        events = [Event() for _ in range(recording.BUDGET + 50)]
        for one in events:
            recorder.started(Container, one)
        for one in events:
            recorder.ended(Container, one, None)
        starts = [e for e in recorder.timeline.entries() if isinstance(e.event, HandlerStarted)]
        assert len(starts) == recording.BUDGET
        assert recorder.timeline.dropped == 50
        assert recorder.timeline.last_seq == 2 * recording.BUDGET  # every start has its end
        recorder.woke(Container)
        assert recorder.timeline.last_seq == 2 * recording.BUDGET + 1
        await asyncio.sleep(recording.BUDGET_S * 2)  # noqa: TID251  # virtual time
        recorder.started(Container, Event())
        assert recorder.timeline.dropped == 50

    in_host(test)


@worker(
    """
    class Box(DurableObject):
        async def wait(self):
            await asyncio.sleep(100)
    """
)
async def test_what_an_abort_cut_off_ends_in_the_timeline(durable):
    host = durable.emulator.worker.host
    host.recorder = host.chronicle = recorder = LiveRecorder(host, None)
    waiting = durable.env.BOX.getByName("a").wait()
    task = asyncio.ensure_future(waiting)  # noqa: TID251  # a call that never returns
    await durable.settle()
    await durable.abort_all()
    with pytest.raises(Exception, match="abortAll"):
        await task
    entries = list(recorder.timeline.entries())
    start = next(e for e in entries if isinstance(e.event, HandlerStarted))
    ends = [e for e in entries if e.span == start.seq and e is not start]
    assert len(ends) == 1
    assert "abortAll" in ends[0].event.error


class TestJournal:
    def run(self, test, path, **limits):
        async def main(host):
            host.catalog = Catalog(path, host)
            timeline = Timeline(host)
            journal = Journal(host, timeline, **limits)
            try:
                return await test(host, timeline, journal)
            finally:
                await journal.close()
                await host.catalog.close()

        return in_host(main)

    def test_nothing_is_written_while_it_is_off(self, tmp_path):
        async def test(host, timeline, journal):
            timeline.add(event(), KEY)
            assert await journal.read(before_ms=float("inf"), limit=10) == []

        self.run(test, tmp_path / "n" / "catalog.sqlite")
        assert not (tmp_path / "n").exists()

    def test_what_is_recorded_is_read_again_and_limited(self, tmp_path):
        async def test(host, timeline, journal):
            timeline.add(event("before"), KEY)
            journal.switch(True)
            for number in range(30):
                timeline.add(event(str(number)), KEY)
                await journal.write()
            read = await journal.read(before_ms=float("inf"), limit=100)
            return [entry["title"] for entry in read]

        path = tmp_path / "catalog.sqlite"
        assert self.run(test, path, rows_max=10) == [str(n) for n in range(20, 30)]

    def test_the_bytes_are_limited_too(self, tmp_path):
        async def test(host, timeline, journal):
            journal.switch(True)
            for _ in range(20):
                timeline.add(event("x" * 1000), KEY)
                await journal.write()
            return await journal.read(before_ms=float("inf"), limit=100)

        kept = self.run(test, tmp_path / "catalog.sqlite", bytes_max=8000)
        assert 1 <= len(kept) <= 8

    def test_a_notebook_that_cannot_be_written_ends_the_recording_with_one_message(self, tmp_path):
        (tmp_path / "file").write_text("")
        told = []

        async def test(host, timeline, journal):
            host.listener = told.append
            journal.switch(True)
            timeline.add(event(), KEY)
            await journal.write()
            assert not journal.is_recording

        self.run(test, tmp_path / "file" / "catalog.sqlite")
        assert "Recording is off" in told[0].text
        assert len(told) == 1

    def test_it_writes_once_a_second(self, tmp_path):
        async def test(host, timeline, journal):
            journal.switch(True)
            timeline.add(event("soon"), KEY)
            journal._tick()
            await asyncio.gather(*host.tasks)
            return await journal.read(before_ms=float("inf"), limit=5)

        (entry,) = self.run(test, tmp_path / "catalog.sqlite")
        assert entry["title"] == "soon"
        assert "aiosqlite" in sys.modules
