"""The objects' files under a running emulator: names, durability, files that are broken.

Spec storage §4.4, §7.1, §7.2; issue 4.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from emulator.assembly import Emulator
from emulator.core.config import parse_config
from emulator.errors import ConfigError
from emulator.runtime.gates import GatedLoop
from tests.storage_runtime.inside import (
    container,
    inside,
    inside_worker,
    namespace,
    raw,
    rejected,
)
from tests.worlds import write_worker

pytestmark = inside_worker()

INTERNAL = "Error: internal error; reference = "
RAW = {"name": "w", "main": "worker.py", "compatibility_flags": ["python_workers"]}


class TestNames:
    async def test_a_name_that_wrangler_dev_left_is_known_to_an_object_called_by_its_id(
        self, durable
    ):
        def leave_name(box):
            box.ctx.storage.sql.exec(
                "CREATE TABLE __miniflare_do_name (id INTEGER PRIMARY KEY, name TEXT);"
                "INSERT INTO __miniflare_do_name VALUES (1, 'room')"
            )

        await inside(durable, "room", leave_name)
        await forget(durable, "room")
        objects = namespace(durable)
        by_id = objects.id_from_string(objects.id_from_name("room").hex)
        found = objects.container(by_id)
        assert found.name is None
        assert await inside(durable, "room", lambda box: box.ctx.id.name) == "room"

    async def test_without_one_it_has_none_and_the_table_is_never_made(self, durable):
        await inside(durable, "room", lambda box: box.ctx.storage.put("k", 1))
        await forget(durable, "room")
        objects = namespace(durable)
        objects.container(objects.id_from_string(objects.id_from_name("room").hex))
        assert await inside(durable, "room", lambda box: box.ctx.id.name) is None
        rows = await inside(
            durable,
            "room",
            lambda box: box.ctx.storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
        )
        assert [row["name"] for row in rows] == ["_cf_KV"]


async def forget(durable, name):
    """Drop the container, as up to 140 idle seconds do."""
    await durable.evict_all()
    await durable.clock.advance(150)
    assert namespace(durable).find(namespace(durable).id_from_name(name).hex) is None


class TestBrokenFiles:
    """As on the platform, the file is looked at when the object is constructed."""

    @pytest.fixture
    def path(self, durable):
        return container(durable).sqlite.path

    async def fill(self, durable):
        await inside(durable, "a", lambda box: box.ctx.storage.put("k", "x" * 20_000))
        await forget(durable, "a")

    async def assert_broken(self, durable, capsys, reason):
        for _ in range(2):
            text = await rejected(inside(durable, "a", lambda box: 5))
            assert text.startswith(INTERNAL)
        assert reason in capsys.readouterr().err

    async def test_a_folder_in_its_place(self, durable, path, capsys):
        path.mkdir()
        await self.assert_broken(durable, capsys, "Is a directory")

    async def test_a_header_that_is_garbage(self, durable, path, capsys):
        await self.fill(durable)
        good = path.read_bytes()
        path.write_bytes(b"garbage garbage!" + good[16:])
        await self.assert_broken(durable, capsys, "not an SQLite database")
        path.write_bytes(good)
        found = await inside(durable, "a", lambda box: box.ctx.storage.get("k"))
        assert found == "x" * 20_000

    async def test_a_file_that_was_cut_off(self, durable, path, capsys):
        await self.fill(durable)
        path.write_bytes(path.read_bytes()[:5000])
        await self.assert_broken(durable, capsys, "shorter than its header says")

    async def test_a_file_that_breaks_while_it_is_closed_resets_the_object_at_its_next_use(
        self, durable, path
    ):
        async def use(box):
            await box.ctx.storage.get("k")

        await inside(durable, "a", lambda box: box.ctx.storage.put("k", 1))
        await inside(durable, "a", lambda box: setattr(box, "mark", True))
        container(durable).sqlite.release()
        good = path.read_bytes()
        path.write_bytes(b"garbage" * 1000)
        assert (await rejected(inside(durable, "a", use))).startswith(INTERNAL)
        path.write_bytes(good)
        assert not await inside(durable, "a", lambda box: hasattr(box, "mark"))
        assert await inside(durable, "a", lambda box: box.ctx.storage.get("k")) == 1

    async def test_pages_that_are_garbage_fail_reads_and_a_write_resets_the_object(
        self, durable, path
    ):
        async def read(box):
            assert (await rejected(raw(box).get("k"))).startswith(INTERNAL)
            box.mark = True

        async def write(box):
            await rejected(raw(box).put("k", 1))

        await self.fill(durable)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 4096))
        await inside(durable, "a", read)
        assert await inside(durable, "a", lambda box: box.mark)
        assert (await rejected(inside(durable, "a", write))).startswith(INTERNAL)
        assert not await inside(durable, "a", lambda box: hasattr(box, "mark"))


class TestDurability:
    @pytest.mark.parametrize(
        ("dev", "option", "synchronous"),
        [
            ({}, None, 2),
            ({"durability": "normal"}, None, 1),
            ({"durability": "full"}, "normal", 1),
            ({"durability": "normal"}, "full", 2),
        ],
    )
    def test_the_option_counts_before_the_file_and_full_is_the_default(
        self, tmp_path, dev, option, synchronous
    ):
        from emulator.runtime.config import load_config

        source = "class Box(DurableObject):\n    async def hello(self):\n        pass\n"
        config = load_config(write_worker(tmp_path, source, dev=dev))

        async def main():
            emulator = Emulator.from_config(config, in_memory=True, durability=option)
            async with emulator:
                await emulator.env.BOX.getByName("a").hello()
                objects = emulator.worker.namespaces["Box"]
                storage = objects.container(objects.id_from_name("a")).sqlite
                return storage._session.connection.pragma("synchronous")

        with asyncio.Runner(loop_factory=GatedLoop) as runner:
            assert runner.run(main()) == synchronous

    def test_other_words_are_refused(self):
        with pytest.raises(ConfigError, match=r'"dev.durability" to be "full" or "normal" but got'):
            parse_config(RAW | {"dev": {"durability": "max"}}, path="wrangler.toml")

    def test_the_file_says_what_is_kept(self):
        config = parse_config(
            RAW | {"dev": {"durability": "normal", "pitr": True}}, path="wrangler.toml"
        )
        assert (config.dev.durability, config.dev.pitr) == ("normal", True)
        assert parse_config(RAW, path="wrangler.toml").dev.durability == "full"
