"""`fetch`: a request out of the worker.

From an object it waits at the output gate, as everything that leaves it, and keeps the object
awake until the response's head is there.

Source: spec storage §4.2, lifecycle §4.2; design: Implicit transaction and output gate.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.core.values import (
    DomException,
    JsException,
    JsValue,
    dom_exception,
    error,
    js_value,
    type_error,
)
from emulator.errors import EmulatorError
from emulator.runtime.gates import current_gate
from emulator.web.fetching import fetch_url
from emulator.web.promises import Promise, Settled, rejected
from emulator.web.request import Request
from emulator.web.webidl import MISSING, to_exception
from emulator.worker.javascript.builders import functions

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.host import Host
    from emulator.runtime.instance import Instance
    from emulator.web.abort import AbortSignal

__all__ = ["fetch_globals"]

LOST = "Network connection lost."


class NoNetworkError(EmulatorError):
    """fetch() was called in an emulator that carries no request out."""

    def __init__(self, url: str) -> None:
        super().__init__(f"fetch({url!r}): this emulator was made without a fetcher.")


def fetch_globals(host: Callable[[], Host]) -> dict[str, Any]:
    def fetch(resource: JsValue = MISSING, init: JsValue = None) -> Any:
        try:
            if resource is MISSING:
                raise type_error(
                    "Failed to execute 'fetch' on 'ServiceWorkerGlobalScope': "
                    "parameter 1 is not of type 'Request or string'."
                )
            request = Request(resource, init)
            fetch_url(request.url)
        except JsException as exc:
            return rejected(exc)
        return _Fetch(host(), request).start()

    return functions({"fetch": fetch})


class _Fetch:
    """One fetch on its way: it is started once, and settles its promise once."""

    def __init__(self, host: Host, request: Request) -> None:
        self._host = host
        self._request = request
        self._promise = Promise(loop=host.loop)
        self._task: asyncio.Task[None] | None = None
        gate = current_gate.get()
        self._owner: Instance | None = None if gate is None else gate.owner

    def start(self) -> Promise | Settled:
        signal = self._request._signal
        if signal is not None:
            if signal.aborted:
                return rejected(_abort_error(signal))
            signal._on_abort(lambda: self._abort(signal))
        owner = self._owner
        if owner is None:
            self._send()
        else:
            owner.pin(self, "fetch", f"{self._request.method} {self._request.url}")
            owner.emit(self._send)
        return self._promise

    def _send(self) -> None:
        if not self._promise.done():
            self._task = self._host.spawn(self._exchange(), name="fetch")

    async def _exchange(self) -> None:
        fetcher = self._host.fetcher
        try:
            if fetcher is None:
                raise NoNetworkError(self._request.url)
            response = await fetcher(self._request)
        except asyncio.CancelledError:
            self._fail(error(LOST))
            raise
        except Exception as exc:
            self._fail(exc)
        else:
            self._settle(lambda: self._promise.set_result(js_value(response)))

    def _abort(self, signal: AbortSignal) -> None:
        failure = _abort_error(signal)
        if isinstance(failure, DomException):
            failure = dom_exception(failure.name, failure.message)
            failure.__dict__["retryable"] = True  # sic: the request was under way
        self._fail(failure)
        if self._task is not None:
            self._task.cancel()

    def _fail(self, exc: BaseException) -> None:
        def reject() -> None:
            self._promise.set_exception(exc)
            self._promise._log_traceback = False

        self._settle(reject)

    def _settle(self, settle: Callable[[], None]) -> None:
        if self._owner is not None:
            self._owner.unpin(self)
        if not self._promise.done():
            settle()


def _abort_error(signal: AbortSignal) -> BaseException:
    reason = signal._reason
    if reason is None:
        return dom_exception("AbortError", "The operation was aborted")
    return to_exception(reason)
