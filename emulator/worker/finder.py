"""The four modules that stand between the SDK and JavaScript, and when they exist.

While an emulator is active, `js`, `pyodide`, `_pyodide_entrypoint_helper` and
`_cloudflare_compat_flags` are found here, before anything that is installed; otherwise they are
not found at all, so that user code may ask "am I in a worker?" by importing `js`. The modules and
the SDK on top of them are made once per process and put aside between activations: a second copy
of the SDK would make its `isinstance` tests fail silently.

Source: spec python-surface §0, §6.1; design: Reload.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from emulator.runtime.worker import Worker

__all__ = ["Boundary", "RealPyodideError"]

_OURS: Final = ("js", "pyodide", "_pyodide_entrypoint_helper", "_cloudflare_compat_flags")
_SDK: Final = ("workers", "asgi")


class RealPyodideError(EmulatorError):
    """Pyodide's own modules were imported before the emulator could provide them."""

    def __init__(self, name: str, origin: str) -> None:
        super().__init__(
            f"The module {name} was already imported from {origin}. The emulator provides its own; "
            f"do not import {name} before it starts."
        )


class Boundary(MetaPathFinder, Loader):
    """The finder of the process: it holds the modules, and the workers that are active."""

    def __init__(self, builders: dict[str, Callable[[ModuleType], None]]) -> None:
        self._builders = builders
        self._aside: dict[str, ModuleType] = {}
        self._displaced: dict[str, ModuleType] = {}
        self._active: list[Worker | None] = []

    @classmethod
    def of_process(cls, builders: dict[str, Callable[[ModuleType], None]]) -> Boundary:
        """The one boundary of this process, made on first use."""
        for finder in sys.meta_path:
            if isinstance(finder, cls):
                return finder
        boundary = cls(builders)
        sys.meta_path.insert(0, boundary)
        return boundary

    # --- activation ------------------------------------------------------------------------

    def activate(self) -> None:
        """Make the modules importable.

        Raises:
            RealPyodideError: another `js` or `pyodide` is imported already.
        """
        if not self._active:
            _refuse_real_pyodide()
            self._displaced = _take(_SDK)
            sys.modules.update(self._aside)
            self._aside = {}
        self._active.append(None)
        if sys.meta_path[0] is not self:
            sys.meta_path.remove(self)
            sys.meta_path.insert(0, self)

    def deactivate(self) -> None:
        """Undo one `activate()`."""
        self._active.pop()
        if not self._active:
            self._aside = _take((*_OURS, *_SDK))
            sys.modules.update(self._displaced)
            self._displaced = {}

    @property
    def worker(self) -> Worker | None:
        """The worker that was loaded last: what code outside every invocation belongs to."""
        return self._active[-1] if self._active else None

    @worker.setter
    def worker(self, worker: Worker) -> None:
        self._active[-1] = worker

    # --- the import system -----------------------------------------------------------------

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        del path, target
        if not self._active or fullname not in self._builders:
            return None
        is_package = any(name.startswith(f"{fullname}.") for name in self._builders)
        return ModuleSpec(fullname, self, origin="durable emulator", is_package=is_package)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        del spec
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._builders[module.__name__](module)


def _belongs(name: str, families: Sequence[str]) -> bool:
    return name.partition(".")[0] in families


def _take(families: Sequence[str]) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if _belongs(name, families)]
    return {name: sys.modules.pop(name) for name in names}


def _refuse_real_pyodide() -> None:
    for name in ("js", "pyodide", "pyodide.ffi"):
        found = sys.modules.get(name)
        if found is not None:
            raise RealPyodideError(name, str(getattr(found, "__file__", None) or "elsewhere"))
