"""Reloading a worker: all or nothing, in one turn (emulator/worker/code.py)."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.core.config import Binding
from emulator.errors import ClassNotExportedError, WorkerLoadError
from tests.worlds import worker

if TYPE_CHECKING:
    from emulator.core.config import Config
    from emulator.testing.durable_objects import Durable

BOX = """
VERSION = 1

class Box(DurableObject):
    async def version(self):
        return VERSION

    async def greeting(self):
        return self.env.GREETING

    async def put(self, value):
        await self.ctx.storage.put("value", value)

    async def get(self):
        return await self.ctx.storage.get("value")

class Lid(DurableObject):
    async def greeting(self):
        return self.env.GREETING

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{VERSION} {getattr(self.env, 'GREETING', None)}")
"""


def edit(durable: Durable, old: str, new: str) -> list[str]:
    path = durable.emulator.modules[0].main
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))
    return [str(path)]


def reload(durable: Durable, changed: list[str], config: Config | None = None) -> None:
    emulator = durable.emulator
    emulator.reload([config or emulator.config], changed, "deploy")


async def answer(durable: Durable) -> str:
    text: str = await (await durable.fetch("/")).text()
    return text


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("VERSION = 1", "VERSION = 1 / 0", WorkerLoadError),
        ("VERSION = 1", "VERSION = (", WorkerLoadError),
        ("VERSION = 1", "import not_there", WorkerLoadError),
        ("class Lid(", "class Cap(", ClassNotExportedError),
    ],
)
@worker(BOX, vars={"GREETING": "hi"})
async def test_code_that_does_not_load_changes_nothing(
    durable: Durable, old: str, new: str, error: type[Exception]
) -> None:
    stub = durable.env.BOX.getByName("a")
    await stub.put(1)
    module = sys.modules["worker"]
    changed = edit(durable, old, new)
    with pytest.raises(error):
        reload(durable, changed, replace(durable.emulator.config, vars={"GREETING": "ho"}))
    assert sys.modules["worker"] is module
    assert await answer(durable) == "1 hi"
    assert (await stub.get(), await stub.greeting()) == (1, "hi")
    assert durable.generation(stub) == 1
    # The files of the failed attempt are there to be watched.
    assert len(durable.emulator.modules) == 2
    reload(durable, edit(durable, new, old))
    assert len(durable.emulator.modules) == 1


@worker(BOX, vars={"GREETING": "hi"})
async def test_new_variables_are_there_for_everybody(durable: Durable) -> None:
    assert await durable.env.BOX.getByName("a").greeting() == "hi"
    reload(durable, [], replace(durable.emulator.config, vars={"GREETING": "ho"}))
    assert await durable.env.BOX.getByName("a").greeting() == "ho"
    assert await answer(durable) == "1 ho"


@worker(BOX)
async def test_a_new_class_gets_its_binding_and_the_others_keep_their_objects(
    durable: Durable,
) -> None:
    await durable.env.BOX.getByName("a").put("kept")
    config = durable.emulator.config
    lid = "class Lid(DurableObject):"
    changed = edit(
        durable, lid, f"class Hat(DurableObject):\n    async def color(self): return 'red'\n\n{lid}"
    )
    config = replace(
        config,
        bindings=(*config.bindings, Binding(name="HAT", class_name="Hat")),
        classes={**config.classes, "Hat": "sqlite"},
    )
    boxes = durable.emulator.worker.namespaces["Box"]
    reload(durable, changed, config)
    assert await durable.env.HAT.getByName("a").color() == "red"
    assert await durable.env.BOX.getByName("a").get() == "kept"
    assert durable.emulator.worker.namespaces["Box"] is boxes


@worker(BOX)
async def test_a_class_that_is_no_longer_bound_ends(durable: Durable) -> None:
    client_of_lid = durable.env.LID.getByName("a")
    config = durable.emulator.config
    kept = tuple(b for b in config.bindings if b.class_name == "Box")
    config = replace(config, bindings=kept, classes={"Box": "sqlite"})
    reload(durable, [], config)
    assert list(durable.emulator.worker.namespaces) == ["Box"]
    assert not hasattr(durable.env, "LID")
    del client_of_lid


@worker(BOX)
async def test_a_helper_names_the_modules_that_it_is_used_by(durable: Durable) -> None:
    folder = Path(durable.emulator.modules[0].main).parent
    (folder / "helper.py").write_text("VALUE = 5")
    reload(durable, edit(durable, "VERSION = 1", "from helper import VALUE as VERSION"))
    assert await answer(durable) == "5 None"
    (folder / "helper.py").write_text("VALUE = 6")
    emulator = durable.emulator
    done = emulator.reload([emulator.config], [str(folder / "helper.py")], "deploy")
    assert done.modules == ("helper", "worker")
    assert await answer(durable) == "6 None"


@worker(BOX)
async def test_a_file_that_is_nobody_s_reloads_nothing(durable: Durable) -> None:
    emulator = durable.emulator
    module = sys.modules["worker"]
    assert emulator.reload([emulator.config], ["/elsewhere.py"], "deploy").modules == ()
    assert sys.modules["worker"] is module
