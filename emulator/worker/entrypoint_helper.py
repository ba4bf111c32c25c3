"""`_pyodide_entrypoint_helper` and `_cloudflare_compat_flags`: what the SDK asks the runtime for.

Both answer for the worker whose code runs now.

Source: spec python-surface §0, §1 (env, wait_until, patch_env, import_from_javascript).
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsFunction, JsObject, JsProxy, PyProxy, error, js_value
from emulator.runtime.worker import current_request
from emulator.web.promises import promise_method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from emulator.runtime.worker import Worker

__all__ = ["build_flags", "build_helper"]

# The compatibility flags that the SDK branches on, and since when they are on by default.
_FLAG_DATES = {
    "python_workflows_implicit_dependencies": "2026-01-01",
    "python_request_headers_preserve_commas": "2026-01-01",
}


class CloudflareWorkers(JsProxy, js_name="Module"):
    """The module `cloudflare:workers`."""

    def __init__(self, worker: Callable[[], Worker]) -> None:
        self._worker = worker

    @property
    def env(self) -> JsObject:
        found = self._worker().env
        assert found is not None, "a worker that runs has its environment"
        return found

    def waitUntil(self, promise: Any = None) -> None:
        inside = js_value(promise)
        target = inside.unwrap() if isinstance(inside, PyProxy) else inside
        invocation = current_request.get()
        if invocation is not None:
            invocation.wait_until(target)
        elif inspect.iscoroutine(target):
            asyncio.get_running_loop().create_task(target)


def build_helper(worker: Callable[[], Worker]) -> Callable[[ModuleType], None]:
    """What fills `_pyodide_entrypoint_helper`; `worker` gives the worker whose code runs."""

    @promise_method
    async def import_module(name: str) -> Any:
        raise error(f'No such module "{name}".')

    @contextmanager
    def patched(names: JsObject) -> Iterator[None]:
        env = worker().env
        assert env is not None, "a worker that runs has its environment"
        before = dict(env._members)
        env._members.update(names._members)
        try:
            yield
        finally:
            env._members.clear()
            env._members.update(before)

    def patch_env_helper(names: JsObject) -> Iterator[None]:
        with patched(names):
            yield

    def fill(module: ModuleType) -> None:
        vars(module).update(
            cloudflareWorkersModule=CloudflareWorkers(worker),
            cloudflareSocketsModule=JsObject(),
            doAnImport=JsFunction("doAnImport", import_module),
            patchWaitUntil=lambda context: None,
            patch_env_helper=patch_env_helper,
        )

    return fill


def build_flags(worker: Callable[[], Worker]) -> Callable[[ModuleType], None]:
    """What fills `_cloudflare_compat_flags`."""

    def flag(name: str) -> bool:
        since = _FLAG_DATES.get(name)
        if since is None:
            raise AttributeError(name)
        config = worker().config
        if name in config.compatibility_flags:
            return True
        return f"no_{name}" not in config.compatibility_flags and config.compatibility_date >= since

    def fill(module: ModuleType) -> None:
        module.__dict__["__getattr__"] = flag

    return fill
