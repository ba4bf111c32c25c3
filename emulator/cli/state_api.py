"""The way of `durable objects` to the objects: the running server's API, or the stopped one's files.

Both are the same API (docs/control-api.md): of a stopped server it runs in this process.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from emulator.errors import EmulatorError
from emulator.runtime.config import find_config
from emulator.runtime.running import find_running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emulator.server.control import Control

__all__ = ["Answer", "ObjectsError", "StateApi", "folder_api", "open_api", "state_root"]

type Query = Mapping[str, str] | Sequence[tuple[str, str]]

API: Final = "/cdn-cgi/local/explorer/api"
TIMEOUT_S: Final = 60.0


class ObjectsError(EmulatorError):
    """What was asked for cannot be done; the text says why."""

    def __init__(self, text: str, result: Any = None) -> None:
        super().__init__(text)
        self.result = result


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: the result, beside a list its `info`; or the `content` of a download."""

    result: Any = None
    info: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""


class StateApi(Protocol):
    """Asks about objects."""

    def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Any = None,
        content: bytes | None = None,
    ) -> Answer:
        """Raises: ObjectsError."""


class _Server:
    """A running server."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + API
        # A proxy of the environment has no business between two processes of one machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Any = None,
        content: bytes | None = None,
    ) -> Answer:
        data = content
        headers = {"Content-Type": "application/zip"}
        if content is None and method in ("POST", "PUT"):
            data = json.dumps({} if body is None else body).encode()
            headers = {"Content-Type": "application/json"}
        url = f"{self._url}{path}?{_query(query)}"
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as found:
                return _answer(found.status, found.headers.get_content_type(), found.read())
        except urllib.error.HTTPError as exc:
            return _answer(exc.code, exc.headers.get_content_type(), exc.read())
        except (OSError, ValueError) as exc:
            raise ObjectsError(f"The server at {self._url} does not answer: {exc}.") from exc


class _Folder:
    """A state folder that no server runs on."""

    def __init__(self, runner: asyncio.Runner, control: Control) -> None:
        self._runner = runner
        self._control = control

    def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Any = None,
        content: bytes | None = None,
    ) -> Answer:
        found: Any = self._runner.run(
            self._control.call(method, path, _query(query), body, content)
        )
        return _answer(found.status, found.content_type, bytes(found.body))


def _query(query: Query | None) -> str:
    return urllib.parse.urlencode(query or {}, errors="surrogatepass")


def _answer(status: int, content_type: str, content: bytes) -> Answer:
    if content_type != "application/json":
        if status != HTTPStatus.OK:
            raise ObjectsError(
                "The server has no control API: it listens on an address that others can reach. "
                "Stop it, or start it with --explorer."
            )
        return Answer(content=content)
    told = json.loads(content)
    if isinstance(told, dict) and told.get("success") is True:
        return Answer(told["result"], told.get("result_info", {}))
    if isinstance(told, dict) and "errors" in told:
        raise ObjectsError("; ".join(e["message"] for e in told["errors"]), told["result"])
    return Answer(content=content)


def state_root(config: Path | None, persist_to: Path | None) -> Path:
    """The folder of all state: `persist_to`, or .wrangler/state beside the configuration.

    Raises: ObjectsError, if there is no configuration.
    """
    if persist_to is not None:
        return persist_to.resolve()
    found = config if config is not None else find_config(Path.cwd())
    if found is None:
        raise ObjectsError(
            "There is no wrangler file from this folder up. Name one with -c FILE, or the state "
            "folder with --persist-to DIR."
        )
    return found.resolve().parent / ".wrangler" / "state"


@contextmanager
def open_api(root: Path) -> Iterator[StateApi]:
    """The API of the server that runs on a state folder, or of its files.

    Raises: ObjectsError.
    """
    running = find_running(root / "durable")
    if running is not None:
        server = _Server(running.url)
        if _is_server(server, running.pid):
            yield server
            return
    with folder_api(root / "v3" / "do", root / "durable" / "catalog.sqlite") as api:
        yield api


def _is_server(server: _Server, pid: int) -> bool:
    """Whether it is the server that wrote the file, and not another program with its number.

    Raises: ObjectsError, for a server without a control API.
    """
    try:
        status = server.ask("GET", "/local/status")
    except ObjectsError as exc:
        if isinstance(exc.__cause__, OSError):
            return False
        raise
    return isinstance(status.result, dict) and status.result.get("pid") == pid


@contextmanager
def folder_api(folder: Path, catalog: Path) -> Iterator[StateApi]:
    """The API of the class folders in `folder`. Raises: ObjectsError."""
    from emulator.assembly import open_folder
    from emulator.runtime.gates import GatedLoop

    if not folder.is_dir():
        raise ObjectsError(f"{folder} is no state folder: nothing was ever stored there.")
    with asyncio.Runner(loop_factory=GatedLoop) as runner:
        opened = open_folder(folder, catalog)
        control = runner.run(opened.__aenter__())
        try:
            yield _Folder(runner, control)
        finally:
            runner.run(opened.__aexit__(None, None, None))
