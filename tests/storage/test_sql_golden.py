"""Statements and what the real runtime answered, word for word and row for row.

`golden_sql.json` was recorded from workerd; where `counts` is absent, rowsRead and rowsWritten are
only approximated (docs/compatibility.md).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from emulator.core.values.errors import JsException

GOLDEN = json.loads((Path(__file__).parent / "golden_sql.json").read_text(encoding="utf-8"))


def as_json(value: Any) -> Any:
    """A value as the recording writes it: JavaScript numbers, blobs as lists of bytes."""
    if isinstance(value, bytes):
        return {"b": list(value)}
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def as_number(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value


NAMES = [f"{number} {case['query'][:50]}" for number, case in enumerate(GOLDEN["cases"])]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=NAMES)
def test_it_is_what_the_runtime_answers(storage, case):
    storage.exec(GOLDEN["setups"][case["setup"]])
    storage.commit()
    bindings = [as_number(value) for value in case["bindings"]]
    if "error" in case:
        with pytest.raises(JsException) as caught:
            storage.exec(case["query"], bindings)
        assert str(caught.value) == case["error"]
        return
    cursor = storage.exec(case["query"], bindings)
    counts = [[cursor.rows_read, cursor.rows_written]]
    rows = [[as_json(value) for value in row] for row in cursor.rows()]
    counts.append([cursor.rows_read, cursor.rows_written])
    assert list(cursor.column_names) == case["columns"]
    assert rows == [[as_number(value) for value in row] for row in case["rows"]]
    if "counts" in case:
        assert counts == case["counts"]
