"""The notebook of objects, with a host of its own: emulator/runtime/catalog.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from random import Random

import pytest

from emulator.core.clock import Millis
from emulator.core.events import WorkerError
from emulator.runtime.catalog import WRITE_DELAY_S, Catalog, CatalogEntry
from emulator.runtime.host import Host
from emulator.testing.virtual_time import VirtualTimeLoop
from tests.worlds import write_worker

KEY = "my-worker-Room"


class Clock:
    def __init__(self):
        self.ms = 1000

    def now_ms(self):
        return Millis(self.ms)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "durable" / "catalog.sqlite"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def events():
    return []


@pytest.fixture
def opened(path, clock, events):
    @asynccontextmanager
    async def open_catalog():
        loop = asyncio.get_running_loop()
        host = Host(loop=loop, clock=clock, random=Random(1), listener=events.append)
        catalog = Catalog(path, host)
        with loop.hold():  # the notebook works in a thread
            try:
                yield catalog
            finally:
                await catalog.close()
                await host.close()

    return open_catalog


def run(coroutine):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def entry(object_id, name=None, cls="Room", first=1000, last=1000):
    return CatalogEntry(
        unique_key=KEY if cls == "Room" else f"my-worker-{cls}",
        class_name=cls,
        id=object_id,
        name=name,
        first_seen_ms=first,
        last_seen_ms=last,
    )


def test_what_was_noted_is_told_by_class_and_name(opened):
    async def main():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "2" * 64, "b")
            catalog.note(KEY, "Room", "1" * 64, "a")
            catalog.note("my-worker-Game", "Game", "3" * 64, None)
            return await catalog.objects(), await catalog.objects("Game")

    everything, games = run(main())
    game = entry("3" * 64, cls="Game")
    assert everything == [game, entry("1" * 64, "a"), entry("2" * 64, "b")]
    assert games == [game]


def test_it_outlives_the_process(opened, clock):
    async def first():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "1" * 64, "a")

    async def second():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "1" * 64, None)
            return await catalog.objects()

    run(first())
    clock.ms = 5000
    # The name stays known, although the object was addressed by its id.
    assert run(second()) == [entry("1" * 64, "a", last=5000)]


def test_several_notes_of_one_object_are_one_row(opened, clock):
    async def main():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "1" * 64, None)
            clock.ms = 2000
            catalog.note(KEY, "Room", "1" * 64, "a")
            clock.ms = 3000
            catalog.note(KEY, "Room", "1" * 64, None)
            return await catalog.objects()

    assert run(main()) == [entry("1" * 64, "a", last=3000)]


def test_a_note_only_touches_memory_and_is_written_a_moment_later(clock, path):
    async def main():
        loop = asyncio.get_running_loop()
        host = Host(loop=loop, clock=clock, random=Random(1))
        catalog = Catalog(path, host)
        catalog.note(KEY, "Room", "1" * 64, "a")
        assert (path.parent.exists(), len(host.tasks)) == (False, 0)
        later = loop.create_future()
        loop.call_later(WRITE_DELAY_S, later.set_result, None)
        await later
        with loop.hold():
            await asyncio.gather(*host.tasks)
            assert path.exists()
            await catalog.close()

    run(main())


def test_nothing_noted_makes_no_file(opened, path):
    async def main():
        async with opened() as catalog:
            return await catalog.objects()

    assert run(main()) == []
    assert not path.parent.exists()


def test_half_a_surrogate_pair_in_a_name_is_replaced(opened):
    async def main():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "1" * 64, "a\ud800")
            return await catalog.objects()

    assert run(main())[0].name == "a\ufffd\ufffd\ufffd"


def test_a_file_that_is_no_database_is_left_alone_and_told_of_once(opened, path, events):
    path.parent.mkdir()
    path.write_bytes(b"no database " * 100)

    async def main():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "1" * 64, "a")
            await catalog.close()
            catalog.note(KEY, "Room", "2" * 64, "b")
            await catalog.close()

    run(main())
    [event] = events
    assert isinstance(event, WorkerError)
    assert event.text.startswith(f"The catalog {path} cannot be written: file is not a database")
    assert path.read_bytes() == b"no database " * 100


def test_a_folder_that_cannot_be_made_is_told_of(opened, path, events):
    path.parent.write_text("a file is in the way")

    async def main():
        async with opened() as catalog:
            catalog.note(KEY, "Room", "1" * 64, "a")

    run(main())
    assert "cannot be written" in events[0].text


HELLO = """
class Box(DurableObject):
    async def hello(self):
        return "hello"
"""


@pytest.mark.parametrize("in_memory", [False, True])
def test_an_emulator_has_a_catalog_if_it_keeps_its_state(tmp_path, in_memory):
    from emulator.assembly import Emulator, run
    from emulator.runtime.config import load_config

    config = load_config(write_worker(tmp_path, HELLO))

    async def main():
        options = {"in_memory": True} if in_memory else {"persist_to": tmp_path / "kept"}
        async with Emulator.from_config(config, **options) as emulator:
            for _ in range(2):
                assert await emulator.env.BOX.getByName("a").hello() == "hello"
            if emulator.catalog is None:
                return None
            return [(found.class_name, found.name) for found in await emulator.catalog.objects()]

    assert run(main()) == (None if in_memory else [("Box", "a")])
    assert (tmp_path / "kept" / "durable" / "catalog.sqlite").is_file() != in_memory


async def test_a_virtual_world_keeps_no_catalog(durable):
    stub = durable.env.WEBSOCKET_SERVER.getByName("a")
    await durable.fetch("/websocket/stats?id=a")
    assert durable._find(stub).host.catalog is None


def test_the_library_is_not_imported_at_the_start():
    program = "import sys, emulator.assembly, emulator.cli.main, emulator.cli.serving\n"
    program += "print([m for m in ('aiosqlite', 'sqlite3') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
