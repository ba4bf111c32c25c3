"""What npm has to compare with, fetched on demand into benchmarks/.cache (ignored by git)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.contest import progress
from benchmarks.errors import Skipped, tail

WORKERD_VERSION: Final = "1.20261117.1"
VITEST: Final = ("vitest@4.1.11", "@cloudflare/vitest-plugin@1.5.0")
CACHE: Final = Path(__file__).parent / ".cache"
INSTALL_TIMEOUT_S: Final = 300.0


def find_workerd(cache: Path = CACHE) -> Path | None:
    """The binary of the wanted version below `cache`, or None.

    The platform package's binary is run itself: the `workerd` script beside it may be a Node
    program that runs it as a child, whose memory and signals would not be the server's.
    """
    package = cache / "node_modules" / "workerd" / "package.json"
    if not package.exists() or json.loads(package.read_text())["version"] != WORKERD_VERSION:
        return None
    binaries = (cache / "node_modules" / "@cloudflare").glob("workerd-*/bin/workerd*")
    return next(iter(sorted(binaries)), None)


def workerd(cache: Path = CACHE) -> Path:
    """The binary, installed first if it is not there.

    Raises Skipped where npm is missing or cannot install it.
    """
    found = find_workerd(cache)
    if found is not None:
        return found
    install(f"workerd@{WORKERD_VERSION}", folder=cache)
    found = find_workerd(cache)
    if found is None:
        raise Skipped(f"npm has installed workerd {WORKERD_VERSION}, but its binary is missing")
    return found


def install(*packages: str, folder: Path) -> None:
    """Have npm install packages into `folder`.

    Raises Skipped where npm is missing or cannot.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise Skipped("npm was not found on PATH; install Node.js to compare with what it has")
    progress(f"installing {', '.join(packages)} into {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-save"]
    try:
        done = subprocess.run(
            [*command, *packages],
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Skipped(f"npm install took more than {INSTALL_TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        raise Skipped(f"npm could not install {', '.join(packages)}:\n{tail(done.stderr)}")


def vitest(project: Path, cache: Path = CACHE / "vitest") -> Path:
    """A folder with vitest, the platform's plugin for it, and the files of `project`.

    Raises Skipped where npm is missing or cannot install them.
    """
    if not (cache / "node_modules" / "vitest" / "package.json").exists():
        install(*VITEST, folder=cache)
    shutil.copytree(project, cache, dirs_exist_ok=True)
    return cache
