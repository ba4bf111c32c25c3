"""The recordings of the real runtime, line by line. `make golden` shows what differs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.golden.compare import compare, lines, load_exceptions, same
from tests.golden.worlds import RECORDINGS, Recording, answer

if TYPE_CHECKING:
    from pathlib import Path

# Lines that were equal when this was last raised; it only ever goes up.
RATCHET = {"run": 132, "sql": 128, "misc": 116, "ws": 85, "sockets_alarms": 64}
SHARE_MIN = 0.95


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
@pytest.mark.filterwarnings("ignore")  # the probes walk into every trap on purpose
def test_the_emulator_answers_as_recorded(recording: Recording, tmp_path: Path) -> None:
    found = compare(recording.expected, answer(recording, tmp_path))
    known = load_exceptions().get(recording.name, {})
    new = [difference for difference in found.differences if difference.label not in known]
    assert not new
    differing = Counter(difference.label for difference in found.differences)
    lasting = load_exceptions(without_varying=True).get(recording.name, {})
    assert set(lasting) <= set(differing), "an exception that is none any more"
    assert found.equal >= RATCHET[recording.name]
    assert found.equal / found.total >= SHARE_MIN


def test_every_exception_has_a_reason_and_a_recording() -> None:
    exceptions = load_exceptions()
    assert set(exceptions) <= {recording.name for recording in RECORDINGS}
    for labels in exceptions.values():
        assert all(len(reason) > 20 for reason in labels.values())


def test_lines_are_matched_by_label_and_in_order_of_each() -> None:
    found = compare(
        "a -> int: 1\nb -> int: 2\na -> int: 3", "b -> int: 2\na -> int: 1\na -> int: 4"
    )
    assert (found.total, found.equal) == (3, 2)
    (difference,) = found.differences
    assert (difference.label, difference.expected, difference.actual) == ("a", "int: 3", "int: 4")


def test_a_missing_line_and_a_line_too_many_are_differences() -> None:
    found = compare("a -> x\nb -> y", "b -> y\nc -> z")
    assert [(d.label, d.expected, d.actual) for d in found.differences] == [
        ("a", "x", None),
        ("c", None, "z"),
    ]
    assert found.equal == 1


def test_an_error_is_not_a_value() -> None:
    assert [line.outcome for line in lines("a -> x\na !! x")] == ["x", "!! x"]


@pytest.mark.parametrize(
    ("recorded", "here"),
    [
        ("object at 0x184d048", "object at 0x7f0012345678"),
        ("7" * 64, "a" * 64),
        ("'ba34c65d-a320-4dba-893b-c66729d9c62d'", "'00000000-0000-4000-8000-000000000000'"),
        ("pyodide.ffi.JsProxy: x", "JsProxy: x"),
        ("Sun Nov 22 2026 20:42:21 GMT", "Thu Jan 01 2026 00:00:00 GMT"),
        ("<memory at 0x1>, 'a': 1, …", "<memory at 0x7fff>, 'a…"),
    ],
)
def test_what_differs_from_run_to_run_is_equal(recorded: str, here: str) -> None:
    assert same(recorded, here)


@pytest.mark.parametrize(
    ("recorded", "here"),
    [("int: 1", "int: 2"), ("Thu Jan 01 1970 00:00:01 GMT", "Thu Jan 01 1970 00:00:02 GMT")],
)
def test_what_the_probe_chose_must_be_the_same(recorded: str, here: str) -> None:
    assert not same(recorded, here)
