"""What `durable objects` prints. Everything that came from an object goes through `safe`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from emulator.cli.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "alarm_line",
    "blocker_lines",
    "diff_lines",
    "kv_table",
    "object_page",
    "object_table",
    "print_json",
    "row_table",
]

type Json = Any

NAME_CHARS_MAX: Final = 40
CELL_CHARS_MAX: Final = 60
_UNITS: Final = ("B", "KiB", "MiB", "GiB")
_KIB: Final = 1024


def print_json(value: Json) -> None:
    """Pure ASCII: a terminal cannot be spoken to through it."""
    click.echo(json.dumps(value, indent=2))


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [
        max(len(head), *(len(row[i]) for row in rows)) if rows else len(head)
        for i, head in enumerate(heads)
    ]
    lines = [heads, *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def size_text(count: int) -> str:
    value = float(count)
    for unit in _UNITS:
        if value < _KIB or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIB
    return str(count)


def time_text(ms: float | None) -> str:
    if ms is None:
        return "-"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{ms:.0f} ms"


def object_table(listed: Sequence[Json]) -> str:
    if not listed:
        return "There are no objects."
    heads = ("CLASS", "NAME", "ID", "STATE", "SIZE", "SOCKETS", "NEXT ALARM")
    return _columns(
        heads,
        [
            (
                safe(one["class"]),
                safe(one["name"], NAME_CHARS_MAX) if one["name"] is not None else "-",
                one["id"],
                one["state"],
                size_text(one["size_bytes"]),
                str(one["sockets"]),
                time_text(one["next_alarm_ms"]),
            )
            for one in listed
        ],
    )


def kv_table(entries: Sequence[Json]) -> str:
    if not entries:
        return "There are no keys."
    return _columns(
        ("KEY", "TYPE", "BYTES", "VALUE"),
        [
            (
                safe(entry["key"], NAME_CHARS_MAX),
                entry["type"],
                str(entry["bytes"]),
                safe(entry["preview"], CELL_CHARS_MAX),
            )
            for entry in entries
        ],
    )


def _cell(value: Json) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        tag, inner = next(iter(value.items()))
        return safe(f"{tag[1:]}:{inner}" if tag == "$bytes" else str(inner), CELL_CHARS_MAX)
    return safe(str(value), CELL_CHARS_MAX)


def row_table(rows: Json) -> str:
    if not rows["columns"]:
        return f"{rows['meta']['rows_written']} rows written"
    heads = [safe(name, NAME_CHARS_MAX) for name in rows["columns"]]
    table = _columns(heads, [[_cell(value) for value in row] for row in rows["rows"]])
    return f"{table}\n(there are more)" if rows["truncated"] else table


def alarm_line(state: Json) -> str:
    if state["running"]:
        return "running now"
    if state["due_ms"] is None:
        return "no alarm"
    return f"due {time_text(state['due_ms'])} ({state['due_ms']})"


def blocker_lines(blockers: Sequence[Json]) -> Iterator[str]:
    for blocker in blockers:
        place = f" at {safe(blocker['source'])}" if blocker["source"] else ""
        detail = safe(blocker["detail"], CELL_CHARS_MAX)
        yield f"  {blocker['kind']}: {detail}, {blocker['age_s']:.1f} s{place}"


def object_page(shown: Json) -> str:
    name = safe(shown["name"]) if shown["name"] is not None else "(no name known)"
    lines = [
        f"{safe(shown['class'])} {name}",
        f"  id          {shown['id']}",
        f"  state       {shown['state']}",
        f"  file        {safe(shown['file'])} ({size_text(shown['size_bytes'])})",
        f"  next alarm  {time_text(shown['next_alarm_ms'])}",
        f"  last seen   {time_text(shown['last_active_ms'])}",
    ]
    if shown["blockers"]:
        lines += ["awake because of", *blocker_lines(shown["blockers"])]
    if shown["sockets_list"]:
        lines.append(f"{shown['sockets']} sockets")
    for socket in shown["sockets_list"]:
        tags = ", ".join(safe(tag) for tag in socket["tags"]) or "no tags"
        kept = safe(socket["attachment_preview"] or "nothing attached", CELL_CHARS_MAX)
        lines.append(f"  {socket['socket']}: {tags}; {kept}; {socket['age_s']:.0f} s")
    tables = [table for table in shown["tables"] if not table["internal"]]
    if tables:
        lines.append("tables")
        lines += [f"  {safe(table['name'])} ({table['rows']} rows)" for table in tables]
    if shown["kv"]:
        lines.append(f"keys ({shown['kv_total']})")
        lines += [f"  {line}" for line in kv_table(shown["kv"]).splitlines()]
    return "\n".join(lines)


def diff_lines(changes: Json) -> Iterator[str]:
    """`-` is what only the first has, `+` what only the second has."""
    for key, change in changes["kv"].items():
        for sign, side in (("-", "before"), ("+", "after")):
            if side in change:
                yield safe(f"{sign} {key} = {json.dumps(change[side], ensure_ascii=False)}")
    for table, change in changes["tables"].items():
        for sign, side in (("-", "removed"), ("+", "added")):
            for row in change[side]:
                yield safe(f"{sign} {table}: {json.dumps(row, ensure_ascii=False)}")
    if changes["alarm"]:
        yield f"- alarm {time_text(changes['alarm']['before'])}"
        yield f"+ alarm {time_text(changes['alarm']['after'])}"
