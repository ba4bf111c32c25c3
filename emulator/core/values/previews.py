"""A value in one short line, as a developer writes it: `{ name: 'Ada', tags: [ 1, 2 ] }`.

Made from typed JSON (typed_json.py), so that whatever shows JSON can show a preview, too.
Proof: tests/core/values/test_typed_json.py.
"""

from __future__ import annotations

import re
from typing import Any, Final

from emulator.core.values.text import number_to_string

__all__ = ["preview"]

_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*\Z", re.ASCII).match
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DEPTH_MAX: Final = 3
_WORDS: Final = {None: "null", True: "true", False: "false"}
_MEMBERS_MAX: Final = 20


def preview(json: Any, chars_max: int = 200) -> str:
    """At most `chars_max` characters, the last of them `…` if there was more."""
    text = _show(json, 0, chars_max)
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"


def _show(json: Any, depth: int, room: int) -> str:
    if json is None or isinstance(json, bool):
        return _WORDS[json]
    if isinstance(json, str):
        return _quoted(json[: room + 1])
    if isinstance(json, (int, float)):
        return number_to_string(json)
    if isinstance(json, list):
        return _array(json, depth, room)
    first = next(iter(json), "")
    if first.startswith("$"):
        return _tagged(first, json, depth, room)
    return _braces("", [(f"{_key(k)}: ", v) for k, v in json.items()], depth, room)


def _array(items: list[Any], depth: int, room: int) -> str:
    if not items:
        return "[]"
    if depth >= _DEPTH_MAX:
        return "[…]"
    return f"[ {_joined([('', item) for item in items], depth, room)} ]"


def _braces(prefix: str, members: list[tuple[str, Any]], depth: int, room: int) -> str:
    if not members:
        return f"{prefix}{{}}"
    if depth >= _DEPTH_MAX:
        return f"{prefix}{{…}}"
    return f"{prefix}{{ {_joined(members, depth, room)} }}"


def _joined(members: list[tuple[str, Any]], depth: int, room: int) -> str:
    shown: list[str] = []
    for name, value in members[:_MEMBERS_MAX]:
        shown.append(name + _show(value, depth + 1, room))
        room -= len(shown[-1])
        if room < 0:
            break
    if len(shown) < len(members):
        shown.append("…")
    return ", ".join(shown)


def _tagged(tag: str, json: dict[str, Any], depth: int, room: int) -> str:
    of = json[tag]
    match tag:
        case "$map":
            pairs = [(f"{_show(k, depth + 1, room)} => ", v) for k, v in of[:_MEMBERS_MAX]]
            return _braces(f"Map({len(of)}) ", pairs, depth, room)
        case "$set":
            return _braces(f"Set({len(of)}) ", [("", v) for v in of], depth, room)
        case "$object":
            return _braces("", [(f"{_key(k)}: ", v) for k, v in of], depth, room)
        case "$bytes":
            size = len(of) * 3 // 4 - of[-2:].count("=")
            return f"{json.get('as', 'Uint8Array')}({size} bytes)"
        case "$boxed":
            return f"[boxed {_show(of, depth + 1, room)}]"
        case _:
            return _short(tag, of, json)


def _short(tag: str, of: Any, json: dict[str, Any]) -> str:
    texts = {
        "$undefined": "undefined",
        "$hole": "<empty>",
        "$bigint": f"{of}n",
        "$date": "Invalid Date" if of is None else f"Date({of})",
        "$regexp": f"/{of}/{json.get('flags', '')}",
        "$error": f"{json.get('name', 'Error')}: {of}",
        "$ref": f"[ref {of}]",
        "$other": f"{of} {{…}}",
    }
    return texts.get(tag, str(of))


def _key(key: str) -> str:
    return key if _NAME(key) else _quoted(key)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{_CONTROL.sub(lambda m: f'\\u{ord(m[0]):04x}', escaped)}'"
