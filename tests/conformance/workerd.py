"""The real runtime as a child process that runs JavaScript inside an object (box.mjs)."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import string
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from benchmarks.errors import Skipped
from benchmarks.npm import workerd
from benchmarks.servers import Launch, Server
from benchmarks.subjects import LISTENING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
WORKER: Final = "trip"
DATE: Final = "2026-11-01"
ANSWER_TIMEOUT_S: Final = 60.0


class Thrown(Exception):
    """The JavaScript threw; the text is `String(error)`."""


class Broken(Exception):
    """The object broke; the text is `String(error)` as its caller had it."""


class RealRuntime:
    """A running workerd."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def js(self, name: str, source: str, *, cls: str = "Box") -> Any:
        """Run the body of an async function of (ctx, s, sql, self) in the object `name`.

        Raises: Thrown, Broken.
        """
        return self._ask("/", {"class": cls, "name": name}, source)

    def js_of_id(self, object_id: str, source: str, *, cls: str = "Box") -> Any:
        """The same in the object of an id. Raises: Thrown, Broken."""
        return self._ask("/", {"class": cls, "id": object_id}, source)

    def id_of(self, name: str, *, cls: str = "Box") -> str:
        """The id of an object's name."""
        found: str = self._ask("/id", {"class": cls, "name": name}, "")
        return found

    def _ask(self, path: str, query: dict[str, str], source: str) -> Any:
        encoded = urllib.parse.urlencode(query, errors="surrogatepass")
        url = f"http://127.0.0.1:{self._server.port}{path}?{encoded}"
        with urllib.request.urlopen(url, data=source.encode(), timeout=ANSWER_TIMEOUT_S) as got:
            answer = json.loads(got.read())
        if "thrown" in answer:
            raise Thrown(answer["thrown"])
        if "broken" in answer:
            raise Broken(answer["broken"])
        return answer["value"]


@contextlib.contextmanager
def real_runtime(folder: Path, *, worker: str = WORKER, date: str = DATE) -> Iterator[RealRuntime]:
    """Run workerd with its objects' files in `folder`/state. Skips the test without npm."""
    try:
        binary = workerd()
    except Skipped as reason:
        pytest.skip(str(reason))
    setup = folder / "setup"
    state = folder / "state"
    setup.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    shutil.copy(HERE / "box.mjs", setup)
    template = string.Template((HERE / "box.capnp").read_text())
    (setup / "box.capnp").write_text(template.substitute(DATE=date, WORKER=worker))
    options = ["--experimental", "--control-fd=1", f"--directory-path=state={state}"]
    launch = Launch(
        command=[str(binary), "serve", "box.capnp", *options],
        cwd=setup,
        ready=LISTENING,
        # The disk's files must be as a clean end leaves them.
        stop_signal=signal.SIGTERM,
    )
    with Server("workerd", launch, setup) as server:
        yield RealRuntime(server)
