"""Critical sections of one instance: `blockConcurrencyWhile(callback)` and transactions.

A section is asked for by running code, starts when that turn has ended, and is alone until it
ends. One that fails, or lasts longer than 30 seconds, breaks the object, whatever is around it.

Source: spec lifecycle §5.2. Proved in tests/runtime/test_instance.py.
"""

from __future__ import annotations

from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import error
from emulator.runtime.errors import as_js_error, is_abort
from emulator.runtime.gates import current_gate
from emulator.web.promises import Promise

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from emulator.core.gates import Gate
    from emulator.runtime.instance import Instance

__all__ = ["Sections"]

SECTION_TIMEOUT_S: Final = 30.0
SECTION_TIMED_OUT: Final = (
    "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was "
    "canceled and the Durable Object was reset."
)


@dataclass(slots=True, eq=False)
class _Section:
    """A critical section that was asked for."""

    callback: Callable[[], Any]
    context: Context
    promise: Promise
    gate: Gate | None = None
    timeout: asyncio.TimerHandle | None = None


class Sections:
    """Opens and ends the sections of one instance."""

    __slots__ = ("_instance",)

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def ask(self, callback: Callable[[], Any]) -> Promise:
        """Queue `callback` as a section of the gate whose code asks for it.

        Raises:
            JsException: nested deeper than 64.
        """
        instance = self._instance
        gate = current_gate.get() or instance.gate.root
        section = _Section(callback, copy_context(), Promise(loop=instance.loop))
        instance.gate.ask(gate, section)
        instance.residency.pin(section, "section", "blockConcurrencyWhile()")
        if not instance.running:
            instance.schedule_advance()
        return section.promise

    def open_next(self) -> None:
        """Start the section that waits in the innermost gate."""
        instance = self._instance
        section: _Section = instance.gate.next_section()  # type: ignore[assignment]
        section.gate = instance.gate.open()
        section.context.run(current_gate.set, section.gate)
        section.timeout = instance.host.later(SECTION_TIMEOUT_S, self._timed_out)
        instance.running += 1
        task: asyncio.Task[Any] | None = None
        value: Any = None
        failure: BaseException | None = None
        try:
            value = section.context.run(section.callback)
            if value is not None and hasattr(value, "__await__"):
                task = instance.task(self._watch(value), section.context)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            failure = exc
            section.timeout.cancel()
            if not is_abort(exc):
                instance.break_(as_js_error(exc))
        finally:
            instance.running -= 1
            instance.end_turn()
        if failure is not None:
            instance.break_(as_js_error(failure))
        elif task is None:
            self._ended(section, value)
        elif task.done():
            self._task_done(section, task)
        else:
            task.add_done_callback(lambda done: self._task_done(section, done), context=Context())

    async def _watch(self, awaitable: Awaitable[Any]) -> Any:
        """A section that fails breaks the object in the same turn, before what it wrote commits."""
        try:
            return await awaitable
        except Exception as exc:
            if not is_abort(exc):
                self._instance.break_(as_js_error(exc))
            raise

    def _task_done(self, section: _Section, task: asyncio.Task[Any]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is None:
            self._ended(section, None if task.cancelled() else task.result())
            return
        assert section.timeout is not None, "an open section has a timeout"
        section.timeout.cancel()
        self._instance.break_(as_js_error(failure))

    def _ended(self, section: _Section, value: Any) -> None:
        instance = self._instance
        if instance.is_dead:
            return
        assert section.gate is not None, "the section was opened"
        assert section.timeout is not None, "an open section has a timeout"
        section.timeout.cancel()
        instance.residency.unpin(section)
        instance.gate.close(section.gate)
        # The code that awaits the section goes on before anything that was parked meanwhile.
        instance.is_continuing = True
        try:
            if not section.promise.done():
                section.promise.set_result(value)
        finally:
            instance.is_continuing = False
        instance.schedule_advance()
        instance.touch()

    def _timed_out(self) -> None:
        self._instance.break_(error(SECTION_TIMED_OUT, overloaded=True))
