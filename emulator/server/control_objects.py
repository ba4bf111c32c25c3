"""The control API's endpoints about namespaces, objects, sockets and lives.

Source: docs/control-api.md. Proof: tests/server/test_control.py.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any, Final, Literal

from emulator.runtime.inspection.entries import category_of, entry_json
from emulator.runtime.inspection.errors import NotUnderstoodError
from emulator.runtime.inspection.lives import abort, delete, evict
from emulator.runtime.inspection.objects import matches
from emulator.runtime.inspection.sockets import Sockets
from emulator.server.control_answers import blocker_json, done, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from emulator.runtime.inspection.lives import Residency
    from emulator.runtime.inspection.objects import ObjectView, Target
    from emulator.runtime.inspection.panel import Panel
    from emulator.runtime.inspection.sockets import SocketView
    from emulator.server.control import Handler
    from emulator.server.control_answers import Call

__all__ = ["OBJECT", "ObjectHandlers", "summary_json"]

type Json = Any

NAMESPACES: Final = "/workers/durable_objects/namespaces"
OBJECT: Final = "/local/objects/*/*"
OBJECTS_MAX: Final = 10_000


class ObjectHandlers:
    """Which objects there are, what one is, and what may be done to it."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._inspector = panel.inspector

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "GET", NAMESPACES, self.namespaces
        yield "GET", f"{NAMESPACES}/*/objects", self.stored_objects
        yield "GET", "/local/workers", self.workers
        yield "GET", "/local/status", self.status
        yield "GET", "/local/objects", self.objects
        yield "GET", "/local/lookup/*", self.lookup
        yield "GET", OBJECT, self.object
        yield "DELETE", OBJECT, self.delete
        yield "GET", f"{OBJECT}/why", self.why
        yield "POST", f"{OBJECT}/evict", self.evict
        yield "POST", f"{OBJECT}/hibernate", self.hibernate
        yield "POST", f"{OBJECT}/abort", self.abort
        yield "GET", f"{OBJECT}/sockets", self.sockets
        yield "POST", f"{OBJECT}/sockets/*/send", self.send
        yield "POST", f"{OBJECT}/sockets/*/close", self.close

    def _target(self, call: Call) -> Target:
        return self._inspector.target(call.parts[0], call.parts[1])

    # --- wrangler's ------------------------------------------------------------------------

    async def namespaces(self, call: Call) -> web.StreamResponse:
        del call
        await self._inspector.refresh_names()
        return listed(
            [
                {
                    "id": view.id,
                    "name": f"{view.worker}_{view.class_name}" if view.worker else view.id,
                    "script": view.worker,
                    "class": view.class_name,
                    "use_sqlite": view.uses_sqlite,
                    "binding": view.binding,
                    "declared": view.worker is not None,
                    "objects": view.object_count,
                    "running": view.running_count,
                }
                for view in self._inspector.namespace_views()
            ]
        )

    async def stored_objects(self, call: Call) -> web.StreamResponse:
        unique_key = call.parts[0]
        self._inspector.check_namespace(unique_key)
        await self._inspector.refresh_names()
        limit = call.number("limit", 1000, most=OBJECTS_MAX, least=1)
        cursor = call.text("cursor")
        ids = [i for i in self._inspector.layout.object_ids(unique_key) if i > cursor]
        ids.sort()
        page = ids[:limit]
        found: list[Json] = []
        for object_id in page:
            view = self._inspector.view(unique_key, object_id)
            found.append({"id": object_id, "name": view.name, "hasStoredData": True})
        return listed(found, page[-1] if len(ids) > limit else "")

    async def workers(self, call: Call) -> web.StreamResponse:
        del call
        views = self._inspector.namespace_views()
        return done(
            [
                {
                    "name": name,
                    "isSelf": True,
                    "bindings": {
                        "do": [
                            {"id": v.id, "bindingName": v.binding, "className": v.class_name}
                            for v in views
                            if v.worker == name
                        ]
                    },
                }
                for name in self._inspector.workers
            ]
        )

    # --- all objects -----------------------------------------------------------------------

    async def status(self, call: Call) -> web.StreamResponse:
        del call
        panel, inspector = self._panel, self._inspector
        timeline = inspector.recorder.timeline
        return done(
            {
                "pid": os.getpid(),
                "url": panel.urls[0] if panel.urls else None,
                "version": panel.version,
                "state_folder": str(inspector.layout.root),
                "now_ms": inspector.host.clock.now_ms(),
                "started_ms": panel.started_ms,
                "recording": panel.journal.is_recording,
                "timeline": {
                    "first_seq": timeline.first_seq,
                    "last_seq": timeline.last_seq,
                    "dropped": timeline.dropped,
                },
            }
        )

    async def objects(self, call: Call) -> web.StreamResponse:
        await self._inspector.refresh_names()
        state = call.find("state")
        if state not in (None, "", "running", "hibernated", "stored"):
            raise NotUnderstoodError('"state" must be running, hibernated or stored.')
        namespace = call.find("namespace")
        views = [
            view
            for view in await self._inspector.views()
            if (not namespace or view.namespace == namespace)
            and matches(
                view,
                text=call.text("search"),
                state=state or None,
                class_name=call.find("class") or None,
            )
        ]
        limit = call.number("limit", 1000, most=OBJECTS_MAX, least=1)
        first = call.number("cursor", 0, most=len(views)) if call.text("cursor") else 0
        page = views[first : first + limit]
        cursor = str(first + limit) if first + limit < len(views) else ""
        return listed([summary_json(self._panel, v) for v in page], cursor, total=len(views))

    async def lookup(self, call: Call) -> web.StreamResponse:
        name = call.find("name")
        if name is None:
            raise NotUnderstoodError('"name" is missing.')
        object_id, exists = self._inspector.id_of_name(call.parts[0], name)
        return done({"id": object_id, "exists": exists})

    # --- one object ------------------------------------------------------------------------

    async def object(self, call: Call) -> web.StreamResponse:
        await self._inspector.refresh_names()
        target = self._target(call)
        container = target.container
        pair = None if container is None else container.sockets.auto_response
        blockers = [] if container is None else container.blockers()
        noted = self._inspector.noted(target.unique_key, target.id)
        namespace = target.namespace
        return done(
            {
                **summary_json(self._panel, self._inspector.view(target.unique_key, target.id)),
                "sockets_list": self._sockets_of(target),
                "blockers": [blocker_json(blocker) for blocker in blockers],
                "can_hibernate": not blockers,
                "residency": self._residency_of(target),
                "auto_response": None
                if pair is None
                else {"request": pair.request, "response": pair.response},
                "stored": target.file.exists(),
                "has_sql": namespace is None or namespace.has_sql,
                "file": str(target.file),
                "first_seen_ms": None if noted is None else noted.first_seen_ms,
                "last_seen_ms": None if noted is None else noted.last_seen_ms,
            }
        )

    async def why(self, call: Call) -> web.StreamResponse:
        target = self._target(call)
        container = target.container
        blockers = [] if container is None else container.blockers()
        return done(
            {
                "resident": container is not None and container.instance is not None,
                "can_hibernate": not blockers,
                "blockers": [blocker_json(blocker) for blocker in blockers],
                "residency": self._residency_of(target),
            }
        )

    def _residency_of(self, target: Target) -> Json:
        account: Residency = self._panel.residency.look((target.unique_key, target.id))
        return {
            "awake_s": account.awake_s,
            "billed_s": account.billed_s,
            "by_cause": dict(account.by_cause),
        }

    async def delete(self, call: Call) -> web.StreamResponse:
        await delete(self._inspector, self._target(call))
        return done({"deleted": True})

    async def evict(self, call: Call) -> web.StreamResponse:
        choice = call.field("web_sockets", str, "hibernate")
        if choice not in ("hibernate", "close"):
            raise NotUnderstoodError('"web_sockets" must be hibernate or close.')
        web_sockets: Literal["hibernate", "close"]
        web_sockets = "close" if choice == "close" else "hibernate"
        force = call.field("force", bool, False)
        return done({"evicted": evict(self._target(call), force=force, web_sockets=web_sockets)})

    async def hibernate(self, call: Call) -> web.StreamResponse:
        return done({"evicted": evict(self._target(call))})

    async def abort(self, call: Call) -> web.StreamResponse:
        reason = call.field("reason", str, "")
        return done({"aborted": abort(self._target(call), reason or None)})

    # --- sockets ---------------------------------------------------------------------------

    def _book_of(self, target: Target) -> Sockets:
        return Sockets(target.container, self._inspector.recorder.sockets)

    def _sockets_of(self, target: Target) -> list[Json]:
        now_ms = self._inspector.host.clock.now_ms()
        return [_socket_json(view, now_ms) for view in self._book_of(target).views()]

    async def sockets(self, call: Call) -> web.StreamResponse:
        return listed(self._sockets_of(self._target(call)))

    async def send(self, call: Call) -> web.StreamResponse:
        direction = call.field("direction", str, "to_client")
        if direction not in ("to_client", "from_client"):
            raise NotUnderstoodError('"direction" must be to_client or from_client.')
        message: str | bytes
        if "base64" in call.body:
            try:
                message = base64.b64decode(call.field("base64", str), validate=True)
            except (ValueError, binascii.Error):
                raise NotUnderstoodError('"base64" must be base64.') from None
        else:
            message = call.field("text", str)
        sockets = self._book_of(self._target(call))
        sockets.send(
            _socket_number(call),
            message,
            "from_client" if direction == "from_client" else "to_client",
        )
        return done({"sent": True})

    async def close(self, call: Call) -> web.StreamResponse:
        sockets = self._book_of(self._target(call))
        code = call.field("code", int, 1000)
        sockets.close(_socket_number(call), code, call.field("reason", str, ""))
        return done({"closed": True})


def _socket_number(call: Call) -> int:
    text = call.parts[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _socket_json(view: SocketView, now_ms: int) -> Json:
    return {
        "socket": view.number,
        "tags": list(view.tags),
        "attachment": None if view.attachment is None else view.attachment.json,
        "attachment_preview": None if view.attachment is None else view.attachment.preview,
        "ready_state": view.ready_state,
        "opened_ms": view.opened_ms,
        "age_s": round((now_ms - view.opened_ms) / 1000, 3),
        "auto_response_ms": view.auto_response_ms,
        "held_by": view.held_by,
        "waiting": view.waiting,
        "unsent_bytes": view.unsent_bytes,
        "last_frames": [
            {
                "time_ms": frame.time_ms,
                "direction": frame.direction,
                "kind": frame.kind,
                "bytes": frame.bytes,
                "text": frame.text,
                "cut": frame.is_cut,
            }
            for frame in view.frames
        ],
    }


def summary_json(panel: Panel, view: ObjectView) -> Json:
    """One object of a list."""
    timeline = panel.inspector.recorder.timeline
    last = timeline.last_of((view.namespace, view.id))
    last_event = None
    if last is not None:
        shown = entry_json(timeline, last)
        last_event = {
            "category": category_of(last.event),
            "title": shown["title"],
            "time_ms": shown["time_ms"],
            "error": shown["error"],
        }
    return {
        "namespace": view.namespace,
        "class": view.class_name,
        "worker": view.worker,
        "id": view.id,
        "name": view.name,
        "state": view.state,
        "resident": view.state == "running",
        "generation": view.generation,
        "size_bytes": view.size_bytes,
        "sockets": view.sockets,
        "in_flight": view.in_flight,
        "next_alarm_ms": view.next_alarm_ms,
        "alarm_running": view.is_alarm_running,
        "last_active_ms": view.last_active_ms,
        "last_event": last_event,
    }
