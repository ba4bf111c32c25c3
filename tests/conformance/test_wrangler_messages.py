"""Real wrangler says of wrong configurations what `durable check` says, word for word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from emulator.cli.main import durable
from emulator.runtime.checking import check_project
from tests.conformance.wrangler import wrangler

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

HEAD = """\
name = "a"
main = "w.py"
compatibility_date = "2026-04-01"
compatibility_flags = ["python_workers"]
"""
BINDING = '[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n'
FILES = {
    "many mistakes": """\
name = "My Worker"
main = "w.py"
compatibility_date = "yesterday"
compatibility_flags = ["python_workers"]
foo = 1
[[durable_objects.bindings]]
class_name = "A"
clas = "x"
[[durable_objects.bindings]]
name = "B"
[[durable_objects.bindings]]
name = "C"
class_name = "C"
script_name = 1
[[durable_objects.bindings]]
name = "D"
class_name = "D"
environment = "e"
[[durable_objects.bindings]]
name = "E"
class_name = "E"
remote = "yes"
[[migrations]]
new_sqlite_clases = ["A"]
[[migrations]]
tag = "v2"
new_sqlite_classes = "A"
renamed_classes = ["A"]
[vars]
T = 2025-12-19
[dev]
port = "8787"
foo = 1
""",
    "names": HEAD
    + BINDING
    + BINDING
    + '[vars]\nA = 1\n[[kv_namespaces]]\nbinding = "A"\nid = "x"\n',
    "an array": HEAD + '[[durable_objects]]\nname = "A"\nclass_name = "A"\n',
    "no bindings": HEAD + "[durable_objects]\n",
    "a table": HEAD + '[durable_objects.bindings]\nname = "A"\n[migrations]\ntag = "v1"\n',
    "vars": HEAD + 'vars = "x"\n',
    "dashes": HEAD.replace("2026-04-01", "2026\u201304\u201301"),
    "no such file": HEAD.replace("w.py", "nope.py"),
    "syntax": HEAD + "[[durable_objects.bindings\n",
    "a value": HEAD + "x =\n",
    "an array's end": HEAD + "x = [1\n",
    "a table's end": HEAD + "x = { a = 1\n",
    "two values": HEAD + "x = 1 2\n",
    "no key": HEAD + "= 1\n",
    "an escape": HEAD + 'x = "\\q"\n',
    "twice": HEAD + 'name = "b"\n',
    "no flag": HEAD.replace('"python_workers"', ""),
}
ENVIRONMENTS = {
    "nothing repeated": HEAD + "vars = { X = 1 }\n" + BINDING + "[env.staging]\n",
    "unknown": HEAD + "[env.prod]\n",
}
# Words of a later version than the one that is asked here, and of our own.
NEWER = ("`exports`", "vars exist", "is not part of this emulator")


def flat(text: str) -> str:
    """Without colours, line breaks and the tree's dashes."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"\s+", " ", text)


def differences(folder: Path, text: str, environment: str | None = None) -> list[str]:
    """What `durable check` says in words that wrangler does not use."""
    (folder / "wrangler.toml").write_text(text)
    (folder / "w.py").write_text(
        "from workers import DurableObject\nclass A(DurableObject): pass\n"
    )
    ours = check_project([None], environment=environment)
    arguments = ["deploy", "--dry-run", "--outdir", "out"]
    done = wrangler([*arguments, *(["--env", environment] if environment else [])], cwd=folder)
    theirs = flat(done.stdout + done.stderr)
    # The module is looked into only when the configuration is right, which is not so here.
    problems = [item.problem for item in [*ours.errors, *ours.warnings]]
    assert problems, "nothing was wrong"
    return [
        problem
        for problem in problems
        if not any(word in problem for word in NEWER) and flat(problem).strip() not in theirs
    ] + ([] if done.returncode else ["wrangler took it"] if ours.errors else [])


@pytest.mark.parametrize("name", FILES)
def test_a_mistake_has_wrangler_s_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert differences(tmp_path, FILES[name]) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_wrangler_s_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert differences(tmp_path, ENVIRONMENTS[name], "staging") == []


def test_it_would_deploy_what_durable_new_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(durable, ["new", "my-app"]).exit_code == 0
    done = wrangler(["deploy", "--dry-run", "--outdir", "out"], cwd=tmp_path / "my-app")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "env.COUNTER (Counter)" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
