"""Compares an answer with a recording, label by label."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Comparison", "Difference", "Line", "compare", "load_exceptions"]

EXCEPTIONS: Final = Path(__file__).parent / "exceptions.toml"

# What differs from run to run, and what stands for it.
_NORMAL: Final = (
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<id>"),
    (re.compile(r"'[0-9a-f]{16}'"), "'<id>'"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+"), "<time>"),
    # Only the days that the probes did not choose themselves.
    (
        re.compile(
            r"(?!Thu Jan 01 1970|Fri Jan 02 2026)[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} [\d:]{8} GMT"
        ),
        "<time> GMT",
    ),
    (re.compile(r"\bpyodide\.ffi\.(?=Js)"), ""),
)
_LABEL: Final = re.compile(r"(.*?) (?:->|!!) (.*)", re.DOTALL).fullmatch
_CUT: Final = "…"
_WIDTH: Final = 170  # where probe_sockets_alarms.py cuts, without a sign that it did


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an answer: what was tried, and what came of it."""

    label: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A label whose outcome is not the recorded one. None: no such line."""

    label: str
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an answer compares: the lines recorded, and what differs."""

    total: int
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> int:
        return self.total - sum(d.expected is not None for d in self.differences)


def lines(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        if not line:
            continue
        match = _LABEL(line)
        if match is not None:
            mark = "!! " if f"{match[1]} !! " == line[: len(match[1]) + 4] else ""
            yield Line(match[1], mark + match[2])
        else:
            head, _, rest = line.partition(" ")
            yield Line(head, rest)


def normal(outcome: str) -> str:
    for pattern, replacement in _NORMAL:
        outcome = pattern.sub(replacement, outcome)
    return outcome


def same(expected: str, actual: str) -> bool:
    mine, theirs = normal(actual), normal(expected)
    if mine == theirs:
        return True
    if (len(expected) >= _WIDTH and len(actual) >= _WIDTH) or (_CUT in expected and _CUT in actual):
        # Both were cut, not at the same place: addresses differ in length.
        mine, theirs = mine.rpartition(_CUT)[0] or mine, theirs.rpartition(_CUT)[0] or theirs
        shorter = min(len(mine), len(theirs)) - len("0x")
        return mine[:shorter] == theirs[:shorter]
    return False


def compare(expected: str, actual: str) -> Comparison:
    """Match the lines of each label in order. The order of different labels does not matter."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines(actual):
        found[line.label].append(line.outcome)
    total = 0
    differences = []
    for line in lines(expected):
        total += 1
        mine = found[line.label].pop(0) if found[line.label] else None
        if mine is None or not same(line.outcome, mine):
            differences.append(Difference(line.label, line.outcome, mine))
    for label, rest in found.items():
        differences += [Difference(label, None, outcome) for outcome in rest]
    return Comparison(total, tuple(differences))


def load_exceptions(*, without_varying: bool = False) -> Mapping[str, Mapping[str, str]]:
    """By recording: the labels that may differ, each with its reason.

    Args:
        without_varying: leave out those that are equal under some Pythons.
    """
    tables = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))
    if without_varying:
        tables = {
            name: [item for item in items if not item.get("varies")]
            for name, items in tables.items()
        }
    return {
        name: {item["label"]: item["reason"] for item in items} for name, items in tables.items()
    }
