"""The part of `durable` that makes things fail, be lost, or take long."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from emulator.core.values import JsException, error
from emulator.core.values.errors import ERROR_NAMES
from emulator.runtime.faults import Fault, Operation, connection_lost
from emulator.testing.errors import TestError
from emulator.testing.leaks import here
from emulator.testing.stubs import stub_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.faults import Faults

__all__ = ["FaultCalls"]

_OPERATIONS: frozenset[str] = frozenset(get_args(Operation.__value__))


class FaultCalls:
    """`fail_next` and `delay_next`."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def fail_next(
        self,
        operation: Operation,
        *,
        on: Any = None,
        error: BaseException | str | None = None,
        lose: Literal["request", "reply"] = "request",
    ) -> None:
        """Have the next operation of that kind fail, once.

            "commit"  the write is undone, the object reset; who waits for it gets the error
            "rpc", "fetch"  the call never arrives; with lose="reply" it is done, the reply is lost
            "alarm"   the handler raises before its first line, and is retried
            "send"    the connection breaks under the message: both sides lose it

        Args:
            on: the object; by default whichever comes first.
            error: what is raised; by default what the platform says.
        """
        self._check(operation)
        if lose == "reply" and operation not in ("rpc", "fetch"):
            raise TestError(f"fail_next({operation!r}): only rpc and fetch have a reply to lose")
        make = partial(_failure, error) if error is not None else self._default(operation)
        self._faults.armed.append(
            Fault(
                operation=operation,
                target=_target(on),
                failure=make,
                loses_reply=lose == "reply",
                source=here(),
            )
        )

    def delay_next(self, operation: Operation, seconds: float, *, on: Any = None) -> None:
        """Have the next operation of that kind take `seconds` longer, once.

        What comes behind it in the same order waits, too: calls of the same stub, messages of the
        same socket. While a commit waits, nothing leaves the object.
        """
        self._check(operation)
        self._faults.armed.append(
            Fault(operation=operation, target=_target(on), delay_s=seconds, source=here())
        )

    def unstruck(self) -> list[str]:
        """The faults that never struck, one line each."""
        return [
            f"a fault for the next {fault.operation} never struck ({fault.source})"
            for fault in self._faults.armed
        ]

    def _check(self, operation: str) -> None:
        if operation not in _OPERATIONS:
            raise TestError(
                f"there is no operation {operation!r}; there are {', '.join(sorted(_OPERATIONS))}"
            )

    def _default(self, operation: Operation) -> Callable[[], JsException]:
        return self._faults.internal_error if operation == "commit" else connection_lost


def _target(on: Any) -> tuple[str, str] | None:
    if on is None:
        return None
    stub = stub_of(on)
    return stub.namespace.unique_key, stub.id.hex


def _failure(given: BaseException | str) -> JsException:
    if isinstance(given, JsException):
        return given
    if isinstance(given, str):
        return error(given)
    kind = type(given).__name__
    return JsException(kind if kind in ERROR_NAMES else "Error", str(given))
