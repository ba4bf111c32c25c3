"""Python's own clocks, for the code of workers: in a virtual world they tell the world's time.

`time.time()` and `datetime.now()` are what Python code reaches for, and on the platform they agree
with `Date.now()`. So they do here, while a world is open, for code of objects and of the worker.
Everybody else, tests and pytest included, goes on in real time.

Proof: tests/testing/test_python_clock.py.
"""

from __future__ import annotations

import ctypes
import datetime
import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator.runtime.gates import current_gate
from emulator.runtime.worker import current_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.runtime.host import Host

__all__ = ["world_time"]


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


def _datetime_methods() -> dict[str, Any]:
    """The class methods of `datetime` that tell the time; `today()` asks `time.time()` itself."""
    real_now = vars(datetime.datetime)["now"]

    def now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> Any:
        now_s = _now_s()
        return real_now.__get__(None, cls)(tz) if now_s is None else cls.fromtimestamp(now_s, tz)

    def utcnow(cls: type[datetime.datetime]) -> Any:
        return cls.now(datetime.UTC).replace(tzinfo=None)

    return {"now": classmethod(now), "utcnow": classmethod(utcnow)}


def _replace_methods(methods: dict[str, Any]) -> dict[str, Any]:
    """Put class methods into `datetime` itself; what they replace.

    A class of our own instead would not be the `datetime` that others have imported, and no
    library could extend it.
    """
    names = gc.get_referents(vars(datetime.datetime))[0]
    before = {name: names[name] for name in methods}
    names.update(methods)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
    return before


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
    clocks = _clocks()
    before = {name: getattr(time, name) for name in clocks}
    methods = _replace_methods(_datetime_methods())
    vars(time).update(clocks)
    try:
        yield
    finally:
        vars(time).update(before)
        _replace_methods(methods)
