"""npm's wrangler, fetched on demand beside the benchmarks' workerd."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.npm import CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION: Final = "4.86.0"
SCRIPT: Final = CACHE / "node_modules" / "wrangler" / "bin" / "wrangler.js"
INSTALL_TIMEOUT_S: Final = 300.0
RUN_TIMEOUT_S: Final = 120.0


def wrangler(arguments: Sequence[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run wrangler. Skips the test without Node.js or npm."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node was not found on PATH")
    if not SCRIPT.exists():
        install()
    return subprocess.run(
        [node, str(SCRIPT), *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "WRANGLER_SEND_METRICS": "false"},
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )


def install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm was not found on PATH")
    CACHE.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(CACHE), "--no-audit", "--no-fund", "--no-save"]
    done = subprocess.run(
        [npm, "install", *options, f"wrangler@{VERSION}"],
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if not SCRIPT.exists():
        pytest.skip(f"npm could not install wrangler: {done.stderr[-500:]}")
