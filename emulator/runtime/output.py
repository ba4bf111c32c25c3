"""The output gate of one instance: what leaves it while a commit is pending waits, in order.

Source: spec lifecycle §5.3; storage §1.5, §4.2. Proved in tests/runtime/test_instance.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsException

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.sockets import Close
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.web.promises import Promise

__all__ = ["Output"]


class Output:
    """The part of an `Instance` that lets things leave, or holds them."""

    def __init__(self, container: ActorContainer) -> None:
        self.container = container
        self.host = container.host
        self.running = 0
        self.is_breathing = False
        self.is_dead = False
        self.outbox: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self.frames: list[tuple[WebSocketEnd, str | bytes | Close]] = []
        self.is_output_held = False
        self.is_confirming = True  # whether writes hold the output (spec storage §1.5)
        self.has_unconfirmed_only = False  # a commit is pending that holds nothing
        self.commit_waiters: list[Promise] = []

    def break_(self, reason: JsException, *, is_marked: bool = True) -> None:
        raise NotImplementedError

    def emit(self, release: Callable[..., None], *args: Any) -> None:
        """Let something leave the object: now, or after the commit that is pending (I3)."""
        if self.is_output_held or self.outbox:
            self.outbox.append((release, args))
        else:
            release(*args)

    def emit_frame(self, end: WebSocketEnd, frame: str | bytes | Close) -> None:
        """Let a socket's frame leave when the turn has ended, or after the pending commit (I3)."""
        if self.host.recorder is not None:
            self.host.recorder.sent(self.container, frame, end)
        if self.is_output_held or self.outbox:
            self.outbox.append((end.transfer, (frame,)))
        elif self.running:
            self.frames.append((end, frame))
        else:
            end.transfer(frame)

    def release_frames(self) -> None:
        frames, self.frames = self.frames, []
        for end, frame in frames:
            wire = end.peer.wire
            if wire is not None and (type(frame) is str or type(frame) is bytes):
                wire.send(frame)  # what `transfer` comes to; a broadcast passes here
            else:
                end.transfer(frame)

    def release_to_wires(self) -> bool:
        """Release what goes straight to wires. Returns: whether that was all."""
        frames = self.frames
        for number, (end, frame) in enumerate(frames):
            wire = end.peer.wire
            if wire is None or not (type(frame) is str or type(frame) is bytes):
                del frames[:number]
                return False
            wire.send(frame)
        frames.clear()
        return True

    def hold_output(self) -> None:
        """The first write of a transaction: nothing leaves until it is committed."""
        if not self.is_dead:
            if self.is_confirming:
                self.is_output_held = True
            else:
                self.has_unconfirmed_only = True
            self.host.soon(self.commit)

    def confirm_writes(self) -> None:
        """The open transaction has something that must be confirmed before anything leaves."""
        if self.has_unconfirmed_only:
            self.has_unconfirmed_only = False
            self.is_output_held = True

    def commit(self) -> None:
        """Commit the implicit transaction; then let the output go, or break the object."""
        if self.is_dead:
            return
        if self.is_breathing:  # the turn goes on, and with it its transaction
            self.host.soon(self.commit)
            return
        faults = self.host.faults
        if faults is None or not faults.delays_commit(self):
            self.commit_now()

    def commit_now(self) -> None:
        """Commit although it is not due yet: the instance ends."""
        faults = self.host.faults
        try:
            self.container.commit()
        except JsException as exc:
            self.broken_by_commit(exc)
        else:
            if faults is None or not faults.crashes_after_commit(self.container):
                self.release_output()

    def broken_by_commit(self, reason: JsException) -> None:
        self.outbox.clear()
        self.break_(reason, is_marked=False)

    def release_output(self) -> None:
        self.release_frames()
        self.is_output_held = self.has_unconfirmed_only = False
        if self.commit_waiters:
            waiters, self.commit_waiters = self.commit_waiters, []
            for promise in waiters:
                if not promise.done():
                    promise.set_result(None)
        while self.outbox and not self.is_output_held and not self.is_dead:
            release, args = self.outbox.popleft()
            release(*args)
