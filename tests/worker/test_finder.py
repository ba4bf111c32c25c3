"""When the boundary's modules exist, and whose they are."""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from emulator.worker.boundary import NoWorkerError, open_boundary
from emulator.worker.compatibility import MIDDLE, NEWEST
from emulator.worker.finder import RealPyodideError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.worker.compatibility import Generation
    from emulator.worker.finder import Activation

OURS = ("js", "pyodide", "pyodide.ffi", "_pyodide_entrypoint_helper", "_cloudflare_compat_flags")


@contextmanager
def active(generation: Generation = NEWEST) -> Iterator[Activation]:
    boundary = open_boundary()
    activation = boundary.activate(generation)
    try:
        yield activation
    finally:
        boundary.deactivate(activation)


@pytest.mark.parametrize("name", OURS)
def test_outside_an_emulator_the_modules_do_not_exist(name: str) -> None:
    open_boundary()
    with pytest.raises(
        ModuleNotFoundError, match=f"No module named '{name.split('.', maxsplit=1)[0]}'"
    ):
        importlib.import_module(name)
    with active():
        assert importlib.import_module(name).__name__ == name
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_the_same_modules_come_back() -> None:
    with active():
        first = importlib.import_module("js"), importlib.import_module("workers")
    assert "workers" not in sys.modules
    with active():
        assert (importlib.import_module("js"), importlib.import_module("workers")) == first
        with active():
            assert importlib.import_module("js") is first[0]


def test_each_generation_has_its_own() -> None:
    with active(NEWEST):
        newest = importlib.import_module("pyodide")
        assert newest.__version__ == "314.0.7"
        sdk = importlib.import_module("workers")
        with active(MIDDLE):
            assert importlib.import_module("pyodide").__version__ == "0.28.2"
            assert importlib.import_module("workers") is not sdk
        assert importlib.import_module("pyodide") is newest
        assert importlib.import_module("workers") is sdk


def test_emulators_may_end_in_any_order() -> None:
    boundary = open_boundary()
    first, second = boundary.activate(NEWEST), boundary.activate(NEWEST)
    boundary.deactivate(first)
    assert importlib.import_module("js").__name__ == "js"
    boundary.deactivate(second)
    assert "js" not in sys.modules


def test_an_installed_pyodide_is_shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "pyodide"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = 'installed'")
    (package / "ffi.py").write_text("def to_js(value): return value")
    (tmp_path / "js.py").write_text("fetch = None")
    monkeypatch.syspath_prepend(str(tmp_path))
    with active():
        assert importlib.import_module("pyodide").__version__ == "314.0.7"
        assert importlib.import_module("pyodide.ffi").to_js([1]).to_py() == [1]
        assert importlib.import_module("js").fetch is not None


@pytest.mark.parametrize("name", ["js", "pyodide", "pyodide.ffi"])
def test_a_pyodide_that_was_imported_before_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType(name)
    module.__file__ = "/site-packages/real.py"
    monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(RealPyodideError) as caught, active():
        pass
    assert str(caught.value) == (
        f"The module {name} was already imported from /site-packages/real.py. The emulator "
        f"provides its own; do not import {name} before it starts."
    )


def test_what_belongs_to_a_worker_says_so_where_there_is_none() -> None:
    with active():
        js = importlib.import_module("js")
        with pytest.raises(NoWorkerError, match="No emulator is active"):
            js.Date.now()
    flags = open_boundary()
    assert flags.worker is None


def test_threads_are_refused_to_worker_code_only() -> None:
    start = threading.Thread.start
    with active():
        assert threading.Thread.start is not start
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
    assert threading.Thread.start is start


async def test_libraries_of_the_emulator_have_their_threads() -> None:
    from contextvars import copy_context

    from emulator.runtime.worker import current_request

    def inside(name: str) -> str:
        current_request.set("an invocation")  # type: ignore[arg-type]
        names: dict[str, Any] = {"__name__": name, "threading": threading}
        exec(  # a frame of a module with that name
            "def run():\n"
            "    thread = threading.Thread(target=lambda: None)\n"
            "    try:\n"
            "        thread.start()\n"
            "    except RuntimeError as exc:\n"
            "        return str(exc)\n"
            "    thread.join()\n"
            "    return 'ran'\n",
            names,
        )
        return str(names["run"]())

    with active():
        assert copy_context().run(inside, "aiosqlite.core") == "ran"
        with pytest.warns(UserWarning, match="no threads"):
            assert copy_context().run(inside, "anyio.to_thread") == "can't start new thread"
