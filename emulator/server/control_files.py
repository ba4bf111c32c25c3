"""The control API's endpoints that carry objects out and in, and the recorded timeline.

Source: docs/control-api.md, docs/state-tools.md. Proof: tests/server/test_control_files.py.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import StateFolderError
from emulator.runtime.inspection.errors import NotUnderstoodError, ObjectFailedError
from emulator.runtime.inspection.transfer import export_objects, import_objects
from emulator.runtime.portable import PortableError
from emulator.server.control_answers import ApiError, done, download, listed, read_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from emulator.runtime.inspection.panel import Panel
    from emulator.server.control import Handler
    from emulator.server.control_answers import Call

__all__ = ["IMPORT", "FileHandlers"]

IMPORT: Final = "local/import"
IMPORT_BYTES_MAX: Final = 1024**3
RECORDED_MAX: Final = 10_000


class FileHandlers:
    """Export, import, and what was recorded."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "GET", "/local/export", self.export
        yield "POST", f"/{IMPORT}", self.take
        yield "GET", "/local/recorded", self.recorded

    async def export(self, call: Call) -> web.StreamResponse:
        namespace = call.find("namespace") or None
        ids = call.query.get("id", [])
        try:
            content = await export_objects(self._panel.inspector, namespace, ids)
        except StateFolderError as exc:
            raise ObjectFailedError(str(exc)) from exc
        return download(content, "objects.zip", "application/zip")

    async def take(self, call: Call) -> web.StreamResponse:
        content = call.content
        if content is None:
            content = await read_body(call.http, "application/zip", IMPORT_BYTES_MAX)
        try:
            taken = await import_objects(
                self._panel.inspector, content, replace=call.is_on("replace")
            )
        except PortableError as exc:
            raise NotUnderstoodError(str(exc)) from exc
        imported = [{"namespace": o.namespace, "id": o.id, "name": o.name} for o in taken]
        return done({"imported": imported, "skipped": []})

    async def recorded(self, call: Call) -> web.StreamResponse:
        limit = call.number("limit", 1000, most=RECORDED_MAX, least=1)
        text = call.text("before")
        try:
            before_ms = float(text) if text else math.inf
            entries: list[Any] = await self._panel.journal.read(before_ms=before_ms, limit=limit)
        except ValueError:
            raise NotUnderstoodError('"before" must be a number.') from None
        except Exception as exc:  # aiosqlite's, whatever they are
            raise ApiError(
                HTTPStatus.INTERNAL_SERVER_ERROR, 20500, f"The notebook cannot be read: {exc}."
            ) from exc
        return listed(entries)
