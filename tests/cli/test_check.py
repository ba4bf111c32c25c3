from __future__ import annotations

import shutil
from pathlib import Path

from click.testing import CliRunner

from emulator.cli.main import durable

ROOT = Path(__file__).parents[2]


def test_the_repository_s_own_worker_has_no_problems() -> None:
    result = CliRunner().invoke(durable, ["check", "-c", str(ROOT / "wrangler_like.toml")])
    assert (result.exit_code, result.output) == (0, "No problems found: durable-objects\n")


def test_the_worker_can_be_deployed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "wrangler_like.toml", tmp_path / "wrangler.toml")
    shutil.copytree(ROOT / "objects", tmp_path / "objects")
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    arguments = ["check", "--deploy", "-c", str(tmp_path / "wrangler.toml")]
    result = CliRunner().invoke(durable, arguments)
    assert (result.exit_code, result.output) == (0, "No problems found: durable-objects\n")
