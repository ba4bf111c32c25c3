"""The control API's endpoints about what an object keeps: keys and values, SQL, the alarm.

Source: docs/control-api.md. Proof: tests/server/test_control_storage.py.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values.typed_json_read import TypedJsonError, read
from emulator.runtime.inspection.errors import NotUnderstoodError, UnknownMemberError
from emulator.runtime.inspection.lives import run_alarm
from emulator.runtime.inspection.storage import Storage, stored_view
from emulator.server.control_answers import done, download, listed
from emulator.server.control_objects import NAMESPACES, OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from emulator.runtime.inspection.objects import Target
    from emulator.runtime.inspection.panel import Panel
    from emulator.runtime.inspection.storage import KvEntry
    from emulator.server.control import Handler
    from emulator.server.control_answers import Call
    from emulator.storage.reading import Rows, Table

__all__ = ["StorageHandlers"]

type Json = Any

ROWS_MAX: Final = 10_000
EXPORT_ROWS_MAX: Final = 1_000_000
KEYS_MAX: Final = 1_000
_SAFE_INTEGER_MAX: Final = 2**53
_DUE_MS_MAX: Final = 8.64e15


class StorageHandlers:
    """Looking at what an object keeps, and editing it."""

    def __init__(self, panel: Panel) -> None:
        self._inspector = panel.inspector

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "POST", f"{NAMESPACES}/*/query", self.queries
        yield "GET", f"{OBJECT}/kv", self.keys
        yield "GET", f"{OBJECT}/kv/value", self.value
        yield "PUT", f"{OBJECT}/kv/value", self.put
        yield "DELETE", f"{OBJECT}/kv/value", self.delete
        yield "GET", f"{OBJECT}/sql/tables", self.tables
        yield "POST", f"{OBJECT}/sql/query", self.query
        yield "GET", f"{OBJECT}/sql/export", self.export
        yield "GET", f"{OBJECT}/alarm", self.alarm
        yield "PUT", f"{OBJECT}/alarm", self.set_alarm
        yield "DELETE", f"{OBJECT}/alarm", self.delete_alarm
        yield "POST", f"{OBJECT}/alarm/run", self.run_alarm

    def _target(self, call: Call) -> Target:
        return self._inspector.target(call.parts[0], call.parts[1])

    # --- keys and values -------------------------------------------------------------------

    async def keys(self, call: Call) -> web.StreamResponse:
        limit = call.number("limit", 100, most=KEYS_MAX, least=1)
        with stored_view(self._target(call)) as view:
            after = call.find("cursor") or None
            page = view.page(prefix=call.text("prefix"), after=after, limit=limit)
        return listed([_entry_json(e) for e in page.entries], page.cursor, total=page.total)

    async def value(self, call: Call) -> web.StreamResponse:
        with stored_view(self._target(call)) as view:
            return done(_entry_json(view.entry(_key(call))))

    async def put(self, call: Call) -> web.StreamResponse:
        if "value" not in call.body:
            raise NotUnderstoodError('"value" is missing.')
        try:
            value = read(call.body["value"])
        except TypedJsonError as exc:
            raise NotUnderstoodError(str(exc)) from None
        target, key = self._target(call), _key(call)
        await Storage(self._inspector, target).put(key, value)
        with stored_view(target) as view:
            return done(_entry_json(view.entry(key)))

    async def delete(self, call: Call) -> web.StreamResponse:
        key = _key(call)
        if not await Storage(self._inspector, self._target(call)).delete(key):
            raise UnknownMemberError(f"There is no key {key!r}.")
        return done({"deleted": True})

    # --- SQL -------------------------------------------------------------------------------

    async def queries(self, call: Call) -> web.StreamResponse:
        """wrangler's: several statements that read."""
        unique_key = call.parts[0]
        self._inspector.check_namespace(unique_key)
        if "durable_object_id" in call.body:
            object_id = call.field("durable_object_id", str)
        else:
            name = call.field("durable_object_name", str)
            object_id, _ = self._inspector.id_of_name(unique_key, name)
        queries = call.field("queries", list)
        if not queries:
            raise NotUnderstoodError("No queries provided")
        results: list[Json] = []
        with stored_view(self._inspector.target(unique_key, object_id)) as view:
            for query in queries:
                if not isinstance(query, dict) or not isinstance(query.get("sql"), str):
                    raise NotUnderstoodError('A query must have a string "sql".')
                rows = view.query(query["sql"], _params(query.get("params")), rows_max=ROWS_MAX)
                results.append(_rows_json(rows, None))
        return done(results)

    async def tables(self, call: Call) -> web.StreamResponse:
        with stored_view(self._target(call)) as view:
            return listed([_table_json(table) for table in view.tables()])

    async def query(self, call: Call) -> web.StreamResponse:
        target = self._target(call)
        sql = call.field("sql", str)
        params = _params(call.body.get("params"))
        limit = max(1, min(call.field("limit", int, 1000), ROWS_MAX))
        mode = call.field("mode", str, "read")
        started = time.perf_counter()
        if mode == "write":
            rows = await Storage(self._inspector, target).run_sql(sql, params, limit)
        elif mode in ("read", "explain"):
            with stored_view(target) as view:
                rows = view.query(sql, params, rows_max=limit, explain=mode == "explain")
        else:
            raise NotUnderstoodError('"mode" must be read, explain or write.')
        return done(_rows_json(rows, time.perf_counter() - started))

    async def export(self, call: Call) -> web.StreamResponse:
        table = call.text("table")
        quoted = table.replace('"', '""')
        with stored_view(self._target(call)) as view:
            if table not in {found.name for found in view.tables()}:
                raise UnknownMemberError(f"There is no table {table!r}.")
            whole = f'SELECT * FROM "{quoted}"'  # noqa: S608  # a quoted name
            rows = view.query(whole, rows_max=EXPORT_ROWS_MAX)
        name = "".join(c if c.isascii() and c.isalnum() else "_" for c in table) or "table"
        if call.text("format", "csv") == "json":
            objects = [dict(zip(rows.columns, map(_cell, row), strict=True)) for row in rows.rows]
            return download(json.dumps(objects), f"{name}.json", "application/json")
        text = io.StringIO()
        writer = csv.writer(text)  # RFC 4180
        writer.writerow(rows.columns)
        writer.writerows([_csv_cell(value) for value in row] for row in rows.rows)
        return download(text.getvalue(), f"{name}.csv", "text/csv")

    # --- the alarm -------------------------------------------------------------------------

    async def alarm(self, call: Call) -> web.StreamResponse:
        return done(self._alarm_json(self._target(call)))

    def _alarm_json(self, target: Target) -> Json:
        namespace = target.namespace
        if namespace is None:
            view = self._inspector.view(target.unique_key, target.id)
            return {"due_ms": view.next_alarm_ms, "running": False, "retries": 0}
        return {
            "due_ms": namespace.alarms.next_due_ms(target.id),
            "running": namespace.alarms.is_running(target.id),
            "retries": namespace.alarms.retries(target.id),
        }

    async def set_alarm(self, call: Call) -> web.StreamResponse:
        due_ms = call.body.get("due_ms")
        if isinstance(due_ms, bool) or not isinstance(due_ms, (int, float)):
            raise NotUnderstoodError('"due_ms" must be of type number.')
        if not 0 <= due_ms <= _DUE_MS_MAX:
            raise NotUnderstoodError('"due_ms" is no time.')
        target = self._target(call)
        await Storage(self._inspector, target).set_alarm(int(due_ms))
        return done(self._alarm_json(target))

    async def delete_alarm(self, call: Call) -> web.StreamResponse:
        await Storage(self._inspector, self._target(call)).delete_alarm()
        return done({"deleted": True})

    async def run_alarm(self, call: Call) -> web.StreamResponse:
        failure = await run_alarm(self._inspector, self._target(call))
        return done({"ran": True, "error": failure})


def _key(call: Call) -> str:
    key = call.find("key")
    if key is None:
        raise NotUnderstoodError('"key" is missing.')
    return key


def _entry_json(entry: KvEntry) -> Json:
    found = {
        "key": entry.key,
        "bytes": entry.bytes,
        "type": entry.type,
        "preview": entry.preview,
        "editable": entry.is_editable,
        "value": entry.json,
    }
    return {**found, "omitted": True} if entry.is_omitted else found


def _table_json(table: Table) -> Json:
    return {
        "name": table.name,
        "type": table.kind,
        "sql": table.sql,
        "rows": table.row_count,
        "internal": table.is_internal,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "notnull": column.is_not_null,
                "pk": column.pk,
                "default": column.default,
                "hidden": column.is_hidden,
            }
            for column in table.columns
        ],
    }


def _rows_json(rows: Rows, took_s: float | None) -> Json:
    meta: dict[str, Json] = {"rows_read": len(rows.rows), "rows_written": rows.rows_written}
    if took_s is not None:
        meta["duration_ms"] = round(took_s * 1000, 3)
    return {
        "columns": rows.columns,
        "rows": [[_cell(value) for value in row] for row in rows.rows],
        "truncated": rows.is_truncated,
        "meta": meta,
    }


def _cell(value: Any) -> Json:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, int) and abs(value) > _SAFE_INTEGER_MAX:
        return {"$bigint": str(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": "Infinity" if value > 0 else "-Infinity"}
    return value


def _csv_cell(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _params(given: Json) -> list[Any]:
    """Bindings of a statement. Raises: NotUnderstoodError."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise NotUnderstoodError('"params" must be of type array.')
    return [_param(value) for value in given]


def _param(value: Json) -> Any:
    match value:
        case None | str() | float():
            return value
        case bool():
            return int(value)
        case int():
            return value if abs(value) < 2**63 else float(value)
        case {"$bytes": str() as text}:
            try:
                return base64.b64decode(text, validate=True)
            except (ValueError, binascii.Error):
                raise NotUnderstoodError('"$bytes" must be base64.') from None
        case {"$bigint": str() as text} if text.removeprefix("-").isdigit() and len(text) < 20:
            return int(text)
        case _:
            raise NotUnderstoodError("A parameter is null, a number, a text, or $bytes.")
