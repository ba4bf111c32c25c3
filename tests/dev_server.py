"""`durable dev` as a child process, as a person starts it, for tests that need a real server."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: Final = Path(__file__).parent.parent
READY: Final = re.compile(r"Ready on http://localhost:(\d+)")
START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 5.0


@dataclass(slots=True)
class DevServer:
    """A running server. `log` grows by what it prints, line by line."""

    process: subprocess.Popen[str]
    port: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return "127.0.0.1"


@contextmanager
def dev_server(*options: str, config: str = "wrangler_like.toml") -> Iterator[DevServer]:
    """Starts a server on a free port with its state in memory; ends it with SIGTERM.

    Raises: AssertionError with its output if it does not get ready in START_TIMEOUT_S, or does not
    end in STOP_TIMEOUT_S after the signal.
    """
    command = [sys.executable, "-m", "emulator", "dev", "-c", config, "--port", "0"]
    process = subprocess.Popen(
        [*command, *(options or ("--in-memory",))],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = DevServer(process)
    ready: queue.SimpleQueue[int] = queue.SimpleQueue()
    assert process.stdout is not None, "the pipe was asked for"
    # The pipe is emptied all the time: a full one would stop the server.
    pump = threading.Thread(target=_pump, args=(process.stdout, server.log, ready))
    pump.start()
    try:
        server.port = _wait_port(ready, server)
        yield server
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
        pump.join()
        process.stdout.close()


def _wait_port(ready: queue.SimpleQueue[int], server: DevServer) -> int:
    try:
        port = ready.get(timeout=START_TIMEOUT_S)
    except queue.Empty:
        port = 0
    assert port, "the server did not get ready:\n" + "".join(server.log)
    return port


def _pump(output: IO[str], log: list[str], ready: queue.SimpleQueue[int]) -> None:
    for line in output:
        log.append(line)
        found = READY.search(line)
        if found is not None:
            ready.put(int(found[1]))
    ready.put(0)  # It has ended: whoever still waits for the port need wait no longer.
