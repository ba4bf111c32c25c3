"""The JSON record of a run: everything needed to compare it with another one later."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Row, describe_bar, find_ratio, judge, medians
from benchmarks.npm import WORKERD_VERSION
from benchmarks.table import contestants

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from benchmarks.contest import Outcome, Settings, Workload

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

RESULTS: Final = Path(__file__).parent / "results"
DISTRIBUTIONS: Final = ("durable-emulator", "aiohttp", "apsw", "workers-runtime-sdk")


def machine() -> dict[str, Json]:
    """The machine's kind, as far as the system tells it."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"system": platform.platform(), "processor": model, "cores": os.cpu_count()}


def versions() -> dict[str, Json]:
    """Versions of the interpreter, of what is measured and of what it stands on."""
    found: dict[str, Json] = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "workerd": WORKERD_VERSION,
    }
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=RESULTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    found["commit"] = commit.stdout.strip() or None
    return found


def row_record(row: Row) -> dict[str, Json]:
    """One row with samples, medians, ratios and verdicts."""
    ratios: dict[str, Json] = {}
    for name in contestants([row])[1:]:
        ratio = find_ratio(row, name)
        if ratio is not None:
            ratios[name] = {"medians": ratio.of_medians, "low": ratio.low, "high": ratio.high}
    return {
        "name": row.name,
        "unit": row.figure.unit,
        "better": row.figure.better.value,
        "samples": {name: list(values) for name, values in row.samples.items()},
        "medians": {**medians(row)},
        "ratios_of": row.ours,
        "ratios": ratios,
        "bars": [
            {"text": describe_bar(row, bar), "verdict": judge(row, bar).value}
            for bar in row.figure.bars
        ],
    }


def record(
    outcomes: Sequence[tuple[Workload, Outcome]], settings: Settings, when: datetime.datetime
) -> dict[str, Json]:
    """The whole run as JSON values; `when` in UTC."""
    return {
        "date": when.isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "rounds": settings.rounds,
        "seconds": settings.seconds,
        "workloads": [
            {
                "name": workload.name,
                "title": workload.title,
                "rows": [row_record(row) for row in outcome.rows],
                "missing": {name: str(error) for name, error in outcome.missing.items()},
            }
            for workload, outcome in outcomes
        ],
    }


def write(result: Mapping[str, Json], path: Path) -> None:
    """Write the record, making the folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
