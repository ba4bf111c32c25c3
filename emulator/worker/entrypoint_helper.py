"""`_pyodide_entrypoint_helper` and `_cloudflare_compat_flags`: what the SDK asks the runtime for.

Both answer for the worker whose code runs now.

Source: spec python-surface §0, §1 (env, wait_until, patch_env, import_from_javascript).
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from emulator.core.values import (
    JsFunction,
    JsMap,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    error,
    js_value,
    to_string,
    type_error,
)
from emulator.runtime.worker import current_request
from emulator.web.promises import promise_method
from emulator.web.webidl import invoke_now
from emulator.worker.compatibility import FLAGS, is_enabled
from emulator.worker.javascript.builders import functions, js_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from emulator.runtime.worker import Worker

__all__ = ["build_flags", "build_helper"]

# Classes that JavaScript code extends; Python code has the SDK's.
_CLASSES = (
    *("DurableObject", "RpcPromise", "RpcProperty", "RpcStub", "RpcTarget", "ServiceStub"),
    *("WorkerEntrypoint", "WorkflowEntrypoint"),
)


class CloudflareWorkers(JsProxy, js_name="Module"):
    """The module `cloudflare:workers`."""

    def __init__(self, worker: Callable[[], Worker]) -> None:
        self._worker = worker
        for name in _CLASSES:
            setattr(self, name, js_class(name, _illegal, plain=_illegal))

    @property
    def env(self) -> JsObject:
        return _env(self._worker())

    @property
    def exports(self) -> JsObject | None:
        return self._worker().exports

    def waitUntil(self, promise: Any = None) -> None:
        inside = js_value(promise)
        target = inside.unwrap() if isinstance(inside, PyProxy) else inside
        invocation = current_request.get()
        if invocation is not None:
            invocation.wait_until(target)
        elif inspect.iscoroutine(target):
            _ = asyncio.get_running_loop().create_task(target)

    def withEnv(self, env: Any = None, function: Any = None) -> Any:
        """Call `function` while `env` is the environment; what it gives."""
        with _patched(self._worker(), _members(js_value(env)), replaces=True):
            return invoke_now(js_value(function))


def _illegal(*_: JsValue) -> NoReturn:
    raise type_error("Illegal constructor")


def _env(worker: Worker) -> JsObject:
    assert worker.env is not None, "a worker that runs has its environment"
    return worker.env


def _members(value: JsValue) -> dict[str, JsValue]:
    """The members of a plain object, or of a Map: what a dict is on older runtimes."""
    if isinstance(value, JsMap):
        return {to_string(key): member for key, member in value._entries.values()}
    if isinstance(value, PyProxy) and isinstance(value.unwrap(), dict):
        return {str(key): js_value(member) for key, member in value.unwrap().items()}
    return value._own() if isinstance(value, JsProxy) else {}


@contextmanager
def _patched(worker: Worker, names: dict[str, JsValue], *, replaces: bool) -> Iterator[None]:
    env = _env(worker)
    before = dict(env._members)
    if replaces:
        env._members.clear()
    env._members.update(names)
    try:
        yield
    finally:
        env._members.clear()
        env._members.update(before)


def build_helper(worker: Callable[[], Worker]) -> Callable[[ModuleType], None]:
    """What fills `_pyodide_entrypoint_helper`; `worker` gives the worker whose code runs."""

    def fill(module: ModuleType) -> None:
        workers = CloudflareWorkers(worker)
        sockets = JsObject(functions({"connect": _no_sockets}))
        known: dict[str, JsProxy] = {"cloudflare:workers": workers, "cloudflare:sockets": sockets}

        @promise_method
        async def import_module(name: JsValue = None) -> Any:
            found = known.get(to_string(name))
            if found is None:
                raise error(f'No such module "{to_string(name)}".')
            return found

        def patch_env_helper(names: JsValue) -> Iterator[None]:
            with _patched(worker(), _members(names), replaces=False):
                yield

        vars(module).update(
            cloudflareWorkersModule=workers,
            cloudflareSocketsModule=sockets,
            doAnImport=JsFunction("doAnImport", import_module),
            patchWaitUntil=lambda context: None,
            patch_env_helper=patch_env_helper,
        )

    return fill


def _no_sockets(*_: JsValue) -> NoReturn:
    raise type_error("The emulator does not offer TCP sockets (cloudflare:sockets connect()).")


def build_flags(worker: Callable[[], Worker]) -> Callable[[ModuleType], None]:
    """What fills `_cloudflare_compat_flags`."""

    def flag(name: str) -> bool:
        if name not in FLAGS:
            raise AttributeError(name)
        return is_enabled(worker().config, name)

    def fill(module: ModuleType) -> None:
        module.__dict__["__getattr__"] = flag

    return fill
