"""What two objects keep, compared: keys, tables, alarm."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.cli.objects_find import Objects
from emulator.cli.state_api import ObjectsError, folder_api
from emulator.runtime.portable import place, unpack
from emulator.storage.layout import StateLayout

if TYPE_CHECKING:
    from emulator.cli.objects_find import Found

__all__ = ["contents", "contents_of_file", "difference"]

type Json = Any

ROWS_MAX: Final = 10_000


def contents(one: Found) -> Json:
    """Everything an object keeps, as JSON. Raises: ObjectsError."""
    kv = {}
    for entry in one.entries():
        if entry.get("omitted"):
            entry = one.ask("GET", "/kv/value", {"key": entry["key"]}).result  # noqa: PLW2901
        kv[entry["key"]] = entry["value"] if entry["type"] != "unreadable" else entry["preview"]
    tables = {}
    for table in one.ask("GET", "/sql/tables").result:
        if table["internal"] or table["type"] == "view":
            continue
        quoted = table["name"].replace('"', '""')
        query = f'SELECT * FROM "{quoted}"'  # noqa: S608  # a quoted name
        body = {"sql": query, "limit": ROWS_MAX}
        rows = one.ask("POST", "/sql/query", body=body).result
        if rows["truncated"]:
            raise ObjectsError(f"The table {table['name']} has more than {ROWS_MAX} rows.")
        tables[table["name"]] = {
            "columns": rows["columns"],
            "rows": [dict(zip(rows["columns"], row, strict=True)) for row in rows["rows"]],
        }
    return {"kv": kv, "tables": tables, "alarm": one.ask("GET", "/alarm").result["due_ms"]}


def contents_of_file(file: Path, one: Found) -> Json:
    """What the same object keeps in a portable file. Raises: ObjectsError, PortableError."""
    with tempfile.TemporaryDirectory(prefix="durable-diff-") as name:
        layout = StateLayout(Path(name) / "do")
        for found in unpack(file.read_bytes(), layout):
            if (found.namespace, found.id) == (one.namespace, one.id):
                place(found, layout)
                alarm_ms = None if found.alarm_ns is None else found.alarm_ns // 1_000_000
                with folder_api(layout.root, Path(name) / "catalog.sqlite") as api:
                    kept = contents(Objects(api).find(found.namespace, found.id))
                return {**kept, "alarm": alarm_ms}
    raise ObjectsError(f"{file} does not have {one.title}.")


def difference(before: Json, after: Json) -> Json:
    """`{"kv": …, "tables": …, "alarm": …}`, each empty or null if nothing differs."""
    kv: dict[str, Json] = {}
    for key in sorted({*before["kv"], *after["kv"]}):
        change = {
            side: kept["kv"][key]
            for side, kept in (("before", before), ("after", after))
            if key in kept["kv"]
        }
        if len(change) == 1 or _text(change["before"]) != _text(change["after"]):
            kv[key] = change
    tables: dict[str, Json] = {}
    for name in sorted({*before["tables"], *after["tables"]}):
        old, new = _rows(before, name), _rows(after, name)
        removed, added = list((old - new).elements()), list((new - old).elements())
        if removed or added:
            tables[name] = {
                "removed": [json.loads(row) for row in removed],
                "added": [json.loads(row) for row in added],
            }
    alarm = None
    if before["alarm"] != after["alarm"]:
        alarm = {"before": before["alarm"], "after": after["alarm"]}
    return {"kv": kv, "tables": tables, "alarm": alarm}


def _text(value: Json) -> str:
    # Typed JSON tells 1 from true and 0 from -0, where Python's equality does not.
    return json.dumps(value)


def _rows(kept: Json, table: str) -> Counter[str]:
    found = kept["tables"].get(table)
    return Counter() if found is None else Counter(_text(row) for row in found["rows"])
