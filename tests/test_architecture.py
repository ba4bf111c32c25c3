"""The rings and import directions of docs/architecture.md, checked on every run."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "emulator"
LINES_MAX = 400

# Rings from the inside out; a ring may import the rings of earlier rows. Those of one row do not
# know each other: `worker` and `server`, `web` and `storage`, `cli` and `testing`.
ROWS: list[set[str]] = [
    {"errors"},
    {"core"},
    {"web", "storage"},
    {"runtime"},
    {"worker", "server"},
    {"assembly"},
    {"cli", "testing"},
]
# The pure core cannot wait, look at the clock, roll dice or touch the outside.
IMPURE = {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
# Libraries and the rings they may be imported in: each serves in one place (docs/architecture.md).
LIBRARIES: dict[str, set[str]] = {
    "aiohttp": {"server", "assembly", "testing"},
    "aiosqlite": {"runtime", "assembly"},
    "apsw": {"storage"},
    "click": {"cli"},
    "greenlet": {"runtime", "worker"},
    "json5": {"runtime"},
    "pytest": {"testing"},
    "rich": {"cli"},
    "sqlite3": set(),
    "watchfiles": {"cli", "assembly"},
    "workers": {"worker", "testing"},
}
BANNED: dict[str, set[str]] = {
    "core": IMPURE,
    "storage": {"asyncio", "random", "secrets", "socket", "threading"},
    "web": {"multiprocessing", "pathlib", "socket", "subprocess", "threading"},
}


def ring_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def row_of(ring: str) -> int:
    rows = [number for number, row in enumerate(ROWS) if ring in row]
    assert rows, f"{ring} is no ring; put it into ROWS"
    return rows[0]


def imports(path: Path) -> set[str]:
    """Every module named by an import of the file, lazy and type-checking ones included."""
    names: set[str] = set()
    here = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=relative)
def test_imports_point_inwards(path: Path) -> None:
    ring = ring_of(path)
    if ring.startswith("__"):
        return  # the package's own front door re-exports the public API
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top != "emulator":
            continue
        target = rest.split(".")[0]
        assert rest, f"{ring} must not import the front door"
        if target != ring:
            assert row_of(target) < row_of(ring), f"{ring} must not import {name}"


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=relative)
def test_libraries_stay_in_their_ring(path: Path) -> None:
    ring = ring_of(path)
    if ring.startswith("__"):
        return
    for name in imports(path):
        top = name.partition(".")[0]
        assert ring in LIBRARIES.get(top, {ring}), f"{ring} must not import {top}"
        assert top not in BANNED.get(ring, set()), f"{ring} must not import {top}"


@pytest.mark.parametrize("path", python_files(ROOT / "objects"), ids=relative)
def test_objects_import_only_what_a_worker_may(path: Path) -> None:
    siblings = {file.stem for file in path.parent.glob("*.py")}
    allowed = {"workers", "js", "pyodide"} | siblings | sys.stdlib_module_names
    for name in imports(path):
        assert name.partition(".")[0] in allowed, f"a deployed worker has no {name}"


def test_no_file_outgrows_one_idea() -> None:
    too_long = {
        relative(path): lines
        for path in [*python_files(PACKAGE), *python_files(ROOT / "objects")]
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES_MAX
    }
    assert not too_long
