"""`python -m benchmarks [NAME ...] [--rounds N] [--seconds S] [--json FILE]`.

Tables go to stdout, progress to stderr, the record to benchmarks/results. A missed bar is printed
and leaves the exit status 0: this machine may be the reason. A subject that broke makes it 1.
"""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import results
from benchmarks.contest import Outcome, Settings, Workload, progress
from benchmarks.errors import Failed, Skipped
from benchmarks.table import render
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS: Final = 7
SECONDS: Final = 1.0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; a wrong one ends the program with a sentence and status 2."""
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare the emulator with JavaScript on workerd and with bare aiohttp.",
        epilog="Workloads: " + "; ".join(f"{w.name} ({w.title})" for w in WORKLOADS),
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"workloads to run, default all: {names}"
    )
    parser.add_argument("--rounds", type=positive_int, default=ROUNDS, help="default %(default)s")
    parser.add_argument(
        "--seconds",
        type=positive_float,
        default=SECONDS,
        help="a sample's time, default %(default)s",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the record")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"no workload named {', '.join(unknown)}; there are {', '.join(names)}")
    return options


def positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError("must be between 0 and 3600")
    return value


def show(workload: Workload, outcome: Outcome, settings: Settings) -> None:
    """The workload's table, then why a subject is missing from it."""
    rounds = f"{settings.rounds} rounds of {settings.seconds:g} s"
    print(f"\n{workload.name}: {workload.title} ({rounds})\n")
    print(render(outcome.rows))
    for who, error in outcome.missing.items():
        word = "skipped" if isinstance(error, Skipped) else "FAILED"
        print(f"{who} {word}: {error}")
    sys.stdout.flush()


def stop(*_: object) -> None:
    """SIGTERM unwinds the stack like Ctrl-C, so that no server is left behind."""
    raise SystemExit(128 + signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen workloads; the exit status."""
    # An installed package has its bytecode on disk; no subject shall compile itself anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    options = parse(arguments)
    settings = Settings(rounds=options.rounds, seconds=options.seconds)
    signal.signal(signal.SIGTERM, stop)
    when = datetime.datetime.now(datetime.UTC)
    outcomes: list[tuple[Workload, Outcome]] = []
    for workload in WORKLOADS:
        if not options.names or workload.name in options.names:
            outcomes.append((workload, workload.run(settings)))
            show(*outcomes[-1], settings)
    path = options.json or results.RESULTS / f"{when:%Y-%m-%dT%H-%M-%SZ}.json"
    results.write(results.record(outcomes, settings, when), path)
    progress(f"\nrecord: {path}")
    errors = [error for _, outcome in outcomes for error in outcome.missing.values()]
    return 1 if any(isinstance(error, Failed) for error in errors) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
