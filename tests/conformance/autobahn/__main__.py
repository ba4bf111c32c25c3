"""`python -m tests.conformance.autobahn [CASE ...]`: the Autobahn test suite on an echo object.

Its fuzzing client, wstest, needs Python 2.7; where pyenv or the PATH has one, the suite is installed
into a folder of its own, once. Without one this says so and ends with 0. The exit status is 1 if a
case failed. Compression (groups 12 and 13) is not among the cases by default: our tests cover it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.dev_server import dev_server

HERE: Final = Path(__file__).parent
SUITE: Final = HERE.parent / ".cache" / "autobahn"
PACKAGE: Final = "autobahntestsuite==25.10.1"
CASES: Final = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
START: Final = "from autobahntestsuite.wstest import run; run()"
TIMEOUT_S: Final = 1_800.0
AGENT: Final = "durable-emulator"
PASSED: Final = frozenset({"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"})


def find_python2() -> Path | None:
    """A Python 2.7 with pip."""
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = [shutil.which("python2.7"), *sorted(root.glob("versions/2.7*/bin/python2.7"))]
    for python in found:
        if python is not None:
            has_pip = subprocess.run(
                [str(python), "-m", "pip", "--version"], capture_output=True, check=False
            )
            if has_pip.returncode == 0:
                return Path(python)
    return None


def install(python: Path) -> None:
    """Install the suite for `python`, if it is not there. Raises: CalledProcessError."""
    if not (SUITE / "autobahntestsuite").is_dir():
        print(f"Installing {PACKAGE} for {python} into {SUITE}")
        SUITE.mkdir(parents=True, exist_ok=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", str(SUITE), PACKAGE], check=True)


def run(python: Path, port: int, cases: tuple[str, ...]) -> dict[str, Any]:
    """Run the fuzzing client against the server on `port`; the report's index."""
    with tempfile.TemporaryDirectory(prefix="autobahn-") as name:
        folder = Path(name)
        spec = {
            "outdir": str(folder / "reports"),
            "servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}/"}],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        # A plain path entry would not do: a package of the suite comes with a .pth file.
        start = f"import site; site.addsitedir({str(SUITE)!r}); {START}"
        subprocess.run(
            [str(python), "-c", start, "-m", "fuzzingclient", "-s", str(folder / "spec.json")],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=True,
        )
        index: dict[str, Any] = json.loads((folder / "reports" / "index.json").read_text())
        return index[AGENT]


def main() -> int:
    python = find_python2()
    if python is None:
        print("Skipped: the Autobahn test suite needs a Python 2.7 with pip; pyenv install 2.7.18.")
        return 0
    try:
        install(python)
    except subprocess.CalledProcessError as exc:
        print(f"Skipped: the suite cannot be installed ({exc}).")
        return 0
    cases = tuple(sys.argv[1:]) or CASES
    with dev_server("--in-memory", config=str(HERE / "wrangler.toml")) as server:
        results = run(python, server.port, cases)
    outcomes = Counter(result["behavior"] for result in results.values())
    closes = Counter(result["behaviorClose"] for result in results.values())
    print(f"{len(results)} cases: {dict(outcomes)}; closing: {dict(closes)}")
    failed = {
        name: (result["behavior"], result["behaviorClose"])
        for name, result in results.items()
        if not {result["behavior"], result["behaviorClose"]} <= PASSED
    }
    for name, (behavior, close) in sorted(failed.items()):
        print(f"FAILED {name}: {behavior}, closing {close}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
