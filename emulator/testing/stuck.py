"""A test that waits for what will never happen: it fails at once, and says who waits for what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from emulator.testing.durable_objects import Durable

__all__ = ["Stuck", "StuckError"]

_MARK = "nothing will happen any more"


class StuckError(EmulatorError, TimeoutError):
    """No timer, no event and no connection is left that could end the test's wait."""

    def __init__(self, reasons: list[str]) -> None:
        lines = ["The test waits for something that will never happen."]
        lines += reasons or ["No object is awake."]
        super().__init__("\n".join(lines))


class Stuck:
    """Ends the wait of one world's test when it is hopeless."""

    def __init__(self, durable: Durable) -> None:
        self._durable = durable
        self._task: asyncio.Task[Any] | None = None

    async def guarded[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a part of the test. Raises: StuckError."""
        self._task = asyncio.current_task()
        try:
            return await coroutine
        except asyncio.CancelledError as exc:
            if _MARK in exc.args:
                raise StuckError(self._reasons()) from None
            raise
        finally:
            self._task = None

    def strike(self) -> None:
        if self._task is not None:
            self._task.cancel(_MARK)

    def _reasons(self) -> list[str]:
        return [
            f"{container!r}: {blocker.kind} {blocker.detail}"
            + (f", at {blocker.source}" if blocker.source else "")
            for namespace in self._durable.namespaces
            for container in namespace.containers.values()
            for blocker in container.blockers()
        ]
