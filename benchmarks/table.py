"""Rows as a text table. Pure: values in, lines out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from benchmarks.figures import Better, Row, describe_bar, find_ratio, medians

if TYPE_CHECKING:
    from collections.abc import Sequence


def number(value: float) -> str:
    """A value with three digits that matter: 21850, 214, 36.9, 1.05, 0.038."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def contestants(rows: Sequence[Row]) -> list[str]:
    """Every contestant of the rows, ours first, else in the order of first appearance."""
    names: dict[str, None] = dict.fromkeys(row.ours for row in rows)
    for row in rows:
        names.update(dict.fromkeys(row.samples))
    return list(names)


def cells(row: Row, names: Sequence[str]) -> list[str]:
    """One row's texts: name, unit, medians, ratios to the others, bars."""
    middle = medians(row)
    arrow = "^" if row.figure.better is Better.HIGHER else "v"
    out = [row.name, f"{row.figure.unit} {arrow}"]
    out += [number(middle[name]) if name in middle else "-" for name in names]
    for name in names[1:]:
        ratio = find_ratio(row, name)
        out.append(
            "-"
            if ratio is None
            else f"{number(ratio.of_medians)} ({number(ratio.low)}-{number(ratio.high)})"
        )
    out.append("; ".join(describe_bar(row, bar) for bar in row.figure.bars))
    return out


def useful(lines: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """The lines without the columns that have nothing to say but a heading."""
    keep = [i for i in range(len(lines[0])) if any(line[i].strip("-") for line in lines[1:])]
    return [[line[i] for i in keep] for line in lines]


def align(lines: Sequence[Sequence[str]]) -> str:
    """Columns side by side: the names, units and bars to the left, the numbers to the right."""
    left = [heading in ("", "unit", "bar") for heading in lines[0]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if is_left else text.rjust(width)
            for text, width, is_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in lines
    )


def render_one(rows: Sequence[Row]) -> str:
    """The table of rows about the same contestants."""
    names = contestants(rows)
    head = ["", "unit", *names, *(f"/ {name}" for name in names[1:]), "bar"]
    return align(useful([head, *(cells(row, names) for row in rows)]))


def render(rows: Sequence[Row]) -> str:
    """The rows: medians, then ours over each other with its range over the rounds, then bars.

    `^` marks a figure where higher is better, `v` one where lower is. A new table begins where
    the first contestant changes.
    """
    tables = [render_one(list(group)) for _, group in itertools.groupby(rows, lambda row: row.ours)]
    return "\n\n".join(tables) or "(nothing was measured)"
