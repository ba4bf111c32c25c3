"""A program in a pseudo-terminal, as a person has it before them, for tests that type."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S: Final = 15.0


class Terminal:
    """`python ARGUMENTS` in a terminal. Use it as an asynchronous context manager."""

    def __init__(self, *arguments: str, cwd: Path, python: str = sys.executable) -> None:
        self._command = [python, *arguments]
        self._cwd = cwd
        self.shown = ""  # everything that was printed
        self._seen = 0  # how much of it was expected already

    def _start(self) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            self._command,
            cwd=self._cwd,
            env=os.environ | {"TERM": "dumb", "NO_COLOR": "1", "PYTHON_COLORS": "0"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    async def __aenter__(self) -> Self:
        self._start()
        self._printed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # how Linux tells that the program has ended
            data = b""
        if data:
            self.shown += data.decode(errors="replace")
        else:
            asyncio.get_running_loop().remove_reader(self._master)
        self._printed.set()

    async def expect(self, text: str) -> str:
        """Wait until `text` is printed; what was printed before it since the last time.

        Raises:
            AssertionError: it was not, in TIMEOUT_S; with everything that was.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while (found := self.shown.find(text, self._seen)) < 0:
                    self._printed.clear()
                    await self._printed.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} was not printed, but:\n{self.shown}") from None
        before = self.shown[self._seen : found]
        self._seen = found + len(text)
        return before

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    async def wait(self) -> int:
        """Wait until the program has ended; its exit code."""
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(self.process.wait)
