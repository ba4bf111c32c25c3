"""The control API and the explorer's page, below `/cdn-cgi/local/`: who may ask, and who answers.

    /cdn-cgi/local/explorer           the page
    /cdn-cgi/local/explorer/api/…     the API (docs/control-api.md)

Invariants, proved in tests/server/test_control.py:

  1. Nothing answers before the Host and Origin were looked at (control_access.py).
  2. A path is split before it is decoded, and never normalised: `..` and an encoded slash are no
     way to anywhere.
  3. A GET changes nothing and wakes nobody.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from aiohttp import web

from emulator.runtime.inspection.errors import InspectionError
from emulator.server.control_access import refusal
from emulator.server.control_answers import HEADERS, ApiError, Call, failed, failure_of, read_body
from emulator.server.control_files import IMPORT, FileHandlers
from emulator.server.control_live import LiveHandlers
from emulator.server.control_objects import ObjectHandlers
from emulator.server.control_storage import StorageHandlers
from emulator.storage.reading import QueryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.runtime.inspection.panel import Panel

    type Handler = Callable[[Call], Awaitable[web.StreamResponse]]

__all__ = ["Control"]

EXPLORER: Final = "/cdn-cgi/local/explorer"
API: Final = f"{EXPLORER}/api"
_ANY: Final = "*"
_WITH_BODY: Final = frozenset({"POST", "PUT"})
_PARAMETERS_MAX: Final = 10_000


class Control:
    """Answers every request below PREFIX."""

    def __init__(self, panel: Panel, *, is_open: bool) -> None:
        """Args:
        is_open: the developer asked for it on an address that others can reach.
        """
        self._panel = panel
        self._is_open = is_open
        self._live = LiveHandlers(panel)
        objects, storage, files = (
            ObjectHandlers(panel),
            StorageHandlers(panel),
            FileHandlers(panel),
        )
        routes = [*objects.routes(), *storage.routes(), *self._live.routes(), *files.routes()]
        self._routes = [
            (method, tuple(path.strip("/").split("/")), handler) for method, path, handler in routes
        ]

    def close(self) -> None:
        """The server ends: whoever watches is told."""
        self._panel.close()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request whose path begins with PREFIX. Raises: nothing of ours."""
        try:
            refused = refusal(request.headers, is_open=self._is_open)
            if refused is not None:
                raise ApiError(HTTPStatus.FORBIDDEN, 20403, refused)
            path, _, query = request.raw_path.partition("#")[0].partition("?")
            if path == API or path.startswith(f"{API}/"):
                return await self._call(request, path.removeprefix(API).strip("/"), query)
            return self._page(request, path)
        except ApiError as exc:
            return failed(exc)
        except (InspectionError, QueryError) as exc:
            return failed(failure_of(exc))

    # --- the page --------------------------------------------------------------------------

    def _page(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        from emulator.server.explorer.page import HEADERS as PAGE_HEADERS
        from emulator.server.explorer.page import page_file

        if path == f"{EXPLORER}/":  # the page's links count from the path without a slash
            return web.Response(
                status=HTTPStatus.PERMANENT_REDIRECT, headers={**HEADERS, "Location": EXPLORER}
            )
        found = None
        if path == EXPLORER or path.startswith(f"{EXPLORER}/"):
            found = page_file(path.removeprefix(EXPLORER).removeprefix("/"))
        if found is None:
            raise ApiError(HTTPStatus.NOT_FOUND, 20404, "There is no such page.")
        if request.method not in ("GET", "HEAD"):
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, 20405, "Pages can be read only.")
        headers = {**PAGE_HEADERS, "Content-Type": found.content_type}
        return web.Response(body=found.body, headers=headers)

    # --- the API ---------------------------------------------------------------------------

    async def _call(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        handler, parts = self._find(request.method, tuple(path.split("/")))
        body: dict[str, Any] = {}
        if request.method in _WITH_BODY and path != IMPORT:
            body = _json_object(await read_body(request, "application/json"))
        return await handler(Call(request, parts, _parameters(query), body))

    async def call(
        self,
        method: str,
        path: str,
        query: str = "",
        body: dict[str, Any] | None = None,
        content: bytes | None = None,
    ) -> web.StreamResponse:
        """A call from within the process: `path` is below API. The answer as over HTTP."""
        try:
            handler, parts = self._find(method, tuple(path.strip("/").split("/")))
            return await handler(Call(None, parts, _parameters(query), body or {}, content))
        except ApiError as exc:
            return failed(exc)
        except (InspectionError, QueryError) as exc:
            return failed(failure_of(exc))

    def _find(self, method: str, path: tuple[str, ...]) -> tuple[Handler, tuple[str, ...]]:
        is_known = False
        for wanted, pattern, handler in self._routes:
            if len(pattern) != len(path) or not all(
                part in (_ANY, given) for part, given in zip(pattern, path, strict=True)
            ):
                continue
            is_known = True
            if wanted == method:
                variable = zip(pattern, path, strict=True)
                return handler, tuple(unquote(given) for part, given in variable if part == _ANY)
        if is_known:
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, 20405, f"Not with {method}.")
        raise ApiError(HTTPStatus.NOT_FOUND, 20404, "There is no such endpoint.")


def _parameters(query: str) -> dict[str, list[str]]:
    try:
        return parse_qs(
            query, keep_blank_values=True, errors="surrogatepass", max_num_fields=_PARAMETERS_MAX
        )
    except ValueError:
        raise ApiError(HTTPStatus.BAD_REQUEST, 10001, "The query cannot be read.") from None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ApiError(HTTPStatus.BAD_REQUEST, 10001, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, 10001, "The body must be a JSON object.")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)
