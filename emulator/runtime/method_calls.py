"""Calls of an object's methods, and the shortest way for one.

A call is an event like any other (`Stub.deliver`). But most calls find an object that is awake and
idle, take scalars, and end before they have to wait. `call_at_once` does for those what `deliver`,
`Instance.start` and `Instance.finish` do, without making anything that nobody would look at.

Source: spec lifecycle §5, §6; performance §2, §4. Proved in tests/runtime/test_method_calls.py.
"""

from __future__ import annotations

import asyncio
import functools
from contextvars import Context
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import MAX_SAFE_INTEGER, error, from_js
from emulator.runtime.calls import Call
from emulator.runtime.errors import copy_error
from emulator.runtime.gates import current_gate
from emulator.runtime.instance import EAGER_DEPTH_MAX, EVICTED, NO_RESPONSE
from emulator.runtime.pipelining import RpcPromise, RpcSettled
from emulator.runtime.worker import current_request

if TYPE_CHECKING:
    from emulator.core.values import JsValue
    from emulator.runtime.delivery import UserObject
    from emulator.runtime.instance import Instance
    from emulator.runtime.rpc import RpcStub
    from emulator.runtime.stub import Stub
    from emulator.web.promises import Promise, Settled

__all__ = ["MethodCall", "call_at_once"]

_SAME: Final = frozenset({str, bool})  # in Python what they are in JavaScript, and back


class MethodCall(Call):
    """A call of a method, as an event."""

    kind = "rpc"
    promise_class: type[Promise] = RpcPromise
    settled_class: type[Settled] = RpcSettled

    def __init__(self, method: str, args: list[JsValue], stubs: list[RpcStub]) -> None:
        self.method = method
        self.args = args
        self.stubs = stubs

    @property
    def detail(self) -> str:
        return f"{self.method}()"

    def run(self, user: UserObject) -> Any:
        return user.call(self.method, self.args)

    def settled(self) -> None:
        for stub in self.stubs:
            stub._dispose()


def call_at_once(  # noqa: C901, PLR0912, PLR0915  # one frame: each one more is felt here
    stub: Stub, instance: Instance, method: str, args: list[JsValue]
) -> Promise | Settled | None:
    """Call a method now, if nothing stands in the way; None if something does."""
    host = instance.host
    container = instance.container
    gate = instance.gate
    root = gate.root
    if (
        instance.running
        or instance.is_dead
        or instance.queue
        or instance.is_breathing
        or instance.is_leaving
        or gate.innermost is not root
        or root.parked
        or root.waiting_sections
        or host.recorder is not None
        or host.faults is not None
        or host.eager_depth >= EAGER_DEPTH_MAX
    ):
        return None
    calling = current_gate.get()
    caller: Instance | None = None
    if calling is not None:
        caller = calling.owner
        if caller.is_output_held or caller.outbox:
            return None
    else:
        invocation = current_request.get()
        if invocation is not None:
            invocation.reached = stub
    stub.attached = instance
    user: UserObject = instance.user
    context = instance.context.copy()
    task: asyncio.Task[Any] | None = None
    outcome: Any = None
    failure: BaseException | None = None
    host.eager_depth += 1
    instance.running = 1
    try:
        outcome = context.run(user.begin, method, args)
        if type(outcome) is CoroutineType:
            task = asyncio.Task(outcome, loop=instance.loop, eager_start=True, context=context)
            if task.done():
                finished, task = task, None
                outcome = finished.result()
        kind = type(outcome)
        if task is None and not (
            kind in _SAME or (kind is int and -MAX_SAFE_INTEGER < outcome < MAX_SAFE_INTEGER)
        ):
            outcome = from_js(context.run(user.result, outcome))
    except (KeyboardInterrupt, SystemExit):
        raise
    except asyncio.CancelledError:
        failure = error(NO_RESPONSE)
    except BaseException as exc:
        failure = user.failure(exc)
    finally:
        instance.running = 0
        host.eager_depth -= 1
        if (
            instance.microtasks
            or instance.queue
            or instance.frames
            or gate.innermost is not root
            or root.parked
            or root.waiting_sections
            or container.idle_timer is None
        ):
            instance.end_turn()
        else:  # nothing waits for the end of this turn: the same, without the calls
            instance.settled_awaits = 0
            instance.last_active_s = instance.loop.time()
    if _has_died(instance):
        broken = instance.broken
        return RpcSettled(error=error(EVICTED) if broken is None else copy_error(broken))
    if task is None and not (instance.is_output_held or instance.outbox):
        container.last_request_s = instance.last_active_s
        return RpcSettled(outcome, failure)
    return _wait(instance, MethodCall(method, args, []), task, outcome, failure, caller)


def _has_died(instance: Instance) -> bool:
    return instance.is_dead


def _wait(
    instance: Instance,
    call: MethodCall,
    task: asyncio.Task[Any] | None,
    outcome: Any,
    failure: BaseException | None,
    caller: Instance | None,
) -> Promise | Settled:
    """The event has to wait after all: for its task, or for a commit."""
    instance.in_flight[call] = None
    call.task = task
    call.started_s = instance.last_active_s
    if task is None:
        instance.finish(call, outcome, failure)
    else:
        done = functools.partial(_task_done, instance, call, instance.user)
        task.add_done_callback(done, context=Context())
    return call.as_promise(instance.loop, caller)


def _task_done(
    instance: Instance, call: MethodCall, user: UserObject, task: asyncio.Task[Any]
) -> None:
    if task.cancelled():
        instance.finish(call, None, error(NO_RESPONSE))
        return
    failure = task.exception()
    if instance.is_dead:
        return
    outcome: Any = None
    if failure is None:
        # Converting may run user code, and what is sent belongs to the instance (live functions,
        # streams): the end of the method's own last turn, which no section that it asked for delays.
        instance.running += 1
        try:
            outcome = instance.context.copy().run(user.result, task.result())
        except Exception as exc:
            failure = exc
        finally:
            instance.running -= 1
            instance.end_turn()
    instance.finish(call, outcome, None if failure is None else user.failure(failure))
