"""The examples do what they say: planted bugs pass an ordinary run, and fail where they should."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    def run(example: str, *options: str) -> pytest.RunResult:
        folder = pytester.path / example
        if not folder.exists():
            shutil.copytree(
                EXAMPLES / example, folder, ignore=shutil.ignore_patterns("__pycache__")
            )
        return pytester.runpytest_subprocess(
            "-c", str(folder / "pytest.ini"), "--rootdir", str(folder), str(folder),
            "-W", "error", *options,
        )  # fmt: skip

    return run


def test_the_bugs_pass_an_ordinary_run(run: Any) -> None:
    run("bugs").assert_outcomes(passed=3, xfailed=1)


def test_memory_is_lost_under_evict_every(run: Any) -> None:
    result = run("bugs", "--durable-evict=every", "-k", "forgetful or tickets")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*TimeoutError*", "*ForgetfulRoom tea  wakes (2.)*"])


def test_an_update_is_lost_under_interleave(run: Any) -> None:
    result = run("bugs", "--durable-interleave", "--durable-seed=1", "-k", "forgetful or tickets")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*assert * == 80*", "*--durable-seed=1*"])


def test_the_timer_is_named_with_its_line(run: Any) -> None:
    result = run("bugs", "--runxfail", "-k", "can_hibernate")
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
def test_the_chat_survives_everything(run: Any, options: tuple[str, ...]) -> None:
    run("chat", *options).assert_outcomes(passed=3)


def test_the_chat_loses_nothing_when_machines_die(run: Any) -> None:
    run("chat", "--durable-crash=random", "--durable-seed=4").assert_outcomes(passed=1, skipped=2)
