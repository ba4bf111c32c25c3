"""What is measured and what it is held to: figures, bars, medians, ratios. Pure.

A *figure* is one number of one measurement ("p50", in microseconds, lower is better). A *row* is
that number for every contestant, one sample per round. Contestants of a row were measured in
turn (A B C, A B C, ...), so sample i of one belongs to sample i of the others: the ratio of
medians is the result, the range of the per-round ratios says how far to trust it.
"""

from __future__ import annotations

import enum
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OURS: Final = "durable"


class Better(enum.Enum):
    """Which way a figure improves; also decides the direction of its bars."""

    HIGHER = "higher"
    LOWER = "lower"


class Verdict(enum.Enum):
    PASS = "PASS"
    FAIL = "FAIL"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A limit our figure is held to: a ratio to `against`, or an absolute value without it.

    `LOWER` figures must stay at or below the limit, `HIGHER` ones at or above.
    """

    limit: float
    against: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a measurement: `key` is its name in the sample, `label` in the table."""

    key: str
    unit: str
    better: Better
    label: str = ""
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a figure and, by contestant, its samples in round order."""

    name: str
    figure: Figure
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    ours: str = OURS


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over theirs: of the medians, and the lowest and highest of any one round."""

    of_medians: float
    low: float
    high: float


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The nearest-rank percentile of values already sorted; NaN of nothing."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]


def medians(row: Row) -> dict[str, float]:
    """The median of each contestant that has a sample, in the row's order."""
    return {name: statistics.median(values) for name, values in row.samples.items() if values}


def find_ratio(row: Row, against: str) -> Ratio | None:
    """Ours over `against`; None when either was not measured or theirs is zero."""
    ours, theirs = row.samples.get(row.ours, ()), row.samples.get(against, ())
    if not ours or not theirs or not all(theirs):
        return None
    # A contestant that failed late has fewer rounds: the ones both took part in are compared.
    rounds = [mine / other for mine, other in zip(ours, theirs, strict=False)]
    return Ratio(statistics.median(ours) / statistics.median(theirs), min(rounds), max(rounds))


def judge(row: Row, bar: Bar) -> Verdict:
    """Whether our median holds the bar; UNKNOWN when a side of it is missing."""
    if bar.against is None:
        value = medians(row).get(row.ours)
    else:
        ratio = find_ratio(row, bar.against)
        value = None if ratio is None else ratio.of_medians
    if value is None:
        return Verdict.UNKNOWN
    held = value >= bar.limit if row.figure.better is Better.HIGHER else value <= bar.limit
    return Verdict.PASS if held else Verdict.FAIL


def describe_bar(row: Row, bar: Bar) -> str:
    """The bar in words, as `<= 1.5x import: PASS`."""
    sign = ">=" if row.figure.better is Better.HIGHER else "<="
    what = f" {row.figure.unit}" if bar.against is None else f"x {bar.against}"
    return f"{sign} {bar.limit:g}{what}: {judge(row, bar).value}"
