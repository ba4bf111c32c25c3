"""The JavaScript boundary as one thing: its modules, and the worker they answer for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import EmulatorError
from emulator.runtime.worker import current_worker
from emulator.worker.entrypoint_helper import build_flags, build_helper
from emulator.worker.finder import Boundary
from emulator.worker.javascript.globals import build_js
from emulator.worker.pyodide.modules import pyodide_modules

if TYPE_CHECKING:
    from emulator.runtime.worker import Worker
    from emulator.worker.compatibility import Generation

__all__ = ["NoWorkerError", "open_boundary"]


class NoWorkerError(EmulatorError):
    """Something that belongs to a worker was used while none is active."""

    def __init__(self) -> None:
        super().__init__("No emulator is active: this belongs to the code of a worker.")


def open_boundary() -> Boundary:
    """The boundary of this process. It serves nothing until it is activated."""
    boundary: Boundary

    def worker() -> Worker:
        found = current_worker() or boundary.worker
        if found is None:
            raise NoWorkerError
        return found

    def generation() -> Generation:
        return boundary.generation

    boundary = Boundary.of_process(
        {
            "js": build_js(worker),
            **pyodide_modules(worker, generation),
            "_pyodide_entrypoint_helper": build_helper(worker),
            "_cloudflare_compat_flags": build_flags(worker),
        }
    )
    return boundary
