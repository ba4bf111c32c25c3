"""What user code prints, noted beside what it logs: which object printed which line.

The streams stay what they were; a line that code of a worker has written to them is noted, too.

Proof: tests/runtime/test_recording.py.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from emulator.runtime.gates import current_gate
from emulator.runtime.worker import current_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["noted_prints"]

LINE_CHARS_MAX: Final = 10_000

type Note = Callable[[str, bool], None]
"""Takes a line without its end, and whether it went to the error stream."""


class _Tap:
    """A stream that tells of the lines that worker code writes."""

    def __init__(self, stream: Any, note: Note, *, is_error: bool) -> None:
        self._stream = stream
        self._note = note
        self._is_error = is_error
        self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        count: int = self._stream.write(text)
        if current_gate.get() is not None or current_request.get() is not None:
            self._take(text)
        return count

    def _take(self, text: str) -> None:
        *lines, begun = (self._begun + text).split("\n")
        self._begun = begun[:LINE_CHARS_MAX]
        for line in lines:
            self._note(line[:LINE_CHARS_MAX], self._is_error)


@contextmanager
def noted_prints(note: Note) -> Iterator[None]:
    """Until the end of the block, what worker code prints is noted."""
    before = sys.stdout, sys.stderr
    taps: tuple[Any, Any] = (
        _Tap(sys.stdout, note, is_error=False),
        _Tap(sys.stderr, note, is_error=True),
    )
    sys.stdout, sys.stderr = taps
    try:
        yield
    finally:
        # Somebody else may have put streams of their own in place meanwhile.
        if sys.stdout is taps[0]:
            sys.stdout = before[0]
        if sys.stderr is taps[1]:
            sys.stderr = before[1]
