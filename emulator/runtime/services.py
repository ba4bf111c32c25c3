"""Service bindings: one worker's entrypoint in another worker's hands.

Source: spec lifecycle §2.2, §3; python-surface §1 (WorkerEntrypoint).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import PRIMITIVES, JsException, from_js
from emulator.runtime.errors import as_js_error
from emulator.runtime.gates import current_gate
from emulator.runtime.namespace import not_found
from emulator.runtime.rpc import transfer
from emulator.web.fetching import arriving_request, arriving_response, fetch_url
from emulator.web.promises import Promise, Settled, rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from emulator.core.values import JsValue
    from emulator.runtime.host import Host
    from emulator.runtime.instance import Instance
    from emulator.runtime.rpc import RpcStub
    from emulator.runtime.worker import Worker
    from emulator.web.request import Request

__all__ = ["MissingService", "WorkerService"]


class MissingService:
    """Stands for a worker that is not running."""

    def __init__(self, worker_name: str) -> None:
        self._name = worker_name

    def call(self, method: str, args: Iterable[JsValue]) -> Promise | Settled:
        del method, args
        return rejected(not_found(self._name))

    def fetch(self, request: Request) -> Promise | Settled:
        del request
        return rejected(not_found(self._name))


class WorkerService:
    """Calls of one entrypoint of a worker: the default one, or a named class."""

    def __init__(self, worker: Worker, entrypoint: str | None = None) -> None:
        self._worker = worker
        self._entrypoint = entrypoint

    def fetch(self, request: Request) -> Promise | Settled:
        """Rejects with a TypeError for a URL that is not HTTP."""
        try:
            fetch_url(request.url)
        except JsException as exc:
            return rejected(exc)

        async def work() -> Any:
            arrived = arriving_request(request)
            value = await self._worker.fetch(arrived, self._entrypoint)
            return arriving_response(value, request)

        return _send(self._worker.host, work, f"{request.method} {request.url}")

    def call(self, method: str, args: Iterable[JsValue]) -> Promise | Settled:
        """Call a method of the entrypoint with copies of `args`."""
        stubs: list[RpcStub] = []
        try:
            sent = [arg if type(arg) in PRIMITIVES else transfer(arg, stubs) for arg in args]
        except JsException as exc:
            return rejected(exc)

        async def work() -> Any:
            try:
                return from_js(await self._worker.call(method, sent, self._entrypoint))
            finally:
                for stub in stubs:
                    stub._dispose()

        return _send(self._worker.host, work, f"{method}()")


def _send(host: Host, work: Callable[[], Coroutine[Any, Any, Any]], detail: str) -> Promise:
    """Run `work` outside the caller, when the caller's output may leave; its outcome."""
    promise = Promise(loop=host.loop)
    gate = current_gate.get()
    caller: Instance | None = None if gate is None else gate.owner

    async def run() -> None:
        try:
            value = await work()
        except Exception as exc:
            if not promise.done():
                promise.set_exception(as_js_error(exc))
                promise._log_traceback = False  # an unhandled rejection is silent (spec §8)
        else:
            if not promise.done():
                promise.set_result(value)
        if caller is not None:
            caller.unpin(promise_key)

    def start() -> None:
        _ = host.spawn(run(), name=f"service {detail}")

    promise_key = object()
    if caller is None:
        start()
    else:
        caller.pin(promise_key, "call", detail)
        caller.emit(start)
    return promise
