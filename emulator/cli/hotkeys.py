"""Single keys that `durable dev` listens to, as wrangler's. Only where a person types.

The terminal gives single keys while the server waits for them, and is as it was for everybody
else: for `input()` and with it pdb, and when the program has ended, however it ends.
"""

from __future__ import annotations

import atexit
import builtins
import os
import signal
import sys
import termios
import tty
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

__all__ = ["Keyboard", "can_type"]

_READ_BYTES_MAX: Final = 64


def can_type() -> bool:
    """Whether a person is at a terminal, and we are not in its background."""
    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return False
        fd = sys.stdin.fileno()
    except ValueError:  # it is closed
        return False
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:  # it is a terminal that controls nobody: there is no background
        return True


class Keyboard:
    """Calls a function for each key that is in a table. Use it as a context manager."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, keys: Mapping[str, Callable[[], object]]
    ) -> None:
        self._loop = loop
        self._keys = keys
        self._fd = sys.stdin.fileno()
        self._before: Any = None  # the terminal's modes
        self._input = builtins.input

    def __enter__(self) -> Keyboard:
        self._before = termios.tcgetattr(self._fd)
        self._listen()
        self._loop.add_reader(self._fd, self._read)
        # After Ctrl-Z and `fg` the terminal has the shell's modes.
        self._loop.add_signal_handler(signal.SIGCONT, self._listen)
        atexit.register(self.restore)
        vars(builtins)["input"] = self._ask
        return self

    def __exit__(self, *exc: object) -> None:
        vars(builtins)["input"] = self._input
        self._loop.remove_reader(self._fd)
        self._loop.remove_signal_handler(signal.SIGCONT)
        self.restore()
        atexit.unregister(self.restore)

    def restore(self) -> None:
        """Give the terminal back; also from a signal handler."""
        if self._before is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def _listen(self) -> None:
        if can_type():
            tty.setcbreak(self._fd, termios.TCSANOW)

    def _ask(self, prompt: object = "", /) -> str:
        """`input()`: a line, echoed and edited as ever."""
        self.restore()
        try:
            return self._input(prompt)
        finally:
            self._listen()

    def _read(self) -> None:
        try:
            typed = os.read(self._fd, _READ_BYTES_MAX)
        except OSError:
            typed = b""
        if not typed:  # the terminal is gone
            self._loop.remove_reader(self._fd)
            return
        for key in typed.decode(errors="ignore").lower():
            action = self._keys.get(key)
            if action is not None:
                Context().run(action)
