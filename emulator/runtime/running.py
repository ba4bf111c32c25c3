"""Which server runs on a state folder: a file beside the notebook, `server.json`.

It is written when the server accepts connections and removed when it stops. A server that was
killed leaves it; its process is gone then, so the file is stale.

Proof: tests/runtime/test_running.py.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunningServer", "announce", "find_running", "withdraw"]

NAME: Final = "server.json"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that said it runs. Another process may have its number by now: ask it."""

    pid: int
    url: str


def announce(folder: Path, server: RunningServer) -> None:
    """Write the file. A folder that cannot be written has none, which nobody depends on."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{NAME}.{server.pid}"
        draft.write_text(json.dumps({"pid": server.pid, "url": server.url}), encoding="utf-8")
        draft.replace(folder / NAME)


def withdraw(folder: Path, pid: int) -> None:
    """Remove the file, if it is this process's."""
    found = _read(folder)
    if found is not None and found.pid == pid:
        with contextlib.suppress(OSError):
            (folder / NAME).unlink()


def find_running(folder: Path) -> RunningServer | None:
    """The server, None if there is no file or its process is gone."""
    found = _read(folder)
    return found if found is not None and _is_alive(found.pid) else None


def _read(folder: Path) -> RunningServer | None:
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return RunningServer(int(told["pid"]), str(told["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except OSError:
        return False
    return True
