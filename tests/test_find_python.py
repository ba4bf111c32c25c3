"""scripts/find-python: which interpreter the Makefile builds .venv with.

The fake interpreters are the running one with another version number, and a `-m venv` that works
or not. PATH holds them and the few tools of the script, so no real interpreter takes part.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "find-python"
TOOLS = ("sh", "mktemp", "rm", "sort", "uniq", "cut")
FAKE = """#!/bin/sh
case "$1 $2" in
    "-c "*) ;;
    "-m venv") exit {venv} ;;
    "-m ensurepip") exit {ensurepip} ;;
    *) exit 2 ;;
esac
exec {real} -I -S -c '
import collections, sys
_, code, base, level, *numbers = sys.argv
V = collections.namedtuple("V", "major minor micro releaselevel serial")
sys.version_info = V(*map(int, numbers), level, 0)
sys._base_executable = base
exec(code)' "$2" "{base}" {level} {version}
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell script")


@dataclass
class Machine:
    """A PATH, a home folder, and fake interpreters in them."""

    root: Path

    def __post_init__(self) -> None:
        self.bin = self.root / "bin"
        self.home = self.root / "home"
        tools = self.root / "tools"
        for folder in (self.bin, self.home, tools):
            folder.mkdir()
        for tool in TOOLS:
            path = shutil.which(tool)
            assert path is not None, f"the test needs {tool}"
            (tools / tool).symlink_to(path)
        self.environment = {"PATH": f"{self.bin}:{tools}", "HOME": str(self.home)}

    def add(
        self,
        place: str,
        version: tuple[int, int, int],
        *,
        level: str = "final",
        venv: int = 0,
        ensurepip: int = 0,
        base: str | None = None,
    ) -> str:
        text = FAKE.format(
            real=sys.executable,
            venv=venv,
            ensurepip=ensurepip,
            base=base or "$0",
            level=level,
            version=" ".join(map(str, version)),
        )
        return self.add_script(place, text)

    def add_script(self, place: str, text: str) -> str:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def find(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shutil.which("sh") or "sh", str(SCRIPT)],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=15,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_newest_of_path_and_pyenv_is_taken(machine: Machine) -> None:
    machine.add("bin/python3", (3, 11, 2))
    machine.add("bin/python3.12", (3, 12, 9))
    newest = machine.add("home/.pyenv/versions/3.13.0/bin/python3", (3, 13, 0))
    machine.add("home/.pyenv/versions/3.9.1/bin/python3", (3, 9, 1))
    assert machine.find().stdout == f"{newest}\n"


def test_versions_compare_as_numbers(machine: Machine) -> None:
    machine.add("home/.pyenv/versions/3.12.9/bin/python3", (3, 12, 9))
    newest = machine.add("home/.pyenv/versions/3.12.10/bin/python3", (3, 12, 10))
    assert machine.find().stdout == f"{newest}\n"


def test_pyenv_root_is_followed(machine: Machine) -> None:
    python = machine.add("else where/versions/3.12.1/bin/python3", (3, 12, 1))
    assert machine.find(PYENV_ROOT=str(machine.root / "else where")).stdout == f"{python}\n"


def test_uv_is_asked_where_it_exists(machine: Machine) -> None:
    python = machine.add("tools of uv/python3.12", (3, 12, 4))
    machine.add_script("bin/uv", f'#!/bin/sh\n[ "$1 $2" = "python find" ] && echo "{python}"\n')
    assert machine.find().stdout == f"{python}\n"


def test_a_shim_that_cannot_run_does_not_count(machine: Machine) -> None:
    machine.add_script(
        "bin/python3.14", "#!/bin/sh\necho 'pyenv: python3.14: not found' >&2\nexit 127\n"
    )
    python = machine.add("bin/python3.12", (3, 12, 0))
    result = machine.find()
    assert (result.stdout, result.stderr) == (f"{python}\n", "")


@pytest.mark.parametrize("broken", ["venv", "ensurepip"])
def test_an_interpreter_without_a_working_venv_does_not_count(
    machine: Machine, broken: str
) -> None:
    if broken == "venv":
        machine.add("bin/python3.13", (3, 13, 1), venv=1)
    else:
        machine.add("bin/python3.13", (3, 13, 1), ensurepip=1)
    python = machine.add("bin/python3.12", (3, 12, 0))
    assert machine.find().stdout == f"{python}\n"


def test_a_pre_release_does_not_count(machine: Machine) -> None:
    machine.add("bin/python3.15", (3, 15, 0), level="alpha")
    python = machine.add("bin/python3.14", (3, 14, 0))
    assert machine.find().stdout == f"{python}\n"


def test_a_virtual_environment_stands_for_its_interpreter(machine: Machine) -> None:
    python = machine.add("home/python3.13", (3, 13, 2))
    machine.add("bin/python3", (3, 13, 2), base=python)
    assert machine.find().stdout == f"{python}\n"


def test_a_named_interpreter_is_taken_before_newer_ones(machine: Machine) -> None:
    machine.add("bin/python3.13", (3, 13, 0))
    older = machine.add("bin/python3.12", (3, 12, 0))
    assert machine.find(DURABLE_PYTHON="python3.12").stdout == f"{older}\n"


def test_no_interpreter_is_one_clear_sentence(machine: Machine) -> None:
    machine.add("bin/python3", (3, 11, 2))
    result = machine.find()
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("find-python: no usable Python 3.12 or newer was found")
    assert result.stderr.count("\n") == 1
