"""The modules that stand between the SDK and JavaScript, and when they exist.

While an emulator is active, `js`, `pyodide`, `_pyodide_entrypoint_helper` and
`_cloudflare_compat_flags` are found here, before anything that is installed; otherwise they are
not found at all, so that user code may ask "am I in a worker?" by importing `js`. The modules and
the SDK on top of them are made once per process and generation of the runtime, and put aside
between activations: a second copy of the SDK would make its `isinstance` tests fail silently.

Source: spec python-surface §0, §2.6, §6.1; design: Reload.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import EmulatorError
from emulator.worker.restrictions import Restrictions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from emulator.runtime.worker import Worker
    from emulator.worker.compatibility import Generation

__all__ = ["Activation", "Boundary", "RealPyodideError"]

_OURS: Final = ("js", "pyodide", "_pyodide_entrypoint_helper", "_cloudflare_compat_flags")
_SDK: Final = ("workers", "asgi")


class RealPyodideError(EmulatorError):
    """Pyodide's own modules were imported before the emulator could provide them."""

    def __init__(self, name: str, origin: str) -> None:
        super().__init__(
            f"The module {name} was already imported from {origin}. The emulator provides its own; "
            f"do not import {name} before it starts."
        )


class Activation:
    """One emulator for which the modules exist: its generation, and its worker once it is there."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.worker: Worker | None = None


class Boundary(MetaPathFinder, Loader):
    """The finder of the process: it holds the modules, and the emulators that are active.

    Of several active emulators the newest one's generation is importable.
    """

    def __init__(self, builders: dict[str, Callable[[ModuleType], None]]) -> None:
        self._builders = builders
        self._aside: dict[Generation, dict[str, ModuleType]] = {}
        self._displaced: dict[str, ModuleType] = {}
        self._active: list[Activation] = []
        self._restrictions = Restrictions()

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

    def activate(self, generation: Generation) -> Activation:
        """Make the modules importable, until `deactivate`.

        Raises:
            RealPyodideError: another `js` or `pyodide` is imported already.
        """
        if not self._active:
            _refuse_real_pyodide()
            self._displaced = _take(_SDK)
            self._restrictions.install()
        activation = Activation(generation)
        before = self._generation
        self._active.append(activation)
        self._exchange(before, generation)
        if sys.meta_path[0] is not self:
            sys.meta_path.remove(self)
            sys.meta_path.insert(0, self)
        return activation

    def deactivate(self, activation: Activation) -> None:
        """Undo an `activate()`."""
        before = self._generation
        self._active.remove(activation)
        self._exchange(before, self._generation)
        if not self._active:
            sys.modules.update(self._displaced)
            self._displaced = {}
            self._restrictions.lift()

    def _exchange(self, before: Generation | None, now: Generation | None) -> None:
        """Have the modules of generation `now` in `sys.modules` instead of those of `before`."""
        if before == now:
            return
        if before is not None:
            self._aside[before] = _take((*_OURS, *_SDK))
        if now is not None:
            sys.modules.update(self._aside.pop(now, {}))

    @property
    def _generation(self) -> Generation | None:
        return self._active[-1].generation if self._active else None

    @property
    def generation(self) -> Generation:
        """The generation whose modules are importable. Some emulator is active."""
        return self._active[-1].generation

    @property
    def worker(self) -> Worker | None:
        """The worker that was loaded last: what code outside every invocation belongs to."""
        return self._active[-1].worker if self._active else None

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
