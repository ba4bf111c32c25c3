"""The three subjects: `durable` (ours), `workerd` (JavaScript) and `aiohttp` (bare).

A project names the same job three times: a config of ours, a JavaScript module with its classes,
and routes of benchmarks/aiohttp_server.py. Each start gets a new state folder.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import string
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.npm import workerd
from benchmarks.servers import Launch, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
READY: Final = re.compile(rb"Ready on http://localhost:(\d+)")
LISTENING: Final = re.compile(rb'"socket":"http","port":(\d+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One job. `objects` maps each Durable Object class to its binding, for workerd."""

    config: Path
    module: Path
    objects: Mapping[str, str]


WEBSOCKET_SERVER: Final = Project(
    config=ROOT / "wrangler_like.toml",
    module=HERE / "workerd" / "worker.mjs",
    objects={"WebSocketServer": "WEBSOCKET_SERVER"},
)


def launch_durable(project: Project, folder: Path) -> Launch:
    """Ours: the command a user would type; without a line for each request, as the others."""
    command = [sys.executable, "-m", "emulator", "dev", "-c", str(project.config)]
    return Launch(
        command=[
            *command,
            "--log-level",
            "warn",
            "--port",
            "0",
            "--persist-to",
            str(folder / "state"),
        ],
        cwd=ROOT,
        ready=READY,
    )


def launch_workerd(project: Project, folder: Path) -> Launch:
    """The runtime itself; npm's binary with a config made in the folder."""
    binary = workerd()
    module = project.module.name
    namespaces = [
        f'(className = "{name}", uniqueKey = "benchmark-{name}", enableSql = true)'
        for name in project.objects
    ]
    bindings = [
        f'(name = "{binding}", durableObjectNamespace = "{name}")'
        for name, binding in project.objects.items()
    ]
    template = string.Template((HERE / "workerd" / "config.capnp").read_text())
    config = folder / "config.capnp"
    config.write_text(
        template.substitute(
            MODULE=module, NAMESPACES=", ".join(namespaces), BINDINGS=", ".join(bindings)
        )
    )
    shutil.copy(project.module, folder / module)
    state = folder / "state"
    state.mkdir()
    options = ["--experimental", "--control-fd=1", f"--directory-path=state={state}"]
    return Launch(
        command=[str(binary), "serve", str(config), *options],
        cwd=folder,
        ready=LISTENING,
        # SIGTERM waits for open WebSockets without end; the state is thrown away anyway.
        stop_signal=signal.SIGKILL,
    )


def launch_aiohttp(project: Project, folder: Path) -> Launch:
    """The ceiling: one module serves the routes of every project."""
    del project, folder
    return Launch(
        command=[sys.executable, "-m", "benchmarks.aiohttp_server"], cwd=ROOT, ready=READY
    )


SUBJECTS: Final[Mapping[str, Callable[[Project, Path], Launch]]] = {
    "durable": launch_durable,
    "workerd": launch_workerd,
    "aiohttp": launch_aiohttp,
}


@contextlib.contextmanager
def running(subject: str, project: Project) -> Iterator[Server]:
    """A freshly started server of the subject, its folder removed afterwards.

    Raises: Skipped where the machine cannot run it, Failed where it does not start.
    """
    # The folder goes last: a server still writing would put files back.
    with tempfile.TemporaryDirectory(prefix="durable-bench-") as name:
        folder = Path(name)
        with Server(subject, SUBJECTS[subject](project, folder), folder) as server:
            yield server
