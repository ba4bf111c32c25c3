"""What the emulator itself uses of the SDK, once it is imported.

Source: spec python-surface §1; the package workers-runtime-sdk, unmodified.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsObject, JsProxy, PyProxy, illegal_parameter, js_value
from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from emulator.runtime.worker import Invocation

__all__ = ["ExecutionContext", "Sdk", "SdkMissingError"]

_MISSING: Any = object()


class SdkMissingError(EmulatorError):
    """The package that user code imports as `workers` is not installed, or is another one."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The Workers SDK cannot be imported ({problem}). Install it with: "
            "pip install 'workers-runtime-sdk>=1.9'"
        )


class Sdk:
    """The SDK's conversions and classes."""

    def __init__(self) -> None:
        """Raises: SdkMissingError."""
        try:
            workers = importlib.import_module("workers")
            self.Request: Any = workers.Request
            self.Response: Any = workers.Response
            self.python_from_rpc: Any = workers.python_from_rpc
            self.python_to_rpc: Any = workers.python_to_rpc
            self.wrap_env: Any = workers.rpc._EnvWrapper
            self._base: type = workers.WorkerEntrypoint
            self._object_base: type = workers.DurableObject
        except (ImportError, AttributeError) as exc:
            raise SdkMissingError(str(exc)) from exc
        self.execution_context = ExecutionContext

    def is_entrypoint(self, value: object) -> bool:
        """Whether `value` is a class that a worker exports as a named entrypoint."""
        if not isinstance(value, type) or value is self._base:
            return False
        return issubclass(value, self._base) and not value.__name__.startswith("_")

    def is_object_class(self, value: object) -> bool:
        """Whether `value` is a class of objects, which may have no namespace."""
        if not isinstance(value, type) or value is self._object_base:
            return False
        return issubclass(value, self._object_base)


class ExecutionContext(JsProxy, js_name="ExecutionContext"):
    """`ctx` of the stateless entrypoint."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.exports = invocation.worker.exports

    @functools.cached_property
    def props(self) -> JsObject:
        return JsObject()

    def waitUntil(self, promise: Any = _MISSING) -> None:
        if promise is _MISSING:
            raise illegal_parameter("waitUntil", "ExecutionContext", 1, "Promise")
        inside = js_value(promise)
        self._invocation.wait_until(inside.unwrap() if isinstance(inside, PyProxy) else inside)

    def passThroughOnException(self) -> None:
        """Accepted; there is no origin to pass to."""
