"""A call into an object that is under way, and its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import from_js
from emulator.web.promises import Promise, Settled

if TYPE_CHECKING:
    import asyncio

    from emulator.runtime.instance import Instance

__all__ = ["Call"]


class Call:
    """A delivery that is its own outcome. A promise is made only if the caller has to wait."""

    kind = "call"
    dispatched = None
    started_s = 0.0
    task: asyncio.Task[Any] | None = None
    is_settled = False
    value: Any = None
    error: BaseException | None = None
    promise: Promise | None = None
    waiter: Instance | None = None
    promise_class: type[Promise] = Promise
    settled_class: type[Settled] = Settled

    @property
    def detail(self) -> str:
        raise NotImplementedError

    def run(self, user: Any) -> Any:
        raise NotImplementedError

    def settled(self) -> None:
        """The outcome is known; what the call held is let go."""

    def succeed(self, value: Any) -> None:
        self.is_settled = True
        self.value = value = from_js(value)
        promise = self.promise
        if promise is not None:
            if not promise.done():
                promise.set_result(value)
            self._release()
        self.settled()

    def fail(self, error: BaseException) -> None:
        self.is_settled = True
        self.error = error
        promise = self.promise
        if promise is not None:
            if not promise.done():
                promise.set_exception(error)
                # A rejection that nobody handles is silent (spec lifecycle §8).
                promise._log_traceback = False
            self._release()
        self.settled()

    def give_up(self, error: BaseException) -> None:
        """The caller waits no longer; what was called runs on."""
        promise = self.promise
        if promise is not None and not promise.done():
            promise.set_exception(error)
            promise._log_traceback = False
            self._release()

    def _release(self) -> None:
        if self.waiter is not None:
            self.waiter.unpin(self)

    def as_promise(
        self, loop: asyncio.AbstractEventLoop, waiter: Instance | None
    ) -> Promise | Settled:
        if self.is_settled:
            return self.settled_class(self.value, self.error)
        self.promise = self.promise_class(loop=loop)
        if waiter is not None:
            self.waiter = waiter
            waiter.pin(self, "call", self.detail)
        return self.promise
