"""`env`: the bindings and variables of a worker.

Source: spec python-surface §2.3; peers §5 (vars).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.values import JsObject, JsValue, to_js
from emulator.worker.javascript.durable_objects import DurableObjectNamespace

if TYPE_CHECKING:
    from emulator.runtime.worker import Worker

__all__ = ["build_env"]


def build_env(worker: Worker) -> JsObject:
    """The environment of `worker`: namespaces by binding name, variables as JavaScript values."""
    members: dict[str, JsValue] = {
        binding.name: DurableObjectNamespace(worker.namespaces[binding.class_name])
        for binding in worker.config.local_bindings
    }
    for name, value in worker.config.vars.items():
        members[name] = to_js(value)
    return JsObject(members)
