"""`env` and `ctx.exports`: what a worker can reach.

Source: spec python-surface §2.3; peers §5; lifecycle §1.5, §2.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from emulator.core.values import JsObject, JsProxy, JsValue, to_js
from emulator.core.values.proxies import Constructor
from emulator.errors import EmulatorError
from emulator.runtime.assets import AssetFolder
from emulator.runtime.namespace import DisconnectedNamespace
from emulator.runtime.services import MissingService, WorkerService
from emulator.worker.javascript.durable_objects import DurableObjectNamespace
from emulator.worker.javascript.exports import (
    LoopbackDurableObjectClass,
    LoopbackDurableObjectNamespace,
)
from emulator.worker.javascript.services import Fetcher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config import AbsentBinding, Service
    from emulator.core.config.model import Binding
    from emulator.runtime.worker import Worker

__all__ = ["NotEmulatedError", "build_env", "build_exports"]


class NotEmulatedError(EmulatorError):
    """User code uses a product that is no part of the emulator; the fields say which."""

    def __init__(self, binding: AbsentBinding) -> None:
        super().__init__(
            f"env.{binding.name} is a {binding.product} ({binding.field} in the configuration), "
            f"which is not part of this emulator. Give the code something else under that name, "
            f"for instance with workers.patch_env({binding.name}=...) in a test."
        )
        self.name = binding.name
        self.product = binding.product


class AbsentProduct(JsProxy, js_name="Object"):
    """A binding of a product that is not emulated: every use of it fails."""

    def __init__(self, binding: AbsentBinding) -> None:
        self.__dict__["_binding"] = binding
        self.__dict__["constructor"] = Constructor(binding.js_class)

    def __getattr__(self, name: str) -> NoReturn:
        if name[:2] == "__":
            raise AttributeError(name)
        raise NotEmulatedError(self.__dict__["_binding"])

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        del args, kwargs
        raise NotEmulatedError(self.__dict__["_binding"])


def build_env(worker: Worker, workers: Mapping[str, Worker]) -> JsObject:
    """The environment of `worker`; `workers` are all that run, by name.

    Args:
        workers: they have declared their classes already; their code need not be loaded.
    """
    config = worker.config
    members: dict[str, JsValue] = {
        binding.name: _namespace(worker, binding, workers) for binding in config.bindings
    }
    for name, value in {**config.vars, **config.secrets}.items():
        members[name] = to_js(value)
    for service in config.services:
        members[service.name] = Fetcher(_callee(service, workers))
    for absent in config.absent:
        members[absent.name] = AbsentProduct(absent)
    if config.assets is not None:
        folder = Path(config.path).parent if config.path is not None else Path()
        worker.assets = AssetFolder(config.assets, folder)
        if config.assets.binding is not None:
            members[config.assets.binding] = Fetcher(worker.assets)
    return JsObject(members)


def _namespace(
    worker: Worker, binding: Binding, workers: Mapping[str, Worker]
) -> DurableObjectNamespace:
    name = binding.script_name
    if name is None or name == worker.config.name:
        return DurableObjectNamespace(worker.namespaces[binding.class_name])
    other = workers.get(name)
    if other is not None and binding.class_name in other.namespaces:
        return DurableObjectNamespace(other.namespaces[binding.class_name])
    return DurableObjectNamespace(DisconnectedNamespace(worker.host, name, binding.class_name))


def _callee(service: Service, workers: Mapping[str, Worker]) -> WorkerService | MissingService:
    found = workers.get(service.service)
    if found is None:
        return MissingService(service.service)
    return WorkerService(found, service.entrypoint)


def build_exports(worker: Worker) -> JsObject | None:
    """`ctx.exports` of a worker: its classes of objects and its entrypoints, since 2025-11-17."""
    if not worker.config.is_enabled(
        "enable_ctx_exports", "disable_ctx_exports", since="2025-11-17"
    ):
        return None
    members: dict[str, JsValue] = {
        name: LoopbackDurableObjectNamespace(namespace)
        for name, namespace in worker.namespaces.items()
    }
    for name, object_class in worker.facet_classes.items():
        members[name] = LoopbackDurableObjectClass(object_class)
    for name in worker.entrypoints:
        members[name] = Fetcher(WorkerService(worker, name))
    if worker.entrypoint is not None:
        members["default"] = Fetcher(WorkerService(worker))
    return JsObject(members)
