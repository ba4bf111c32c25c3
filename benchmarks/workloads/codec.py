"""`codec`: writing and reading the bytes of stored values, as multiples of Python's own json.

The documents are the five of spec performance §5. json has less to say (no undefined, no cycles, one
kind of number), but it is what people compare with.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Bar
from benchmarks.in_process import InProcess, Race, calls

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS: Final[dict[str, Any]] = {
    "integer": 42,
    "text": "hello world",
    "small object": {"a": 1, "b": [1, 2]},
    "user record": {
        "id": 12345,
        "name": "Ada",
        "email": "a@b.c",
        "tags": ["x", "y"],
        "active": True,
        "score": 1.5,
    },
    "20 chat messages": [
        {"user": f"u{i}", "text": f"hello there {i}", "ts": 1_700_000_000_000 + i}
        for i in range(20)
    ],
}
BAR: Final = (Bar(limit=5, against="json"),)


def write_race(name: str, document: Any) -> Race:
    """A JavaScript value to bytes, against a Python value to JSON."""
    from emulator.core.values import to_js
    from emulator.core.values.codec import dumps

    value = to_js(document)
    return Race(
        name=f"write {name}",
        contestants={
            "codec": calls(partial(dumps, value)),
            "json": calls(partial(json.dumps, document)),
        },
        bars=BAR,
    )


def read_race(name: str, document: Any) -> Race:
    """Bytes to a JavaScript value, against JSON to a Python value."""
    from emulator.core.values import to_js
    from emulator.core.values.codec import dumps, loads

    blob, text = dumps(to_js(document)), json.dumps(document)
    return Race(
        name=f"read {name}",
        contestants={
            "codec": calls(partial(loads, blob)),
            "json": calls(partial(json.loads, text)),
        },
        bars=BAR,
    )


def races() -> list[Callable[[], Race]]:
    return [
        partial(race, name, document)
        for name, document in DOCUMENTS.items()
        for race in (write_race, read_race)
    ]


CODEC: Final = InProcess(
    name="codec", title="the bytes of stored values, in process", races=races()
)
