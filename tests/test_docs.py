"""What the documents say is so: the README's worker runs, the compatibility page is not stale."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.compatibility.test_inside import CASES

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
# A fenced block whose first line is a comment naming its file.
BLOCK: Final = re.compile(r"^```(?:toml|python)\n(# (\S+)\n.*?)^```$", re.DOTALL | re.MULTILINE)
RUN_TIMEOUT_S: Final = 60.0


def section(heading: str) -> str:
    """The text below `## heading` of the README, up to the next heading of its level."""
    _, _, after = README.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert after, f"the README has no section {heading!r}"
    return after.partition("\n## ")[0]


def own_worker() -> dict[str, str]:
    """The files of the README's "Your own worker", by name."""
    return {name: text for text, name in BLOCK.findall(section("Your own worker"))}


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
    )


def test_the_own_worker_section_is_a_config_an_object_and_a_test() -> None:
    files = own_worker()
    assert set(files) == {"wrangler.toml", "worker.py", "test_counter.py"}


@pytest.mark.timeout(RUN_TIMEOUT_S)
def test_the_own_worker_of_the_readme_passes_its_test_elsewhere(tmp_path: Path) -> None:
    for name, text in own_worker().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    # pytest-asyncio, which is installed here but need not be there, warns when this is unset.
    setting = "asyncio_default_fixture_loop_scope=function"
    result = run("-W", "error", "-m", "pytest", "-q", "-o", setting, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout


def test_the_compatibility_page_is_fresh_and_names_tests_that_exist() -> None:
    result = run("docs/build.py", "--check", cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_cases_that_the_compatibility_page_names_exist() -> None:
    cases = {case.claim for case in CASES}
    for file in sorted((ROOT / "docs" / "compatibility").glob("*.toml")):
        for row in tomllib.loads(file.read_text(encoding="utf-8"))["row"]:
            for test in row.get("tests", ()):
                path, _, case = test.partition("::test_inside[")
                assert not case or case.removesuffix("]") in cases, f"{file.name}: {path} {case}"


def test_the_links_of_the_documents_lead_somewhere() -> None:
    documents = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for document in documents:
        prose = re.sub(r"`[^`]*`", "", document.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
