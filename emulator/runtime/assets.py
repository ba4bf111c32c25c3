"""Static files: what answers a request before the worker is asked, and what `env.ASSETS` fetches.

Invariant: nothing outside the folder is ever read, however a path is written.

Source: Cloudflare's documentation of static assets; spec python-surface §4 (assets).
"""

from __future__ import annotations

import fnmatch
import hashlib
import mimetypes
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from emulator.core.values import type_error
from emulator.web.promises import Promise, Settled, rejected, resolved
from emulator.web.response import Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from emulator.core.config import Assets
    from emulator.core.values import JsValue
    from emulator.web.request import Request

__all__ = ["AssetFolder"]

_TEXT: Final = ("text/", "application/javascript", "application/json", "image/svg+xml")
_METHODS: Final = ("GET", "HEAD")


class AssetFolder:
    """The files of one worker."""

    def __init__(self, options: Assets, folder: Path) -> None:
        self._options = options
        self._root = (folder / options.directory).resolve()

    def answers(self, request: Request) -> Response | None:
        """The response to a request from outside, or None if the worker has to answer it."""
        options = self._options
        path = urlsplit(request.url).path
        if options.run_worker_first or _matches(path, options.worker_routes):
            return None
        found = self._find(request)
        is_app = options.not_found_handling == "single-page-application"
        if found is None and is_app and request._headers._find("sec-fetch-mode") == "navigate":
            return self._not_found(request)
        return found

    def fetch(self, request: Request) -> Promise | Settled:
        """`env.ASSETS.fetch(request)`: a file, or the answer for one that is not there."""
        return resolved(self._find(request) or self._not_found(request))

    def call(self, method: str, args: Iterable[JsValue]) -> Promise | Settled:
        del args
        return rejected(type_error(f'The RPC receiver does not implement the method "{method}".'))

    # --- files -----------------------------------------------------------------------------

    def _find(self, request: Request) -> Response | None:
        if request.method not in _METHODS:
            return None
        path = unquote(urlsplit(request.url).path)
        file, moved = self._resolve(path)
        if moved is not None:
            query = urlsplit(request.url).query
            location = f"{moved}?{query}" if query else moved
            return Response._fetched(307, "Temporary Redirect", [("location", location)])
        return None if file is None else _respond(file, request, 200)

    def _resolve(self, path: str) -> tuple[Path | None, str | None]:
        """The file that `path` means, or where it has moved to."""
        file = self._file(path)
        slashes = self._options.html_handling
        if file is None:
            return (None, None) if slashes == "none" else self._page(path)
        stem = path.removesuffix(".html")
        if slashes == "none" or stem == path:
            return file, None
        if stem.endswith("/index"):
            folder = stem.removesuffix("index")
            return None, (folder[:-1] or "/") if slashes == "drop-trailing-slash" else folder
        return None, f"{stem}/" if slashes == "force-trailing-slash" else stem

    def _page(self, path: str) -> tuple[Path | None, str | None]:
        """The page that `path` stands for without its suffix."""
        bare = path.rstrip("/")
        if not bare:
            return self._file("/index.html"), None
        page, index = self._file(f"{bare}.html"), self._file(f"{bare}/index.html")
        if page is None and index is None:
            return None, None
        slashes = self._options.html_handling
        if slashes == "auto-trailing-slash":
            wants_slash = page is None
        else:
            wants_slash = slashes == "force-trailing-slash"
        if path.endswith("/") != wants_slash:
            return None, f"{bare}/" if wants_slash else bare
        return page or index, None

    def _file(self, path: str) -> Path | None:
        if "\0" in path:
            return None
        file = (self._root / path.lstrip("/")).resolve()
        is_inside = file.is_relative_to(self._root)
        return file if is_inside and file.is_file() else None

    def _not_found(self, request: Request) -> Response:
        match self._options.not_found_handling:
            case "single-page-application":
                file, status = self._file("/index.html"), 200
            case "404-page":
                file, status = self._nearest_404(urlsplit(request.url).path), 404
            case _:
                file, status = None, 404
        if file is None:
            return Response._fetched(404, "Not Found", [], b"")
        return _respond(file, request, status)

    def _nearest_404(self, path: str) -> Path | None:
        folder = unquote(path)
        while True:
            folder = folder.rpartition("/")[0]
            page = self._file(f"{folder}/404.html")
            if page is not None or not folder:
                return page


def _respond(file: Path, request: Request, status: int) -> Response:
    data = file.read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if kind.startswith(_TEXT):
        kind += "; charset=utf-8"
    headers = [("cache-control", "public, max-age=0, must-revalidate"), ("etag", etag)]
    if status == 200 and request._headers._find("if-none-match") in (etag, f"W/{etag}"):
        return Response._fetched(304, "Not Modified", headers)
    headers += [("content-type", kind), ("content-length", str(len(data)))]
    body: Any = None if request.method == "HEAD" else data
    return Response._fetched(status, "OK" if status == 200 else "Not Found", headers, body)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether the last word on `path` sends it to the worker; `!` in front takes that back."""
    if any(fnmatch.fnmatchcase(path, p[1:]) for p in patterns if p.startswith("!")):
        return False
    return any(fnmatch.fnmatchcase(path, p) for p in patterns)
