"""What `durable check` reads: other modules, other configurations, environments, pyproject.toml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.runtime.checking import Checked, check_project

if TYPE_CHECKING:
    from pathlib import Path

OBJECT = "from workers import DurableObject\nclass Room(DurableObject): pass\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDFLARE_ENV", raising=False)
    return tmp_path


def write(folder: Path, source: str = OBJECT, name: str = "wrangler.jsonc", **fields: Any) -> Path:
    document = {
        "name": "w",
        "main": "w.py",
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["python_workers"],
        "durable_objects": {"bindings": [{"name": "ROOM", "class_name": "Room"}]},
        "migrations": [{"tag": "v1", "new_sqlite_classes": ["Room"]}],
        **fields,
    }
    folder.mkdir(exist_ok=True)
    (folder / "w.py").write_text(source)
    path = folder / name
    path.write_text(json.dumps(document, indent=1))
    return path


def problems(checked: Checked) -> list[str]:
    return [
        f"{item.place}: {item.problem.partition(chr(10))[0]}"
        for item in (*checked.errors, *checked.warnings)
    ]


def test_a_right_project_has_no_problems(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\ndependencies = ["numpy", "anything"]\n')
    write(project)
    assert problems(check_project([None], deploys=True)) == []


def test_classes_are_found_in_other_modules_of_the_project(project: Path) -> None:
    (project / "parts").mkdir()
    (project / "parts" / "__init__.py").write_text("")
    (project / "parts" / "rooms.py").write_text(OBJECT)
    write(project, "from parts.rooms import Room")
    assert problems(check_project([None])) == []


def test_classes_and_bindings_that_do_not_fit_are_told_at_their_places(project: Path) -> None:
    bindings = [{"name": "A", "class_name": "Romo"}, {"name": "B", "class_name": "Plain"}]
    classes = ["Romo", "Plain", "Other"]
    write(
        project,
        OBJECT + "class Plain: pass\n",
        durable_objects={"bindings": bindings},
        migrations=[{"tag": "v1", "new_sqlite_classes": classes}],
    )
    checked = check_project([None])
    assert problems(checked) == [
        "wrangler.jsonc:12:5: Your Worker depends on the following Durable Objects, which are not "
        "exported in your entrypoint file: Romo.",
        "wrangler.jsonc:16:5: The class Plain (w.py:3) does not derive from DurableObject, so it "
        "has no `self.ctx` and cannot be called.",
        "wrangler.jsonc:21:3: The migrations create the class Other, which w.py does not export.",
    ]
    assert checked.errors[0].hint == 'Did you mean "Room" instead of "Romo"?'


def test_mistakes_of_syntax_are_told_wherever_they_are(project: Path) -> None:
    (project / "helper.py").write_text("x = 1\ndef f(:\n")
    write(project, OBJECT + "import helper\n")
    (project / "broken").mkdir()
    assert problems(check_project([None])) == ["helper.py:2:7: SyntaxError: invalid syntax"]
    (project / "w.py").write_bytes(b"\xff")
    (only,) = problems(check_project([None]))
    assert only.startswith("w.py: It cannot be read")


def test_every_environment_is_checked_unless_one_is_named(project: Path) -> None:
    vars_ = {"env": {"a": {"vars": "x"}, "b": {"mian": 1}}}
    write(project, durable_objects={"bindings": []}, migrations=[], **vars_)
    found = problems(check_project([None]))
    assert 'wrangler.jsonc:14:4: The field "env.a.vars" should be an object but got "x".' in found
    assert 'wrangler.jsonc:17:4: Unexpected fields found in env.b field: "mian"' in found
    assert not any(
        "env.a.vars" in item for item in problems(check_project([None], environment="b"))
    )


def test_the_warnings_of_a_file_with_errors_are_told_too(project: Path) -> None:
    write(project, nmae="x", vars="x")
    assert [len(check_project([None]).errors), len(check_project([None]).warnings)] == [1, 1]


def test_workers_that_are_checked_together_must_fit(project: Path) -> None:
    def binding(script: str, class_name: str) -> dict[str, Any]:
        entry = {"name": "X", "class_name": class_name, "script_name": script}
        return {"bindings": [entry]}

    other = write(project / "b", name="wrangler.jsonc")
    other.write_text(other.read_text().replace('"w"', '"other"'))
    first = write(project / "a", durable_objects=binding("othr", "Room"), migrations=[])
    assert problems(check_project([first])) == []
    (found,) = problems(check_project([first, other]))
    assert found.endswith(
        'No configuration given with -c has the name "othr", so env.X is not connected.'
    )
    write(project / "a", durable_objects=binding("other", "Rom"), migrations=[])
    (found,) = problems(check_project([first, other]))
    assert found.endswith("The Worker other has no class Rom in its migrations.")
    (found,) = problems(check_project([other, other]))
    assert found.endswith('Two Workers have the name "other".')


def test_deploying_is_checked_in_all_that_the_worker_imports(project: Path) -> None:
    (project / "helper.py").write_text("import threading\nthreading.Thread()\n")
    (project / "unused.py").write_text("import fcntl\n")
    (project / "python_modules").mkdir()
    (project / "python_modules" / "apsw").mkdir()
    write(project, OBJECT + "import apsw\nfrom helper import x\nimport greenlet\n")
    (project / "pyproject.toml").write_text("[project]\ndependencies = [\n  'uvloop>=1',\n]\n")
    assert problems(check_project([None])) == []
    found = problems(check_project([None], deploys=True))
    assert [item.partition(": ")[0] for item in found] == [
        "w.py:5:1",
        "helper.py:2:1",
        "pyproject.toml:3:3",
    ]
    assert found[0].startswith(
        "w.py:5:1: import greenlet: the package greenlet has compiled code ("
    )


def test_what_pywrangler_needs_is_told(project: Path) -> None:
    path = write(project, name="wrangler_like.json")
    assert problems(check_project([path], deploys=True)) == [
        "wrangler_like.json: pywrangler reads wrangler.toml and wrangler.jsonc only.",
        "wrangler_like.json: There is no pyproject.toml beside the configuration; pywrangler needs "
        "one.",
    ]
    (project / "pyproject.toml").write_text("[project")
    path = write(project)
    (found,) = problems(check_project([path], deploys=True))
    assert found.startswith("pyproject.toml: Invalid TOML document")
