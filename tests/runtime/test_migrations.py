"""Migrations on stored objects: emulators that start one after the other on one state folder."""

from __future__ import annotations

import json
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from emulator.assembly import Emulator, run
from emulator.cli.main import durable
from emulator.errors import StateFolderError
from emulator.runtime.clock import SystemClock
from emulator.runtime.config import catalog_file, load_config, state_folder
from emulator.runtime.migrations import Migrations, class_keys
from emulator.storage.layout import StateLayout
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from emulator.core.config import Config
    from emulator.core.events import Event

BODY = """
class {0}(DurableObject):
    async def add(self):
        value = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", value)
        return value

    async def hex(self):
        return str(self.ctx.id)

    async def wake_at(self, ms):
        await self.ctx.storage.setAlarm(ms)

    async def alarm_ms(self):
        return await self.ctx.storage.getAlarm()

    async def alarm(self):
        pass
"""
NEW = {"tag": "v1", "new_sqlite_classes": ["Counter"]}
RENAMED = {"tag": "v2", "renamed_classes": [{"from": "Counter", "to": "Count"}]}
DELETED = {"tag": "v2", "deleted_classes": ["Counter"]}


def project(folder: Path, class_name: str, *migrations: Any, **more: Any) -> Config:
    """A worker with one class; its state is that of the last one in this folder."""
    folder.mkdir(exist_ok=True)
    source = BODY.format(class_name)
    return load_config(write_worker(folder, source, migrations=list(migrations), **more))


def during[T](
    config: Config, work: Callable[[Emulator], Coroutine[Any, Any, T]], **options: Any
) -> tuple[T, list[str]]:
    """What `work` returns, and what was told of migrations meanwhile."""
    events: list[Event] = []

    async def main() -> T:
        async with Emulator.from_config(config, listener=events.append, **options) as emulator:
            return await work(emulator)

    result = run(main())
    return result, [getattr(e, "text", "") for e in events if type(e).__name__ == "StateMigrated"]


async def count_as_counter(emulator: Emulator) -> Any:
    stub = emulator.env.COUNTER.getByName("a")
    await stub.wake_at(4_000_000_000_000)
    return await stub.add(), await stub.hex()


async def count_as_count(emulator: Emulator) -> Any:
    stub = emulator.env.COUNT.getByName("a")
    same = emulator.env.COUNT.get(emulator.env.COUNT.idFromString(await stub.hex()))
    return await same.add(), await stub.hex(), await stub.alarm_ms()


def keys_on_disk(config: Config) -> list[str]:
    return StateLayout(state_folder(config)).unique_keys()


def notebook(config: Config) -> sqlite3.Connection:
    return sqlite3.connect(catalog_file(config))


def test_a_renamed_class_keeps_its_objects_their_ids_and_alarms(tmp_path: Path) -> None:
    (_, hex_id), told = during(project(tmp_path, "Counter", NEW), count_as_counter)
    assert told == []
    config = project(tmp_path, "Count", NEW, RENAMED)
    found, told = during(config, count_as_count)
    assert found == (2, hex_id, 4_000_000_000_000)
    assert told == ["Migration v2 of test-worker: Counter is now Count, with 1 object"]
    found, told = during(config, count_as_count)
    assert (found[0], told) == (3, [])


def test_the_record_is_in_the_notebook(tmp_path: Path) -> None:
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    config = project(tmp_path, "Count", NEW, RENAMED)
    during(config, count_as_count)
    with notebook(config) as connection:
        rows = connection.execute("SELECT tag, changes FROM migrations ORDER BY tag").fetchall()
        objects = connection.execute("SELECT class_name, name FROM objects").fetchall()
    connection.close()
    assert rows == [("v1", ""), ("v2", "Counter is now Count, with 1 object")]
    assert objects == [("Count", "a")]
    assert run(class_keys(catalog_file(config))) == {
        ("test-worker", "Count"): "test-worker-Counter"
    }


def test_a_renamed_class_is_listed_by_its_new_name_when_nothing_runs(tmp_path: Path) -> None:
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    config = project(tmp_path, "Count", NEW, RENAMED)
    during(config, count_as_count)
    root = state_folder(config).parent.parent
    for arguments in (["ls", "Count"], ["show", "Count", "a"]):
        found = CliRunner().invoke(durable, ["objects", "--persist-to", str(root), *arguments])
        assert found.exit_code == 0, found.output
        assert found.output.count("Count ") == 1
    found = CliRunner().invoke(durable, ["objects", "--persist-to", str(root), "ls", "Counter"])
    assert found.exit_code != 0


def test_a_deleted_class_takes_its_files_along(tmp_path: Path) -> None:
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    config = project(tmp_path, "Other", NEW, DELETED, {"tag": "v3", "new_classes": ["Other"]})

    async def nothing(_emulator: Emulator) -> None:
        return None

    _, told = during(config, nothing)
    assert told == ["Migration v2 of test-worker: Counter is deleted, with 1 object"]
    assert keys_on_disk(config) == ["test-worker-Other"]
    with notebook(config) as connection:
        assert connection.execute("SELECT * FROM objects").fetchall() == []
        assert connection.execute("SELECT * FROM doomed").fetchall() == []
    connection.close()


def test_a_class_comes_from_another_worker_with_its_objects(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    old = project(tmp_path / "old", "Counter", NEW, name="other")
    (_, hex_id), _ = during(old, count_as_counter, persist_to=kept)
    transfer = {"from": "Counter", "from_script": "other", "to": "Count"}
    new = project(tmp_path / "new", "Count", {"tag": "v1", "transferred_classes": [transfer]})
    found, told = during(new, count_as_count, persist_to=kept)
    assert found[:2] == (2, hex_id)
    assert told == ["Migration v1 of test-worker: Counter of other is now Count, with 1 object"]


def test_exports_rename_too(tmp_path: Path) -> None:
    live = {"type": "durable-object", "storage": "sqlite"}
    exported = {"Counter": live}
    (_, hex_id), _ = during(load_config(_exports(tmp_path, "Counter", exported)), count_as_counter)
    renamed = {"Count": live, "Counter": {**live, "state": "renamed", "renamed_to": "Count"}}
    config = load_config(_exports(tmp_path, "Count", renamed))
    assert during(config, count_as_count)[0][:2] == (2, hex_id)
    assert during(config, count_as_count)[0][:2] == (3, hex_id)


def _exports(folder: Path, class_name: str, exports: Any) -> Path:
    path = write_worker(folder, BODY.format(class_name), exports=exports)
    document = json.loads(path.read_text())
    del document["migrations"]
    path.write_text(json.dumps(document))
    return path


def test_a_folder_without_a_record_is_migrated_too(tmp_path: Path) -> None:
    """As it comes from wrangler, or from a colleague without the notebook."""
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    config = project(tmp_path, "Count", NEW, RENAMED)
    shutil.rmtree(catalog_file(config).parent)
    assert during(config, count_as_count)[0][0] == 2
    shutil.rmtree(catalog_file(config).parent)
    assert during(config, count_as_count)[0][0] == 3


def migrations(config: Config) -> Migrations:
    return Migrations(
        configs=[config],
        folder=state_folder(config),
        notebook=catalog_file(config),
        clock=SystemClock(),
    )


def test_a_plan_touches_nothing(tmp_path: Path) -> None:
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    config = project(tmp_path, "Other", NEW, DELETED, {"tag": "v3", "new_classes": ["Other"]})
    before = sorted(str(path) for path in tmp_path.rglob("*.sqlite"))
    for _ in range(2):
        plan = run(migrations(config).plan())
        assert [change.text for change in plan.changes] == ["Counter is deleted, with 1 object"]
    assert sorted(str(path) for path in tmp_path.rglob("*.sqlite")) == before
    shutil.rmtree(catalog_file(config).parent)
    assert run(migrations(config).plan()).doomed == ("test-worker-Counter",)
    assert not catalog_file(config).exists()


def test_what_a_crash_left_undone_is_done_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies when half of a doomed folder is gone; then the class is born again."""
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    doomed = project(tmp_path, "Other", NEW, DELETED, {"tag": "v3", "new_classes": ["Other"]})

    def die(layout: StateLayout, key: str) -> None:
        layout.metadata_file(key).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StateLayout, "remove_class", die)
        with pytest.raises(KeyboardInterrupt):
            run(migrations(doomed).apply())
    assert run(migrations(doomed).plan()).changes == ()
    reborn = {"tag": "v4", "new_sqlite_classes": ["Counter"]}
    config = project(
        tmp_path, "Counter", NEW, DELETED, {"tag": "v3", "new_classes": ["Other"]}, reborn
    )
    assert during(config, count_as_counter)[0][0] == 1


def test_a_crash_before_the_record_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(project(tmp_path, "Counter", NEW), count_as_counter)
    config = project(tmp_path, "Count", NEW, RENAMED)

    async def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Migrations, "_rename_objects", die)
        with pytest.raises(KeyboardInterrupt):
            run(migrations(config).apply())
    assert run(class_keys(catalog_file(config))) == {}
    assert during(config, count_as_count)[0][0] == 2


def test_a_notebook_that_is_none_is_told(tmp_path: Path) -> None:
    config = project(tmp_path, "Count", NEW, RENAMED)
    catalog_file(config).parent.mkdir(parents=True)
    catalog_file(config).write_text("not a database, " * 100)
    with pytest.raises(StateFolderError, match="the record of migrations cannot be used"):
        run(migrations(config).apply())


def test_without_anything_to_move_no_notebook_is_opened_at_the_start(tmp_path: Path) -> None:
    config = project(tmp_path, "Counter", NEW)
    assert migrations(config).are_idle()
    during(config, count_as_counter)
    assert migrations(config).are_idle()
    assert not migrations(project(tmp_path, "Count", NEW, RENAMED)).are_idle()
    assert not migrations(
        project(tmp_path, "Count", {"tag": "v1", "new_sqlite_classes": ["Count"]})
    ).are_idle()


def test_a_running_server_does_not_move_objects(tmp_path: Path) -> None:
    config = project(tmp_path, "Counter", NEW)
    renamed = project(tmp_path, "Count", NEW, RENAMED)
    project(tmp_path, "Counter", NEW)

    async def reload(emulator: Emulator) -> None:
        with pytest.raises(StateFolderError, match="Stop `durable dev` and start it again"):
            emulator.reload([renamed], [], "deploy")
        assert (await count_as_counter(emulator))[0] == 1

    during(config, reload)
