"""Loading a worker's modules: each load has its own, lazy ones too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from emulator.errors import WorkerLoadError
from emulator.worker.loader import UserModules

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """
import dataclasses
import json

from settings import NAME

@dataclasses.dataclass
class Answer:
    name: str

def lazily():
    import helper
    from package.inner import VALUE
    return helper.name(), VALUE

def late():
    from settings import NAME
    return NAME
"""


def write(folder: Path, name: str) -> Path:
    (folder / "package").mkdir(exist_ok=True)
    (folder / "entry.py").write_text(MAIN)
    (folder / "settings.py").write_text(f"NAME = {name!r}")
    (folder / "helper.py").write_text("import settings\ndef name(): return settings.NAME")
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "inner.py").write_text(f"VALUE = {name!r} * 2")
    return folder / "entry.py"


def test_two_loads_see_their_own_modules_also_lazily(tmp_path: Path) -> None:
    first = UserModules(write(tmp_path, "old"))
    old = first.load()
    second = UserModules(write(tmp_path, "new"))
    new = second.load()
    # Only now the old code imports its helper for the first time: from the files as they are.
    assert (old.NAME, new.NAME) == ("old", "new")
    assert new.lazily() == ("new", "newnew")
    assert old.late() == "old"
    assert old.lazily()[0] == "old"
    assert new.late() == "new"
    assert new.lazily() == ("new", "newnew")
    assert old.Answer is not new.Answer
    first.retire()
    second.retire()


def test_the_newest_load_is_in_sys_modules_until_it_retires(tmp_path: Path) -> None:
    first = UserModules(write(tmp_path, "old"))
    old = first.load()
    assert sys.modules["entry"] is old
    second = UserModules(write(tmp_path, "new"))
    new = second.load()
    assert sys.modules["settings"] is not old
    assert sys.modules["entry"] is new
    first.retire()
    assert sys.modules["entry"] is new
    second.retire()
    assert not {"entry", "settings"} & set(sys.modules)


def test_a_load_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    good = UserModules(write(tmp_path, "good"))
    module = good.load()
    (tmp_path / "settings.py").write_text("NAME = 1 / 0")
    with pytest.raises(WorkerLoadError, match=r"settings\.py:1: ZeroDivisionError"):
        UserModules(tmp_path / "entry.py").load()
    assert sys.modules["entry"] is module
    assert module.late() == "good"
    good.retire()


def test_what_is_not_the_workers_is_shared(tmp_path: Path) -> None:
    import json

    modules = UserModules(write(tmp_path, "a"))
    assert modules.load().json is json
    assert modules.owns("settings")
    assert not modules.owns("json")
    modules.retire()


def test_vendored_packages_are_the_workers(tmp_path: Path) -> None:
    vendored = tmp_path / "python_modules"
    vendored.mkdir()
    (vendored / "dependency.py").write_text("X = 5")
    (tmp_path / "entry.py").write_text("from dependency import X")
    modules = UserModules(tmp_path / "entry.py")
    assert modules.load().X == 5
    modules.retire()


def test_every_source_is_told_of_lazily_too(tmp_path: Path) -> None:
    seen: list[bytes] = []
    modules = UserModules(write(tmp_path, "a"), on_source=seen.append)
    module = modules.load()
    assert len(seen) == 2
    module.lazily()
    assert len(seen) == 5
    modules.retire()


def test_who_imports_what_is_known(tmp_path: Path) -> None:
    modules = UserModules(write(tmp_path, "a"))
    module = modules.load()
    assert modules.affected_by([str(tmp_path / "settings.py")]) == ["entry", "settings"]
    module.lazily()
    assert modules.affected_by([str(tmp_path / "settings.py")]) == ["entry", "helper", "settings"]
    inner = str(tmp_path / "package" / "inner.py")
    assert modules.affected_by([inner]) == ["entry", "package.inner"]
    assert modules.affected_by([str(tmp_path / "nobody.py")]) == []
    assert modules.folders == {str(tmp_path), str(tmp_path / "package")}
    modules.retire()


def test_relative_imports_are_known_too(tmp_path: Path) -> None:
    main = write(tmp_path, "a")
    (tmp_path / "package" / "outer.py").write_text("from . import inner\nfrom .inner import VALUE")
    main.write_text("import package.outer")
    modules = UserModules(main)
    modules.load()
    inner = str(tmp_path / "package" / "inner.py")
    assert modules.affected_by([inner]) == ["entry", "package.inner", "package.outer"]
    modules.retire()


def test_the_files_of_a_failed_load_are_known(tmp_path: Path) -> None:
    main = write(tmp_path, "a")
    (tmp_path / "settings.py").write_text("NAME = (")
    modules = UserModules(main)
    with pytest.raises(WorkerLoadError):
        modules.load()
    assert set(modules.sources) == {str(main), str(tmp_path / "settings.py")}
