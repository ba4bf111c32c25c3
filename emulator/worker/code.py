"""The code of the workers: loaded, bound to its classes, and exchanged for newer code.

Invariants, proved in tests/worker/test_reload.py:

  W1  A reload is all or nothing: if any code does not load, everything is as it was.
  W2  It happens within one turn of the loop: no event sees one half of it.
  W3  A class whose name and storage stay the same keeps its namespace, and so its objects.

Source: design: Reload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.values import error
from emulator.runtime.config import main_path
from emulator.runtime.namespace import Namespace
from emulator.worker.compatibility import handler_prefix
from emulator.worker.entrypoint import PythonEntrypoint, PythonObjectClass
from emulator.worker.env import build_env, build_exports
from emulator.worker.loader import UserModules, check_exports
from emulator.worker.pyodide.stacks import find_run_sync
from emulator.worker.restrictions import watched_entropy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from types import ModuleType

    from emulator.core.config import Config
    from emulator.runtime.namespace import StorageOptions
    from emulator.runtime.reload import ReloadMode, Replaced
    from emulator.runtime.worker import Worker
    from emulator.worker.finder import Activation
    from emulator.worker.loader import CodeCache
    from emulator.worker.sdk import Sdk

__all__ = ["Codes", "Reloaded", "WorkerCode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload did: the modules that are new because of it, by name, and the objects."""

    modules: tuple[str, ...]
    objects: Replaced


class WorkerCode:
    """One worker's code, and the namespaces of its classes: known by name first, bound later."""

    def __init__(
        self, worker: Worker, sdk: Sdk, storage: StorageOptions, cache: CodeCache | None
    ) -> None:
        self.worker = worker
        self.modules: UserModules | None = None
        self._sdk = sdk
        self._storage = storage
        self._cache = cache

    def declare(self) -> None:
        """Make the namespaces of the configuration, and keep those that fit it."""
        worker, config = self.worker, self.worker.config
        known = worker.namespaces
        names = {b.class_name for b in config.local_bindings} | set(config.classes)
        worker.namespaces = {}
        for name in sorted(names):
            kept = known.get(name)
            if kept is None or not kept.fits(config):
                kept = Namespace(
                    worker=worker,
                    class_name=name,
                    has_sql=config.storage_of(name) == "sqlite",
                    storage=self._storage,
                )
            worker.namespaces[name] = kept

    def load(self) -> ModuleType:
        """Run the worker's code. Nothing is bound to it yet.

        Raises: WorkerLoadError.
        """
        worker = self.worker
        main = main_path(worker.config)
        modules = UserModules(
            main, on_source=lambda source: find_run_sync(worker, source), code=self._cache
        )
        self.modules = modules  # also if it fails: its files are those to watch
        with watched_entropy(worker.host, str(main.parent)):
            module = modules.load()
        try:
            check_exports(module, worker.config)
        except BaseException:
            modules.retire()
            raise
        return module

    def bind(self, module: ModuleType) -> None:
        """From now on events are answered by this code."""
        worker, sdk = self.worker, self._sdk
        prefix = handler_prefix(worker.config)
        for name, namespace in worker.namespaces.items():
            found = getattr(module, name, None)
            if isinstance(found, type):
                namespace.object_class = PythonObjectClass(name, found, sdk, worker, prefix)
        worker.entrypoint = PythonEntrypoint(module, sdk, worker)
        worker.entrypoints = {
            name: PythonEntrypoint(module, sdk, worker, name)
            for name, value in vars(module).items()
            if name != "Default" and sdk.is_entrypoint(value)
        }
        worker.facet_classes = {
            name: PythonObjectClass(name, value, sdk, worker, prefix)
            for name, value in vars(module).items()
            if name not in worker.namespaces and sdk.is_object_class(value)
        }
        worker.exports = build_exports(worker)


class Codes:
    """The code of all workers of one emulator."""

    def __init__(self, codes: Sequence[WorkerCode], activation: Activation) -> None:
        self._codes = codes
        self._activation = activation
        self._failed: list[UserModules] = []  # of the last reload, if it failed

    @property
    def workers(self) -> dict[str, Worker]:
        return {code.worker.name: code.worker for code in self._codes}

    @property
    def modules(self) -> list[UserModules]:
        return [code.modules for code in self._codes if code.modules is not None]

    @property
    def failed(self) -> list[UserModules]:
        """What the last reload tried to load, if that failed."""
        return self._failed

    def start(self) -> None:
        """Load everything for the first time. Raises: WorkerLoadError."""
        for code in self._codes:
            code.declare()
        self._build_envs()
        self._load(self._codes)
        for code in self._codes:
            for namespace in code.worker.namespaces.values():
                namespace.alarms.start()

    def close(self) -> None:
        for code in reversed(self._codes):
            if code.modules is not None:
                code.modules.retire()
            code.worker.close()

    def reload(
        self, configs: Sequence[Config], changed: Collection[str], mode: ReloadMode
    ) -> Reloaded:
        """See Emulator.reload (W1, W2)."""
        before = [_Snapshot(code) for code in self._codes]
        known = [code.modules for code in self._codes]
        is_reconfigured = any(a.config != b for a, b in zip(before, configs, strict=True))
        if is_reconfigured or self._failed:  # what repairs it need not be what broke it
            codes = list(self._codes)
        else:
            codes = [code for code in self._codes if _is_affected(code, changed)]
        for code in codes:
            if code.modules is not None:
                code.modules.retire()  # a file that is deleted is not to be found any more
        try:
            if len(codes) == len(self._codes):
                self._configure(configs)
            self._load(codes)
        except BaseException:
            self._failed = [
                code.modules
                for code, old in zip(self._codes, known, strict=True)
                if code.modules is not None and code.modules is not old
            ]
            for one in before:
                one.restore()
            self._activation.worker = self._codes[0].worker
            raise
        self._failed = []
        for one in before:
            one.let_go()
        modules = [name for code in codes for name in _affected(code, changed)]
        return Reloaded(modules=tuple(modules), objects=_replace(codes, mode))

    def _configure(self, configs: Sequence[Config]) -> None:
        for code, config in zip(self._codes, configs, strict=True):
            code.worker.configure(config)
            code.declare()
        self._build_envs()

    def _build_envs(self) -> None:
        workers = self.workers
        for worker in workers.values():
            worker.assets = None
            worker.env = build_env(worker, workers)

    def _load(self, codes: Sequence[WorkerCode]) -> None:
        modules = []
        for code in codes[::-1]:  # the first one's code runs last: it may use the others
            self._activation.worker = code.worker
            modules.append((code, code.load()))
        self._activation.worker = self._codes[0].worker
        for code, module in modules:
            code.bind(module)


class _Snapshot:
    """A worker before a reload."""

    def __init__(self, code: WorkerCode) -> None:
        worker = code.worker
        self.config = worker.config
        self._code = code
        self._modules = code.modules
        self._namespaces = worker.namespaces
        self._parts: dict[str, Any] = {"env": worker.env, "assets": worker.assets}

    def restore(self) -> None:
        """The reload failed: what it made goes."""
        code, worker = self._code, self._code.worker
        if code.modules is not self._modules and code.modules is not None:
            code.modules.retire()
        if self._modules is not None:
            self._modules.show()
        code.modules = self._modules
        made, worker.namespaces = worker.namespaces, self._namespaces
        worker.configure(self.config)
        for name, value in self._parts.items():
            setattr(worker, name, value)
        _end(set(made.values()) - set(self._namespaces.values()))

    def let_go(self) -> None:
        """The reload succeeded: what it replaced goes, what it made begins."""
        code, worker = self._code, self._code.worker
        if code.modules is not self._modules and self._modules is not None:
            self._modules.retire()
        now = set(worker.namespaces.values())
        _end(set(self._namespaces.values()) - now)
        for namespace in now - set(self._namespaces.values()):
            namespace.alarms.start()


def _end(namespaces: Iterable[Namespace]) -> None:
    """The objects of classes that are no more: callers are told, sockets end, files stay."""
    from emulator.runtime.reload import CODE_UPDATED

    for namespace in namespaces:
        for container in list(namespace.containers.values()):
            if container.instance is not None:
                container.instance.commit()
            if container.instance is not None:
                container.instance.break_(error(CODE_UPDATED))
        namespace.close()


def _replace(codes: Iterable[WorkerCode], mode: ReloadMode) -> Replaced:
    from emulator.runtime.reload import reset_objects, retire_objects

    namespaces = [n for code in codes for n in code.worker.namespaces.values()]
    return reset_objects(namespaces) if mode == "deploy" else retire_objects(namespaces)


def _is_affected(code: WorkerCode, changed: Collection[str]) -> bool:
    if not changed or code.modules is None:
        return True
    return not code.modules.sources.keys().isdisjoint(changed)


def _affected(code: WorkerCode, changed: Collection[str]) -> list[str]:
    return [] if code.modules is None else code.modules.affected_by(changed)
