"""The examples do what they say: planted bugs pass an ordinary run, and fail where they should."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

type Run = Callable[..., pytest.RunResult]

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def example(run: Run, pytester: pytest.Pytester) -> Run:
    """Runs the tests of an example, in a copy."""

    def run_example(name: str, *options: str) -> pytest.RunResult:
        folder = pytester.path / name
        if not folder.exists():
            shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        where = ("-c", str(folder / "pytest.ini"), "--rootdir", str(folder), str(folder))
        return run(*where, *options)

    return run_example


def test_the_bugs_pass_an_ordinary_run(example: Run) -> None:
    example("bugs").assert_outcomes(passed=3, xfailed=1)


def test_memory_is_lost_under_evict_every(example: Run) -> None:
    result = example("bugs", "--durable-evict=every", "-k", "forgetful or tickets")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*no message came within 5 s*", "*ForgetfulRoom tea  wakes (2.)*"])


def test_an_update_is_lost_under_interleave(example: Run) -> None:
    result = example(
        "bugs", "--durable-interleave", "--durable-seed=1", "-k", "forgetful or tickets"
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*assert * == 80*", "*--durable-seed=1*"])


def test_the_timer_is_named_with_its_line(example: Run) -> None:
    result = example("bugs", "--runxfail", "-k", "can_hibernate")
    result.assert_outcomes(failed=1)
    source = (EXAMPLES / "bugs" / "worker.py").read_text().splitlines()
    [line] = [n for n, text in enumerate(source, 1) if text.strip().startswith("setInterval(")]
    result.stdout.fnmatch_lines([f"*timer: a timer, 0.0 s old, made at *worker.py:{line}"])


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--durable-evict=every",),
        ("--durable-evict=random", "--durable-interleave", "--durable-seed=1"),
        ("--durable-interleave", "--durable-seed=2"),
        ("--durable-evict=every", "--durable-interleave", "--durable-seed=3"),
    ],
    ids=" ".join,
)
def test_the_chat_survives_everything(example: Run, options: tuple[str, ...]) -> None:
    example("chat", *options).assert_outcomes(passed=3)


def test_the_chat_loses_nothing_when_machines_die(example: Run) -> None:
    example("chat", "--durable-crash=random", "--durable-seed=4").assert_outcomes(
        passed=1, skipped=2
    )
