"""The wheel, installed elsewhere, runs the README's "Your own worker". No network is needed."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

from tests.terminal import Terminal
from tests.test_docs import own_worker
from tests.wire import request

pytest.importorskip("hatchling", reason="the wheel is built with hatchling: pip install '.[dev]'")
pytestmark = pytest.mark.timeout(120)

ROOT: Final = Path(__file__).parents[1]
RUN_TIMEOUT_S: Final = 60.0


def run(*command: str | Path, cwd: Path) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel, and the dependencies that we have."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    [packages] = folder.glob("lib/python*/site-packages")
    # As a plain path: an editable installation there does not come along.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return python


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in own_worker().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.partition("/")[0] for name in names}
    assert len(folders) == 2
    assert "emulator" in folders
    assert "emulator/py.typed" in names
    assert not [name for name in names if name.endswith((".pyc", ".sqlite"))]


def test_the_installed_package_is_the_wheels(python: Path, tmp_path: Path) -> None:
    told = run(python, "-c", "import emulator; print(emulator.__file__)", cwd=tmp_path)
    assert told.startswith(str(python.parents[1]))


def test_the_readmes_own_worker_passes_its_test(python: Path, project: Path) -> None:
    setting = "asyncio_default_fixture_loop_scope=function"
    told = run(python, "-W", "error", "-m", "pytest", "-q", "-o", setting, cwd=project)
    assert "2 passed" in told


@pytest.mark.asyncio
async def test_the_command_serves_the_readmes_own_worker(python: Path, project: Path) -> None:
    command = python.parent / "durable"
    async with Terminal(
        str(command), "dev", "--port", "0", cwd=project, python=str(python)
    ) as terminal:
        await terminal.expect("Ready on http://localhost:")
        port = int((await terminal.expect("\r\n")).strip())
        for count in (1, 2):
            answer = await request("127.0.0.1", port, "GET", "/a")
            assert answer.text == f'{{"value": {count}}}'
        terminal.process.terminate()
        assert await terminal.wait() == 0
    assert list(
        (project / ".wrangler" / "state" / "v3" / "do" / "counter-Counter").glob("*.sqlite")
    )
    assert (project / ".wrangler" / "state" / "durable" / "catalog.sqlite").is_file()
