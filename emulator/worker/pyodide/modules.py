"""The package `pyodide`, module by module.

Source: spec python-surface §2.1, §2.6; Pyodide's documentation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.runtime.gates import GatedLoop
from emulator.web.promises import Promise
from emulator.worker.pyodide.code import build_code
from emulator.worker.pyodide.ffi import build_ffi, build_wrappers
from emulator.worker.pyodide.http import build_http

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from emulator.runtime.worker import Worker
    from emulator.worker.compatibility import Generation

__all__ = ["pyodide_modules"]


def _webloop(module: ModuleType) -> None:
    vars(module).update(WebLoop=GatedLoop, PyodideFuture=Promise, PyodideTask=asyncio.Task)


def pyodide_modules(
    worker: Callable[[], Worker], generation: Callable[[], Generation]
) -> dict[str, Callable[[ModuleType], None]]:
    """What fills each module, by its name."""

    def package(module: ModuleType) -> None:
        vars(module).update(__version__=generation().version)

    return {
        "pyodide": package,
        "pyodide.ffi": build_ffi(worker, generation),
        "pyodide.ffi.wrappers": build_wrappers,
        "pyodide.http": build_http,
        "pyodide.code": build_code,
        "pyodide.webloop": _webloop,
    }
