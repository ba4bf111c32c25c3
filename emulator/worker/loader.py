"""Loading the worker's own modules: from its folder, each load with modules of its own.

A load keeps its modules in a table and resolves the imports of its code there, the lazy ones
inside functions too, so that two loads in one process never see each other's modules. While a
load is the newest, its modules are in `sys.modules` as well, where dataclasses, pickle and typing
look for them.

Source: spec python-surface §4 (import root); design: Reload.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import sys
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import ClassNotExportedError, WorkerLoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import CodeType, ModuleType

    from emulator.core.config import Config

    type OnSource = Callable[[bytes], None]

__all__ = ["CodeCache", "UserModules", "check_exports"]

VENDORED: Final = "python_modules"  # where pywrangler puts the packages of a worker


class CodeCache:
    """Compiled sources, by path and content. Modules are never shared: each load runs the code."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[bytes, CodeType]] = {}

    def find(self, path: str, source: bytes) -> CodeType | None:
        known = self._codes.get(path)
        return known[1] if known is not None and known[0] == source else None

    def keep(self, path: str, source: bytes, code: CodeType) -> None:
        self._codes[path] = (source, code)


class UserModules(MetaPathFinder):
    """One load of a worker's code."""

    def __init__(
        self, main: Path, on_source: OnSource | None = None, code: CodeCache | None = None
    ) -> None:
        """Args:
        on_source: is told the source of every module that is loaded, lazily too.
        code: what loads before this one compiled.
        """
        self.main = main
        self._on_source = on_source
        self._code = CodeCache() if code is None else code
        self._roots = [str(main.parent), str(main.parent / VENDORED)]
        self._candidates = frozenset(_names_in(self._roots))
        self.sources: dict[str, bytes] = {}  # every file that was read, by path; failed ones too
        self._modules: dict[str, ModuleType] = {}
        self._names: dict[str, str] = {}  # the module of a path
        self._importers: dict[str, set[str]] = {}  # who imports a module, by its name
        self._owned: dict[str, bool] = {}
        self._is_importing = False
        self._builtins = {**vars(builtins), "__import__": self._import}

    def load(self) -> ModuleType:
        """Import the main module.

        Raises:
            WorkerLoadError: its code, or code it imports, cannot be compiled or raises.
        """
        try:
            with self._installed():
                return __import__(self.main.stem)
        except (Exception, SystemExit) as exc:
            raise WorkerLoadError.from_exception(
                str(self.main), exc, root=str(self.main.parent)
            ) from exc

    def retire(self) -> None:
        """Take the modules out of `sys.modules`, if they are still this load's."""
        for name, module in self._modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

    def show(self) -> None:
        """Put the modules into `sys.modules`: a newer load has failed."""
        sys.modules.update(self._modules)

    @property
    def folders(self) -> set[str]:
        """The folders that its modules come from, or would come from."""
        return {self._roots[0], *map(os.path.dirname, tuple(self.sources))}

    def affected_by(self, paths: Iterable[str]) -> list[str]:
        """The modules of these files, and those that import them, by name."""
        found = {self._names[path] for path in paths if path in self._names}
        waiting = list(found)
        while waiting:
            importers = self._importers.get(waiting.pop(), set()) - found
            found |= importers
            waiting += importers
        return sorted(found)

    def owns(self, name: str) -> bool:
        """Whether the top-level module `name` is the worker's own."""
        if name not in self._candidates:
            return False
        found = self._owned.get(name)
        if found is None:
            spec = PathFinder.find_spec(name, self._roots)
            found = self._owned[name] = spec is not None and spec.origin is not None
        return found

    # --- imports of user code ----------------------------------------------------------------

    def _import(
        self,
        name: str,
        globals_: dict[str, Any] | None = None,
        locals_: dict[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        if level == 0 and not self.owns(name.partition(".")[0]):
            return builtins.__import__(name, globals_, locals_, fromlist, level)
        self._note_importer(name, globals_ or {}, fromlist, level)
        with self._installed():
            return builtins.__import__(name, globals_, locals_, fromlist, level)

    def _note_importer(
        self, name: str, names: dict[str, Any], fromlist: Sequence[str], level: int
    ) -> None:
        if level:
            name = importlib.util.resolve_name("." * level + name, names.get("__package__"))
        importer = names.get("__name__", "")
        for imported in (name, *(f"{name}.{member}" for member in fromlist or ())):
            self._importers.setdefault(imported, set()).add(importer)

    def _read(self, name: str, path: str, source: bytes) -> None:
        self.sources[path] = source
        self._names[path] = name
        if self._on_source is not None:
            self._on_source(source)

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """For one import: this load's modules, and no others, answer to the worker's names."""
        if self._is_importing:  # an import inside the import
            yield
            return
        self._is_importing = True
        before = {name: module for name, module in sys.modules.items() if self._is_own(name)}
        for name in before:
            del sys.modules[name]
        sys.modules.update(self._modules)
        sys.meta_path.insert(0, self)
        try:
            yield
        except BaseException:
            for name in [n for n in sys.modules if self._is_own(n)]:
                del sys.modules[name]
            sys.modules.update(before)
            raise
        else:
            self._modules = {n: m for n, m in sys.modules.items() if self._is_own(n)}
        finally:
            self._is_importing = False
            sys.meta_path.remove(self)

    def _is_own(self, name: str) -> bool:
        return self.owns(name.partition(".")[0])

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if not self._is_own(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path or self._roots, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            loader = spec.loader
            spec.loader = _UserLoader(
                loader.name, loader.path, self._builtins, self._read, self._code
            )
        return spec


class _UserLoader(SourceFileLoader):
    """Compiles a file of the worker and gives it the load's own `__import__`."""

    def __init__(
        self,
        fullname: str,
        path: str,
        names: dict[str, Any],
        on_source: Callable[[str, str, bytes], None],
        cache: CodeCache,
    ) -> None:
        super().__init__(fullname, path)
        self._names = names
        self._on_source = on_source
        self._cache = cache

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._names
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType | None:
        # Always from the source: a cached file of the same second and size would be stale.
        path = self.get_filename(fullname)
        source = self.get_data(path)
        self._on_source(fullname, path, source)
        code = self._cache.find(path, source)
        if code is None:
            code = self.source_to_code(source, path)
            self._cache.keep(path, source, code)
        return code


def _names_in(folders: Sequence[str]) -> Iterator[str]:
    """The names of the modules that folders may have: the others need not be searched for."""
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            yield from (entry.name.partition(".")[0] for entry in entries)


def check_exports(module: ModuleType, config: Config) -> None:
    """See that every class that a binding names is there.

    Raises:
        ClassNotExportedError: one is missing, or is no class.
    """
    names = dict.fromkeys(binding.class_name for binding in config.local_bindings)
    missing = [name for name in names if not isinstance(getattr(module, name, None), type)]
    if missing:
        raise ClassNotExportedError(config.main, missing)
