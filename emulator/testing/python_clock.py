"""Python's own clocks, for the code of workers: in a virtual world they tell the world's time.

`time.time()` and `datetime.now()` are what Python code reaches for, and on the platform they agree
with `Date.now()`. So they do here, while a world is open, for code of objects and of the worker.
Everybody else, tests and pytest included, goes on in real time.

Proof: tests/testing/test_python_clock.py.
"""

from __future__ import annotations

import datetime
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from emulator.runtime.gates import current_gate
from emulator.runtime.worker import current_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.runtime.host import Host

__all__ = ["world_time"]

_Datetime: Final = datetime.datetime
_Date: Final = datetime.date


def _host() -> Host | None:
    """The host of the code that runs now, if it is the code of a worker."""
    gate = current_gate.get()
    if gate is not None:
        host: Host = gate.owner.host
        return host
    worker = current_worker()
    return None if worker is None else worker.host


def _now_s() -> float | None:
    host = _host()
    return None if host is None else host.clock.now_ms() / 1000


class _Everyone(type):
    """A class that stands for another one: what is an instance of that is one of this."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__base__)  # type: ignore[arg-type]

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.__base__)  # type: ignore[arg-type]


class _WorldDatetime(datetime.datetime, metaclass=_Everyone):
    """`datetime.datetime`, with the world's time. It makes instances of the real one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        now_s = _now_s()
        return _Datetime.now(tz) if now_s is None else _Datetime.fromtimestamp(now_s, tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


class _WorldDate(datetime.date, metaclass=_Everyone):
    """`datetime.date`, with the world's time. It makes instances of the real one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Date(*args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        return _WorldDatetime.now().date()


def _clocks() -> dict[str, Callable[..., Any]]:
    """The functions of `time` that tell the time, by name; the real ones are kept inside."""
    wall, wall_ns = time.time, time.time_ns  # noqa: TID251  # what they are replaced by asks a Clock
    run, run_ns = time.monotonic, time.monotonic_ns  # noqa: TID251

    def now() -> float:
        now_s = _now_s()
        return wall() if now_s is None else now_s

    def now_ns() -> int:
        host = _host()
        return wall_ns() if host is None else host.clock.now_ms() * 1_000_000

    def monotonic() -> float:
        host = _host()
        return run() if host is None else host.loop.time()

    def monotonic_ns() -> int:
        host = _host()
        return run_ns() if host is None else int(host.loop.time() * 1e9)

    def at(convert: Callable[[float | None], Any]) -> Callable[..., Any]:
        return lambda seconds=None: convert(_now_s() if seconds is None else seconds)

    return {
        "time": now,
        "time_ns": now_ns,
        "monotonic": monotonic,
        "monotonic_ns": monotonic_ns,
        "gmtime": at(time.gmtime),
        "localtime": at(time.localtime),
        "ctime": at(time.ctime),
    }


@contextmanager
def world_time() -> Iterator[None]:
    """Let Python's clocks tell worker code the time of its world."""
    replacements = [
        *((time, name, clock) for name, clock in _clocks().items()),
        (datetime, "datetime", _WorldDatetime),
        (datetime, "date", _WorldDate),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in replacements]
    for module, name, replacement in replacements:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for module, name, original in before:
            setattr(module, name, original)
