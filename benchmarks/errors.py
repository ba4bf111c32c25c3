"""What can go wrong around a measurement, kept apart from what is measured.

A `Skipped` subject could not take part for a reason outside the project (no npm); a `Failed` one
should have worked: it did not start, died, answered wrongly or stopped answering.
"""

from __future__ import annotations

from typing import Final

TAIL_LINES: Final = 15


class BenchmarkError(Exception):
    """A measurement that cannot be had; the text says which and why."""


class Skipped(BenchmarkError):
    """The machine lacks what the subject needs; the others are measured without it."""


class Failed(BenchmarkError):
    """The subject broke; the run goes on without it and ends with exit status 1."""


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last `lines` lines of a log, indented to stand under a message."""
    kept = text.rstrip().splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in kept) or "    (no output)"
