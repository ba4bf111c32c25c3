"""`python -m tests.golden [NAME ...]`: equal and total lines per recording, and every difference.

Exits with 1 if a line differs that exceptions.toml does not name.
"""

from __future__ import annotations

import io
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.golden.compare import Difference, compare, load_exceptions
from tests.golden.worlds import RECORDINGS, answer


def show(difference: Difference, reason: str | None) -> None:
    mark = "known" if reason else "NEW"
    print(f"  {mark} {difference.label}")
    print(f"    recorded: {difference.expected or '(no such line)'}")
    print(f"    here:     {difference.actual or '(no such line)'}")
    if reason:
        print(f"    because:  {reason}")


def main(names: list[str]) -> int:
    """Compare the recordings `names`, all of them by default; the exit status."""
    warnings.simplefilter("ignore")  # the probes walk into every trap on purpose
    exceptions = load_exceptions()
    new = 0
    for recording in RECORDINGS:
        if names and recording.name not in names:
            continue
        shown = io.StringIO()  # what the probe itself writes to the console
        with (
            tempfile.TemporaryDirectory() as folder,
            redirect_stdout(shown),
            redirect_stderr(shown),
        ):
            result = compare(recording.expected, answer(recording, Path(folder)))
        share = 100 * result.equal / result.total
        print(f"{recording.name}: {result.equal}/{result.total} ({share:.1f} %)")
        known = exceptions.get(recording.name, {})
        for difference in result.differences:
            reason = known.get(difference.label)
            new += reason is None
            show(difference, reason)
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
