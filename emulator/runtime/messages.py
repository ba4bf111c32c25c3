"""Messages on their way from the wires into objects: those of one round of the loop together.

A message is a turn of its own, but not a Task of its own: a Task costs more than most handlers do
before they wait. One Task runs handler after handler of an object, as long as each is over when
it returns and has left nothing behind. The first one that goes on, fails, or leaves something takes
the Task with it, and the next gets a new one. So every handler finds what it would find in a Task
of its own:

  M1  `current_task()` is a Task that no other handler has kept, cancelled or is waiting in.
  M2  Its context is a copy of the instance's.
  M3  The turn before has ended: nothing waits to be let in, no output is held.

Proof: tests/runtime/test_messages.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from sys import getrefcount
from types import CoroutineType
from typing import TYPE_CHECKING
from weakref import getweakrefcount

if TYPE_CHECKING:
    from emulator.runtime.hibernation import SocketRegistry
    from emulator.runtime.instance import Instance
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Message", "MessageQueue"]

type Message = tuple[WebSocketEnd, str | bytes]
"""What a wire brought, and the end that is to receive it."""


class MessageQueue:
    """Messages that were read and are not handled yet, in the order in which they came."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: deque[Message] = deque()

    def deliver(self) -> None:
        """Hand out all of them. Whatever else comes from a wire has to come after this."""
        waiting = self.waiting
        is_sharing = True
        while waiting:
            if is_sharing and len(waiting) > 1:
                count = self._share()
                # An object that, say, stores every message has a Task for each anyway.
                is_sharing = count != 1
                if count:
                    continue
            end, message = waiting.popleft()
            end.receive(message)

    def _share(self) -> int:
        """Hand out as many as can share a Task. Returns: how many."""
        waiting = self.waiting
        registry = waiting[0][0].registry
        if registry is None or registry is not waiting[1][0].registry:
            return 0
        instance = registry.free_instance()
        return 0 if instance is None else _SharedTask(waiting, registry, instance).run()


class _SharedTask:
    """A Task for handler after handler of one object."""

    __slots__ = ("_context", "_instance", "_is_taken", "_registry", "_taken", "_waiting", "end",
                 "failure", "message")  # fmt: skip

    def __init__(
        self, waiting: deque[Message], registry: SocketRegistry, instance: Instance
    ) -> None:
        self._waiting = waiting
        self._registry = registry
        self._instance = instance
        self._context = instance.context.copy()
        self._taken = 0
        self._is_taken = False  # the handler that runs has waited: the Task is its own now
        self.end: WebSocketEnd | None = None  # whose handler runs, or was the last
        self.message: str | bytes = ""
        self.failure: BaseException | None = None

    def run(self) -> int:
        """Run handlers until the Task is spent or nothing is left. Returns: how many."""
        instance, host = self._instance, self._instance.host
        task: asyncio.Task[None] | None = None
        instance.running += 1
        host.eager_depth += 1
        try:
            task = asyncio.Task(
                self._handle(),
                loop=instance.loop,
                eager_start=True,
                context=self._context,
            )
        finally:
            self._is_taken = True
            instance.running -= 1
            host.eager_depth -= 1
            end = self.end
            if end is None:
                instance.end_turn()
                instance.container.last_request_s = instance.last_active_s
            else:
                own = task if self.failure is None else None
                self._registry.end_turn_of(end, self.message, instance, own, self.failure)
        return self._taken

    async def _handle(self) -> None:
        instance, registry, waiting = self._instance, self._registry, self._waiting
        handler = instance.user.web_socket_message
        gate, context = instance.gate.root, self._context
        task = asyncio.current_task()
        assert task is not None, "a Task runs this"
        clean = copy_context()
        references, weak_references = getrefcount(task), getweakrefcount(task)
        while waiting:
            end, message = waiting[0]
            auto = registry.auto_response
            if (
                end.registry is not registry
                or end.is_receiver_busy
                or end.inbox
                or (auto is not None and message == auto.request)
            ):
                break
            waiting.popleft()
            self._taken += 1
            self.end, self.message = end, message
            try:
                outcome = handler(end, message)
            except Exception as exc:  # kept, as a Task cannot raise a StopIteration
                self.failure = exc
                return
            if type(outcome) is CoroutineType or hasattr(outcome, "__await__"):
                await outcome
                if self._is_taken:
                    return
            if (
                instance.is_dead
                or instance.is_output_held
                or instance.microtasks
                or instance.queue
                or gate.waiting_sections
                or registry.event_timeout_ms is not None
                or context != clean
                or task.cancelling()
                or getrefcount(task) != references
                or getweakrefcount(task) != weak_references
            ):
                return
            # The end of a turn that nothing waits for.
            instance.settled_awaits = 0
            frames = instance.frames
            if len(frames) == 1:  # in line: an answer, as most handlers send
                sender, frame = frames[0]
                wire = sender.peer.wire
                if wire is None or not (type(frame) is str or type(frame) is bytes):
                    return
                frames.clear()
                wire.send(frame)
            elif frames and not instance.release_to_wires():
                return
            self.end = None
