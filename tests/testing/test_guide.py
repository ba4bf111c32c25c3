"""docs/testing.md does what it says: its files are written, its commands run, in their order.

A block whose first line is a comment with a file's name is that file from there on. In a console
block, `$ pytest ...` is run, and the lines below it must come out in that order (`*` is anything).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

type Run = Callable[..., pytest.RunResult]

GUIDE: Final = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCK: Final = re.compile(r"^```(toml|python|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE: Final = re.compile(r"# (\S+\.(?:py|toml))\n")


@pytest.mark.timeout(120)
def test_the_guide_does_what_it_says(run: Run, pytester: pytest.Pytester) -> None:
    commands = 0
    for kind, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if kind != "console":
            name = FILE.match(text)
            assert name is not None, f"a block without a file's name: {text[:40]!r}"
            (pytester.path / name[1]).write_text(text, encoding="utf-8")
            continue
        for command, *expected in _commands(text):
            commands += 1
            program, *arguments = shlex.split(command)
            assert program == "pytest"
            result = run(*arguments)
            result.stdout.fnmatch_lines(expected)
    assert commands > 8


def _commands(text: str) -> list[list[str]]:
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:]])
        else:
            found[-1].append(line)
    return found


def test_every_call_of_durable_is_in_the_reference() -> None:
    from emulator.testing.durable_objects import Durable

    text = GUIDE.read_text(encoding="utf-8")
    inner = {"close", "find_leaks", "unstruck", "emulator", "namespaces"}
    for name in dir(Durable):
        if not name.startswith("_") and name not in inner:
            assert f"durable.{name}" in text, f"docs/testing.md does not tell of durable.{name}"


def test_every_option_is_in_the_reference(pytestconfig: pytest.Config) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for name in vars(pytestconfig.option):
        if name.startswith("durable_"):
            assert f"--{name.replace('_', '-')}" in text
