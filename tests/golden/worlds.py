"""Runs a probe as a worker of the emulator and gives its answer.

The process is made like the one that was recorded: its working directory and environment variables
are the process's and not the emulator's, and a probe that prints them shall find the recorded ones.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RECORDINGS", "Recording", "answer"]

FOLDER: Final = Path(__file__).parent / "recordings"


@dataclass(frozen=True, slots=True)
class Recording:
    """One answer of the real runtime: the program, the path it was asked, the file it went to."""

    name: str
    probe: str
    path: str

    @property
    def expected(self) -> str:
        return (FOLDER / f"expected_{self.name}.txt").read_text(encoding="utf-8")


RECORDINGS: Final = (
    Recording("run", "probe_main.py", "/run"),
    Recording("sql", "probe_main.py", "/sql"),
    Recording("misc", "probe_main.py", "/misc"),
    Recording("ws", "probe_main.py", "/ws"),
    Recording("sockets_alarms", "probe_sockets_alarms.py", "/"),
)

# The configuration that the recordings were made with (recordings/README.md).
CONFIG: Final[dict[str, Any]] = {
    "name": "golden",
    "main": "entry.py",
    "compatibility_date": "2026-08-01",
    # The recordings are Pyodide 314's, which by date alone comes a month later.
    "compatibility_flags": ["python_workers", "python_workers_314"],
    "durable_objects": {"bindings": [{"name": "PROBE", "class_name": "ProbeDO"}]},
    "migrations": [{"tag": "v1", "new_sqlite_classes": ["ProbeDO"]}],
    "vars": {"MSG": "hi", "CFG": {"a": [1, 2]}},
}


PROGRAM: Final = "session/metadata"  # where the runtime keeps the program
ENVIRONMENT: Final = {
    "USER": "web_user",
    "LOGNAME": "web_user",
    "PATH": "/",
    "PWD": "/",
    "HOME": "/session",
    "LANG": "en.UTF-8",
    "_": "./this.program",
    "PYTHONHASHSEED": "111",
}


@contextmanager
def recorded_process() -> Iterator[None]:
    """The working directory and the environment variables of the recorded process."""
    folder, variables = os.getcwd(), dict(os.environ)
    os.chdir("/")
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)


def answer(recording: Recording, folder: Path) -> str:
    """What the emulator answers. `folder` is empty and takes the program and its configuration."""
    from emulator.testing.world import open_world

    program = folder / PROGRAM
    program.mkdir(parents=True)
    shutil.copyfile(FOLDER / recording.probe, program / "entry.py")
    file = program / "wrangler.json"
    file.write_text(json.dumps(CONFIG), encoding="utf-8")

    async def ask() -> str:
        response = await world.fetch(recording.path)
        text: str = await response.text()
        return text.replace(str(folder), "")

    with recorded_process(), open_world(file) as (world, runner):
        return runner.run(ask())
