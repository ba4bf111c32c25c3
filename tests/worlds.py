"""Small workers for tests of the runtime: written on the spot, run in virtual worlds.

    @worker('''
    class Box(DurableObject):
        async def hello(self):
            return "hello"
    ''')
    async def test_it_says_hello(durable):
        assert await durable.env.BOX.getByName("a").hello() == "hello"

Every class of the source that derives from DurableObject gets a binding, named in capitals
(`Box` is `env.BOX`, `WebRoom` is `env.WEB_ROOM`). The source need not import what PRELUDE imports.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from emulator.testing.durable_objects import Durable

__all__ = ["Worlds", "start", "worker", "write_worker"]

PRELUDE: Final = """\
import asyncio
import js
from js import Date, JSON, Object, WebSocketPair, console, crypto, scheduler, setTimeout
from js import WebSocketRequestResponsePair
from pyodide.ffi import JsException, create_once_callable, create_proxy, to_js
from workers import DurableObject, Request, Response, WorkerEntrypoint
"""
# Passes every request on to the object that the path names: /box/a/rest is env.BOX, "a".
ROUTER: Final = """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        parts = request.url.split("/", 5)
        namespace = getattr(self.env, parts[3].upper())
        return await namespace.getByName(parts[4].partition("?")[0]).fetch(request.js_object)
"""
_CLASS: Final = re.compile(r"^class (\w+)\(DurableObject\):", re.MULTILINE)


def worker(source: str, **config: Any) -> pytest.MarkDecorator:
    """A mark: the test's `durable` is a world with this worker. `config` goes into its file."""
    return pytest.mark.worker(source, **config)


def start[T](work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Let `work` begin in the loop's next turn, while the test goes on."""
    return asyncio.get_running_loop().create_task(work)


def write_worker(folder: Path, source: str, **config: Any) -> Path:
    """Write worker.py and its configuration into `folder`; the configuration's path."""
    source = dedent(source)
    classes = _CLASS.findall(source)
    if "class Default(" not in source:
        source += ROUTER
    (folder / "worker.py").write_text(PRELUDE + source, encoding="utf-8")
    document = {
        "name": "test-worker",
        "main": "worker.py",
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["python_workers"],
        "durable_objects": {
            "bindings": [{"name": _binding(name), "class_name": name} for name in classes]
        },
        "migrations": [{"tag": "v1", "new_sqlite_classes": classes}],
        **config,
    }
    file = folder / "wrangler.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def _binding(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).upper()


class Worlds:
    """Worlds of one worker, one after the other on the same state: a process that is restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config_file = folder / "wrangler.json"
        self.now_ms: int | None = None  # where the last world's clock stood

    def write(self, source: str, **config: Any) -> None:
        self.config_file = write_worker(self.folder, source, **config)

    @contextmanager
    def open(self, later_s: float = 0.0) -> Iterator[tuple[Durable, asyncio.Runner]]:
        """The next world; `later_s` have passed since the one before ended."""
        from emulator.testing.virtual_time import START_MS
        from emulator.testing.world import open_world

        start_ms = START_MS if self.now_ms is None else self.now_ms + int(later_s * 1000)
        with open_world(self.config_file, state=self.state, start_ms=start_ms) as (world, runner):
            yield world, runner
            self.now_ms = world.clock.now_ms

    def run(
        self, test: Callable[[Durable], Coroutine[Any, Any, Any]], *, later_s: float = 0.0
    ) -> Any:
        """Run `test` in the next world; what it returns."""
        with self.open(later_s) as (world, runner):
            return runner.run(test(world))
