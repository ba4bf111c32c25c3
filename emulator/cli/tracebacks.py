"""Tracebacks as people read them: what went wrong, then the user's own lines, innermost first.

Errors of user code come as the text that Python printed (WorkerError.text), so this reads text.
Frames of libraries, the SDK among them, are folded into one line.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Frame", "Trace", "fold", "is_users", "parse"]

_HEADING: Final = "Traceback (most recent call last):"
_FRAME: Final = re.compile(r'  File "(.*)", line (\d+)(?:, in (.*))?')
_LINKS: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_LIBRARIES: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}python_modules{os.sep}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One line that was running. `source` is its text, "" where it is not known."""

    file: str
    line: int
    function: str
    source: str = ""

    @property
    def heading(self) -> str:
        within = f", in {self.function}" if self.function else ""
        return f'  File "{self.file}", line {self.line}{within}'


@dataclass(frozen=True, slots=True)
class Trace:
    """One exception: its frames, outermost first, and its message with the class."""

    frames: tuple[Frame, ...]
    message: str


def is_users(frame: Frame, roots: Iterable[str]) -> bool:
    """Whether the frame is in the code of a worker, below one of the folders `roots`."""
    if any(part in frame.file for part in _LIBRARIES):
        return False
    return any(frame.file.startswith(root + os.sep) for root in roots)


def parse(text: str) -> list[Trace]:
    """The exceptions of a printed chain, the last one raised last; none if it is no traceback."""
    traces: list[Trace] = []
    frames: list[Frame] = []
    message: list[str] = []
    for line in [*text.rstrip().split("\n"), _HEADING]:
        found = _FRAME.fullmatch(line)
        if line == _HEADING or line in _LINKS:
            said = "\n".join(message).strip()
            if said or frames:
                traces.append(Trace(tuple(frames), said))
            frames, message = [], []
        elif found is not None:
            frames.append(Frame(found[1], int(found[2]), found[3] or ""))
        elif frames and not message and line.startswith("  "):
            frames[-1] = _with_source(frames[-1], line)
        else:
            message.append(line)
    return traces


def _with_source(frame: Frame, line: str) -> Frame:
    source = line.strip()
    if frame.source or not source.strip("~^ "):  # the second is Python's underlining
        return frame
    return Frame(frame.file, frame.line, frame.function, source)


def fold(text: str, roots: Sequence[str]) -> str:
    """The same for the terminal: each exception, with the user's lines below it."""
    traces = parse(text)
    if not any(trace.frames for trace in traces) or any(not t.message for t in traces):
        return text.rstrip()
    parts: list[str] = []
    for trace in reversed(traces):
        lines = [trace.message if not parts else f"caused by {trace.message}"]
        own = [frame for frame in trace.frames if is_users(frame, roots)]
        for frame in reversed(own or trace.frames):
            lines += [frame.heading, *([f"    {frame.source}"] if frame.source else [])]
        hidden = len(trace.frames) - len(own or trace.frames)
        if hidden:
            lines.append(f"  ... and {hidden} frame{'s' * (hidden > 1)} of libraries")
        parts.append("\n".join(lines))
    return "\n".join(parts)
