from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from emulator.cli.main import COMMANDS, durable
from emulator.errors import EmulatorError

if TYPE_CHECKING:
    import pytest

    from emulator.cli.main import LazyGroup


def group() -> LazyGroup:
    return durable  # type: ignore[return-value]


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(durable, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.stdout


def test_an_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(durable, ["dve"])
    assert result.exit_code == 2
    assert "No such command 'dve'" in result.stderr


def test_an_error_of_ours_is_its_own_words_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def failing() -> None:
        raise EmulatorError("the disk is full\nuse another one")

    monkeypatch.setattr(group(), "get_command", lambda _ctx, _name: failing)
    result = CliRunner().invoke(durable, ["failing"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: the disk is full\nuse another one\n"


def test_help_imports_nothing_heavy() -> None:
    heavy = ("aiohttp", "apsw", "asyncio", "rich", "watchfiles", "workers", "json5", "difflib")
    program = (
        "import sys\n"
        "from emulator.cli.main import durable\n"
        "durable(['dev', '--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=15
    )
    assert result.stderr == "[]\n"
    assert "--persist-to DIR" in result.stdout


def test_the_package_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "emulator", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=15,
    )
    assert result.stdout.startswith("Usage: durable [OPTIONS] COMMAND")
