"""How Ctrl-C and SIGTERM end a server: the first asks, the second does not.

A program that is ended so gives the terminal back as it was found. Plain signal handlers, not the loop's: they also run while user code keeps the loop busy, so a
second Ctrl-C gets out of an endless loop.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["EXIT_CODE_FORCED", "stop_signals"]

EXIT_CODE_FORCED: Final = 128 + signal.SIGINT


@contextlib.contextmanager
def stop_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], object]) -> Iterator[None]:
    """While inside, the first SIGINT or SIGTERM calls `stop` on the loop, the second ends us."""
    was_asked = False
    restore = _terminal()

    def on_signal(_signal_number: int, _frame: FrameType | None) -> None:
        nonlocal was_asked
        if was_asked:
            restore()
            os._exit(EXIT_CODE_FORCED)
        was_asked = True
        # The signal may strike while an object's code runs; in that context the call would wait
        # for the object's gate.
        loop.call_soon_threadsafe(stop, context=contextvars.Context())

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, on_signal) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _terminal() -> Callable[[], None]:
    """A function that gives the terminal its present modes; it does nothing where there is none."""
    import termios

    try:
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
    except (OSError, ValueError, termios.error):
        return lambda: None

    def restore() -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)

    return restore
