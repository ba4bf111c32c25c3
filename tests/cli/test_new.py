"""`durable new`: what it makes is checked, tested and served as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from emulator.cli.main import durable
from tests.dev_server import dev_server

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "my-app"
    result = CliRunner().invoke(durable, ["new", "my-app", "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def test_it_makes_a_worker_an_object_tests_and_what_deploys_them(project: Path) -> None:
    found = sorted(str(f.relative_to(project)) for f in project.rglob("*") if f.is_file())
    assert found == [
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/counter.py",
        "src/worker.py",
        "tests/test_counter.py",
        "wrangler.toml",
    ]
    assert 'name = "my-app"' in (project / "wrangler.toml").read_text()
    assert not any("{{" in f.read_text() for f in project.rglob("*") if f.is_file())


def test_it_has_no_problems_even_for_deploying(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    result = CliRunner().invoke(durable, ["check", "--deploy"])
    assert (result.exit_code, result.output) == (0, "No problems found: my-app\n")


@pytest.mark.timeout(TIMEOUT_S)
def test_its_tests_pass(project: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q"]
    result = subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout


def test_it_is_served(project: Path) -> None:
    with dev_server(config=str(project / "wrangler.toml")) as server:
        answers = [urlopen(f"http://{server.host}:{server.port}/hello").read() for _ in range(2)]
    assert [json.loads(answer) for answer in answers] == [
        {"name": "hello", "value": 1},
        {"name": "hello", "value": 2},
    ]


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = CliRunner().invoke(durable, ["new", "app", "--folder", str(tmp_path)])
    assert result.exit_code == 2
    assert "exists and is not empty" in result.stderr


@pytest.mark.parametrize("name", ["My App", "-a", "a_b", "a" * 64, "ü"])
def test_a_name_that_no_worker_may_have_is_refused(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(durable, ["new", "--folder", str(tmp_path), "--", name])
    assert result.exit_code == 2
    assert "lower-case letters, digits and dashes" in result.stderr


def test_by_default_the_folder_has_the_project_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(durable, ["new", "app"])
    assert result.exit_code == 0
    assert (tmp_path / "app" / "wrangler.toml").is_file()
    assert "cd app" in result.output
