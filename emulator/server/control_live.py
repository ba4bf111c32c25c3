"""The control API's endpoints about what happens: the timeline, the console, and both live.

Source: docs/control-api.md. Proof: tests/server/test_control_live.py.
"""

from __future__ import annotations

import itertools
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from emulator.runtime.inspection.entries import (
    CATEGORIES,
    category_of,
    chrome_trace,
    entry_json,
    line_json,
)
from emulator.runtime.inspection.errors import NotUnderstoodError
from emulator.runtime.inspection.live import Watcher
from emulator.server.control_answers import HEADERS, ApiError, done, download, listed
from emulator.server.control_objects import OBJECT, summary_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emulator.runtime.inspection.live import Batch
    from emulator.runtime.inspection.panel import Panel
    from emulator.runtime.recording import Entry, Key
    from emulator.server.control import Handler
    from emulator.server.control_answers import Call

__all__ = ["LiveHandlers"]

ENTRIES_MAX: Final = 20_000
SILENCE_S: Final = 15.0
_SEQ_MAX: Final = 2**53


class LiveHandlers:
    """What happened, and what happens."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._timeline = panel.inspector.recorder.timeline

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "GET", "/local/timeline", self.timeline
        yield "GET", f"{OBJECT}/timeline", self.timeline
        yield "GET", "/local/console", self.console
        yield "GET", f"{OBJECT}/console", self.console
        yield "GET", "/local/trace", self.trace
        yield "PUT", "/local/recording", self.recording
        yield "GET", "/local/events", self.events

    def _key_of(self, call: Call) -> Key | None:
        if not call.parts:
            return None
        target = self._panel.inspector.target(call.parts[0], call.parts[1])
        return target.unique_key, target.id

    async def timeline(self, call: Call) -> web.StreamResponse:
        chosen = self._categories(call)
        limit = call.number("limit", 1000, most=ENTRIES_MAX, least=1)
        since = call.number("since", 0, most=_SEQ_MAX)
        found: Iterable[Entry] = self._timeline.entries(since, self._key_of(call))
        if chosen:
            found = (entry for entry in found if category_of(entry.event) in chosen)
        entries = list(itertools.islice(found, limit) if "since" in call.query else found)
        shown = [entry_json(self._timeline, entry) for entry in entries[-limit:]]
        return listed(
            shown,
            first_seq=self._timeline.first_seq,
            last_seq=self._timeline.last_seq,
            dropped=self._timeline.dropped,
        )

    def _categories(self, call: Call) -> set[str]:
        chosen = {name for name in call.text("category").split(",") if name}
        if not chosen <= set(CATEGORIES):
            raise NotUnderstoodError(f'"category" must be of {", ".join(CATEGORIES)}.')
        return chosen

    async def console(self, call: Call) -> web.StreamResponse:
        limit = call.number("limit", 500, most=ENTRIES_MAX, least=1)
        lines = self._timeline.lines(call.number("since", 0, most=_SEQ_MAX), self._key_of(call))
        return listed([line_json(self._timeline, line) for line in lines[-limit:]])

    async def trace(self, call: Call) -> web.StreamResponse:
        namespace, object_id = call.find("namespace"), call.find("id")
        entries = (
            entry
            for entry in self._timeline.entries(call.number("since", 0, most=_SEQ_MAX))
            if (not namespace or (entry.key is not None and entry.key[0] == namespace))
            and (not object_id or (entry.key is not None and entry.key[1] == object_id))
        )
        trace = chrome_trace(self._timeline, entries)
        return download(json.dumps(trace), "trace.json", "application/json")

    async def recording(self, call: Call) -> web.StreamResponse:
        self._panel.journal.switch(call.field("enabled", bool))
        return done({"enabled": self._panel.journal.is_recording})

    # --- live ------------------------------------------------------------------------------

    async def events(self, call: Call) -> web.StreamResponse:
        feed = self._panel.feed
        if feed.is_full:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, 20503, "Too many watch already.")
        since = call.text("since") or call.http.headers.get("Last-Event-ID", "")
        if since and not (since.isascii() and since.isdigit() and len(since) < 16):
            raise NotUnderstoodError('"since" must be a whole number.')
        headers = {**HEADERS, "Content-Type": "text/event-stream; charset=utf-8"}
        response = web.StreamResponse(headers=headers)
        request = call.http

        def is_gone() -> bool:
            return request.transport is None or request.transport.is_closing()

        with Watcher(feed, int(since) if since else None, is_gone) as watcher:
            try:
                await response.prepare(request)
                await self._stream(response, watcher)
            except ConnectionError:
                return response  # the client went
        return response

    async def _stream(self, response: web.StreamResponse, watcher: Watcher) -> None:
        clock = self._panel.inspector.host.clock
        hello = {
            "seq": watcher.seq,
            "now_ms": clock.now_ms(),
            "recording": self._panel.journal.is_recording,
        }
        await response.write(_message("hello", hello))
        while not watcher.is_ended:
            # The write waits for a slow client; nobody waits for the write.
            if not await watcher.wait(SILENCE_S):
                await response.write(b": still here\n\n")
            elif not watcher.is_ended:
                await response.write(self._batch(watcher.batch()))

    def _batch(self, batch: Batch) -> bytes:
        timeline = self._timeline
        data = {
            "seq": batch.seq,
            "now_ms": self._panel.inspector.host.clock.now_ms(),
            "timeline": [entry_json(timeline, entry) for entry in batch.entries],
            "console": [line_json(timeline, entry) for entry in batch.lines],
            "objects": [summary_json(self._panel, view) for view in batch.objects],
            "gone": [{"namespace": key[0], "id": key[1]} for key in batch.gone],
            "dropped": batch.dropped,
            "stale": False,
        }
        return _message("batch", data, batch.seq)


def _message(name: str, data: Any, seq: int | None = None) -> bytes:
    number = "" if seq is None else f"id: {seq}\n"
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return f"event: {name}\n{number}data: {text}\n\n".encode()
