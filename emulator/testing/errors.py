"""What `durable` raises for what a test asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from emulator.runtime.eviction import Blocker

__all__ = [
    "ConnectError",
    "EvictionRefused",
    "NotANamespace",
    "NotAStub",
    "NotSleepy",
    "OutgoingFetchRefused",
    "SocketClosed",
    "SocketTimeout",
    "TestError",
]


_HANDLERS: Final = frozenset({"rpc", "fetch", "alarm", "websocket", "test"})


class TestError(EmulatorError):
    """A call of `durable` that makes no sense here; the text says why."""

    __test__ = False


class OutgoingFetchRefused(EmulatorError):  # noqa: N818  # named after what happened
    """The code under test fetched from outside, and the test gave nobody who answers."""

    def __init__(self, method: str, url: str) -> None:
        super().__init__(
            f"fetch({url!r}) ({method}) leaves the test: a world of virtual time has no network. "
            "Set durable.outgoing to a function that takes the Request and returns a Response, or "
            "run the test in real time."
        )


class ConnectError(EmulatorError):
    """The worker did not answer 101. The fields say what it answered."""

    def __init__(self, path: str, status: int, text: str) -> None:
        super().__init__(f"connect({path!r}): the worker answered {status} {text!r} instead of 101")
        self.status = status
        self.text = text


class SocketClosed(EmulatorError):  # noqa: N818  # it is an end, not a mistake
    """The connection has ended; `code`, `reason` and `was_clean` say how, as in a browser."""

    def __init__(self, code: int, reason: str, was_clean: bool) -> None:
        super().__init__(f"the connection ended: {code} {reason!r}")
        self.code = code
        self.reason = reason
        self.was_clean = was_clean


class SocketTimeout(EmulatorError, TimeoutError):  # noqa: N818  # as TimeoutError
    """What a socket waited for did not come in time, by the clock of the test."""

    def __init__(self, problem: str, timeout_s: float, source: str | None) -> None:
        super().__init__(f"{problem} within {timeout_s:g} s; connected at {source}")


class EvictionRefused(EmulatorError):  # noqa: N818  # named after what happened
    """An object cannot be evicted now; `blockers` are all the reasons."""

    def __init__(self, name: str, blockers: list[Blocker]) -> None:
        super().__init__(
            f"{_reasons(name, blockers)}\nLet them end first, or evict with force=True."
        )
        self.blockers = blockers


class NotSleepy(EmulatorError, AssertionError):  # noqa: N818
    """`assert_can_hibernate`: the object cannot; `blockers` are all the reasons."""

    def __init__(self, name: str, blockers: list[Blocker]) -> None:
        super().__init__(_reasons(name, blockers))
        self.blockers = blockers


class NotAStub(EmulatorError, TypeError):  # noqa: N818
    """A call that takes a stub got something else."""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"expected the stub of a Durable Object, such as durable.env.ROOM.getByName('a'), "
            f"but got {type(value).__name__}"
        )


class NotANamespace(EmulatorError, TypeError):  # noqa: N818
    """A call that takes a namespace got something else."""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"expected the binding of a Durable Object class, such as durable.env.ROOM, "
            f"but got {type(value).__name__}"
        )


def _reasons(name: str, blockers: list[Blocker]) -> str:
    lines = [f"{name} cannot hibernate now: {len(blockers)} thing(s) keep it awake:"]
    for blocker in blockers:
        how = "waiting at" if blocker.kind in _HANDLERS else "made at"
        source = f", {how} {blocker.source}" if blocker.source else ""
        lines.append(f"  {blocker.kind}: {blocker.detail}, {blocker.age_s:.1f} s old{source}")
    return "\n".join(lines)
