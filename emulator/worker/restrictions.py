"""What the host's Python offers and the platform's does not: threads, processes, entropy at import.

They are refused to the code of workers only: the emulator, the tests and the libraries that serve
them go on as ever.

Source: spec python-surface §2.5; golden/python-workers (probe_sockets_alarms).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from emulator.core.compat import IMPORT_TIME, THREADS, user_frame, warn
from emulator.runtime.gates import current_gate
from emulator.runtime.worker import current_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from emulator.runtime.host import Host

__all__ = ["Restrictions", "watched_entropy"]

NOT_SUPPORTED: Final = 138  # Emscripten's ENOTSUP
# Libraries that serve the emulator itself, whoever's code is running.
_OURS: Final = ("emulator", "aiohttp", "aiosqlite", "apsw", "watchfiles")
_LOOPS: Final = ("emulator.runtime.gates", "emulator.testing.virtual_time")  # part of asyncio here
_RANDOM: Final = (
    *("betavariate", "choice", "choices", "expovariate", "gauss", "getrandbits", "normalvariate"),
    *("randbytes", "randint", "random", "randrange", "sample", "shuffle", "triangular", "uniform"),
)


def _is_worker_code() -> bool:
    """Whether the code of a worker asks, itself or by way of a library."""
    if current_gate.get() is None and current_request.get() is None:
        return False
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        top = name.partition(".")[0]
        if top in _OURS and name not in _LOOPS:
            return frame.f_code.co_filename == __file__
        if top not in sys.stdlib_module_names and name not in _LOOPS:
            return True
        frame = frame.f_back
    return False


class Restrictions:
    """Takes threads and processes away from worker code, between `install` and `lift`."""

    def __init__(self) -> None:
        self._start: Callable[..., None] | None = None
        self._popen: Callable[..., None] | None = None

    def install(self) -> None:
        start = self._start = threading.Thread.start
        popen = self._popen = subprocess.Popen.__init__

        def start_thread(thread: threading.Thread) -> None:
            if _is_worker_code():
                warn(THREADS, "There are no threads on the platform.")
                raise RuntimeError("can't start new thread")
            start(thread)

        def start_process(process: Any, *args: Any, **kwargs: Any) -> None:
            if _is_worker_code():
                warn(THREADS, "There are no processes on the platform.")
                raise OSError(NOT_SUPPORTED, "emscripten does not support processes.")
            popen(process, *args, **kwargs)

        _replace(threading.Thread, "start", start_thread)
        _replace(subprocess.Popen, "__init__", start_process)

    def lift(self) -> None:
        assert self._start is not None, "they were installed"
        _replace(threading.Thread, "start", self._start)
        _replace(subprocess.Popen, "__init__", self._popen)


def _replace(owner: type, name: str, method: Any) -> None:
    setattr(owner, name, method)


class _Watched:
    """A source of randomness that says so when a worker asks it while it is imported.

    It is an object and not a function, so that a class that keeps it does not bind it.
    """

    def __init__(self, function: Callable[..., Any], host: Host, root: str) -> None:
        self._function = function
        self._host = host
        self._root = root

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._host.is_importing:
            frame = user_frame(2)
            if frame is not None and frame.f_code.co_filename.startswith(self._root):
                warn(IMPORT_TIME, "There is no entropy while a worker is imported.")
        return self._function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


@contextmanager
def watched_entropy(host: Host, root: str) -> Iterator[None]:
    """While a worker is imported: announce that its code asks for randomness.

    Args:
        root: the folder of the worker's code; the libraries that it imports are let be.
    """
    places: list[tuple[Any, str]] = [(os, "urandom"), (random, "_urandom")]
    places += [(random, name) for name in _RANDOM if hasattr(random, name)]
    before = [(module, name, getattr(module, name)) for module, name in places]
    host.is_importing = True
    for module, name, function in before:
        setattr(module, name, _Watched(function, host, root))
    try:
        yield
    finally:
        host.is_importing = False
        for module, name, function in before:
            setattr(module, name, function)
