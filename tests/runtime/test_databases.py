"""The pool of open databases in a running emulator: emulator/runtime/databases.py."""

from __future__ import annotations

import pytest

from emulator.runtime import databases
from tests.storage_runtime.inside import container, inside, inside_worker

OBJECTS = 40


def test_the_pool_fits_the_handles_of_the_process():
    assert databases.databases_max(1024) == 149
    assert databases.databases_max(64) == 8
    assert databases.databases_max(10**9) == 256
    assert databases.open_files_max() > 0


@pytest.fixture
def small_pool(monkeypatch):
    monkeypatch.setattr(databases, "OPEN_MAX", 8)


@inside_worker()
async def test_many_objects_leave_few_databases_open(small_pool, durable):
    for number in range(OBJECTS):
        await inside(durable, f"n{number}", lambda box: box.ctx.storage.put("k", 1))
        pool = container(durable, "n0").sqlite._session._databases
        assert pool.statistics().open <= 16 + 1
    await durable.clock.advance(5)
    assert pool.statistics().open <= 8
    for number in range(OBJECTS):
        found = await inside(durable, f"n{number}", lambda box: box.ctx.storage.get("k"))
        assert found == 1


@inside_worker()
async def test_a_peek_with_sqlite3_into_the_open_folder_is_refused(durable):
    import sqlite3

    from emulator.errors import StateFolderError

    await inside(durable, "a", lambda box: box.ctx.storage.put("k", 1))
    path = container(durable).sqlite.path
    with pytest.raises(StateFolderError, match=r"durable\.storage\(stub\)"):
        sqlite3.connect(path)


def test_the_folder_is_free_again_when_the_emulator_ended(worlds):
    import sqlite3
    from contextlib import closing

    from tests.storage_runtime.inside import MIGRATIONS, SOURCE

    worlds.write(SOURCE, migrations=MIGRATIONS)

    async def write(durable):
        await inside(durable, "a", lambda box: box.ctx.storage.put("k", 1))
        return container(durable).sqlite.path

    path = worlds.run(write)
    assert [p.name for p in path.parent.iterdir() if p.stem == path.stem] == [path.name]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM _cf_KV").fetchall() == [("k",)]
