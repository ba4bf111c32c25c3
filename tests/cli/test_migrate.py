"""`durable migrate` on a folder as an earlier run left it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from emulator.cli.main import durable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.py").write_text("")
    folder = tmp_path / ".wrangler" / "state" / "v3" / "do" / "w-A"
    folder.mkdir(parents=True)
    (folder / f"{'0' * 64}.sqlite").write_bytes(b"")
    write(tmp_path, {"deleted_classes": ["A"]})
    return tmp_path


def write(folder: Path, *steps: Any) -> None:
    document = {
        "name": "w",
        "main": "w.py",
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["python_workers"],
        "migrations": [
            {"tag": f"v{number}", **step}
            for number, step in enumerate(({"new_sqlite_classes": ["A"]}, *steps), start=1)
        ],
    }
    (folder / "wrangler.json").write_text(json.dumps(document))


def migrate(*arguments: str) -> str:
    result = CliRunner().invoke(durable, ["migrate", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def files(project: Path) -> list[str]:
    return sorted(path.name for path in project.rglob("*.sqlite"))


def test_a_dry_run_says_what_would_happen_and_touches_nothing(project: Path) -> None:
    before = files(project)
    assert migrate("--dry-run") == (
        "Migration v2 of w: A is deleted, with 1 object\nNothing was changed (--dry-run).\n"
    )
    assert files(project) == before


def test_it_is_done_once(project: Path) -> None:
    assert migrate() == "Migration v2 of w: A is deleted, with 1 object\n"
    assert files(project) == ["catalog.sqlite"]
    assert migrate().startswith("Nothing to migrate in ")


def test_what_is_not_done_is_said(project: Path) -> None:
    write(project, {"deleted_classes": ["A"]}, {"new_sqlite_classes": ["A"]})
    assert migrate().startswith("Migration v2 of w: the objects of A are kept")


def test_another_folder_may_be_named(project: Path) -> None:
    assert migrate("--persist-to", "elsewhere").endswith("elsewhere/v3/do.\n")
    assert not (project / "elsewhere" / "v3").exists()
