"""Fetches inside the process that their caller gives up: AbortSignal.

The caller is told at once; the handler of the other side runs on, and learns of it only with the
compatibility flag `enable_request_signal`.

Source: spec lifecycle §3.4, §6.5 (flags), where workerd was asked.
"""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING, Any

from emulator.core.values import DomException, dom_exception
from emulator.runtime.gates import current_gate
from emulator.web.abort import AbortSignal
from emulator.web.promises import Promise
from emulator.web.webidl import to_exception

if TYPE_CHECKING:
    from emulator.runtime.calls import Call
    from emulator.runtime.worker import Worker
    from emulator.web.promises import Settled
    from emulator.web.request import Request

__all__ = ["abort_error", "give_up_with", "hear_of_abort"]

FLAG = "enable_request_signal"
GONE = "The client has disconnected"


def abort_error(signal: AbortSignal) -> BaseException:
    """What a fetch with an aborted signal rejects with: its reason; the platform's own is marked."""
    reason = to_exception(signal._reason)
    if isinstance(reason, DomException):
        reason = dom_exception(reason.name, reason.message)
        reason.__dict__["retryable"] = True  # sic: the request may have arrived
    return reason


def give_up_with(signal: AbortSignal, call: Call, promise: Promise | Settled) -> Promise | Settled:
    """Have the abort of `signal` reject `promise`, which `call` would settle."""
    if isinstance(promise, Promise):
        forget = signal._on_abort(lambda: call.give_up(abort_error(signal)))
        promise.add_done_callback(lambda _: forget(), context=Context())
    return promise


def hear_of_abort(worker: Worker, sent: Request, arrived: Request) -> None:
    """Give the request that arrived a signal of its own, if the flag says that there is one."""
    signal = sent._signal
    gate = current_gate.get()
    if signal is None or gate is None or FLAG not in worker.config.compatibility_flags:
        return
    instance: Any = gate.owner
    heard = arrived._signal = AbortSignal._fresh()
    reason = dom_exception("AbortError", GONE)
    context = instance.context.copy()
    signal._on_abort(lambda: instance.loop.call_soon(heard._abort, reason, context=context))
