"""The invariants of the input gate, G1 to G4: emulator/core/gates.py, spec lifecycle §5.1, §5.2."""

from __future__ import annotations

import pytest

from emulator.core.gates import SECTION_DEPTH_MAX, Gate, InputGate
from emulator.core.values import JsException


def opened(gate: InputGate) -> Gate:
    """A section that was asked for in the innermost gate and is open now."""
    gate.ask(gate.innermost, "section")
    assert gate.next_section() == "section"
    return gate.open()


def drain(gate: InputGate) -> list[object]:
    found = []
    while (work := gate.next_parked()) is not None:
        found.append(work)
    return found


def test_an_open_gate_admits_its_own_work_and_is_idle():
    gate = InputGate("owner")
    assert gate.admits(gate.root)
    assert gate.is_idle
    assert (gate.root.owner, gate.root.parent, gate.root.depth) == ("owner", None, 0)


def test_while_a_section_is_open_only_its_own_work_is_admitted():  # G1
    gate = InputGate(None)
    section = opened(gate)
    assert gate.admits(section)
    assert not gate.admits(gate.root)
    assert not gate.is_idle


def test_work_of_a_section_around_the_innermost_one_is_not_admitted():  # G1
    gate = InputGate(None)
    outer = opened(gate)
    inner = opened(gate)
    assert (gate.admits(inner), gate.admits(outer), gate.admits(gate.root)) == (True, False, False)


def test_work_of_a_section_that_ended_counts_as_its_parents():  # G1
    gate = InputGate(None)
    outer = opened(gate)
    inner = opened(gate)
    gate.close(inner)
    assert gate.effective(inner) is outer
    assert gate.admits(inner)
    gate.close(outer)
    assert gate.effective(inner) is gate.root
    assert gate.admits(inner)
    assert gate.is_idle


def test_parked_work_leaves_in_the_order_it_came():  # G2
    gate = InputGate(None)
    section = opened(gate)
    for work in "abc":
        gate.park(gate.root, work)
    assert gate.next_parked() is None  # nothing is parked on the section
    gate.close(section)
    assert drain(gate) == ["a", "b", "c"]


def test_what_comes_after_parked_work_is_not_admitted_ahead_of_it():  # G2
    gate = InputGate(None)
    section = opened(gate)
    gate.park(gate.root, "first")
    gate.close(section)
    assert not gate.admits(gate.root)
    assert not gate.is_idle
    gate.park(gate.root, "second")
    assert drain(gate) == ["first", "second"]
    assert gate.admits(gate.root)


def test_sections_of_one_gate_open_in_the_order_they_were_asked_for():  # G3
    gate = InputGate(None)
    gate.ask(gate.root, "one")
    gate.ask(gate.root, "two")
    assert gate.next_section() == "one"
    one = gate.open()
    assert gate.next_section() is None  # "two" waits at the root, which is not innermost
    gate.close(one)
    assert gate.next_section() == "two"
    assert gate.next_section() is None


def test_a_section_that_waits_keeps_other_work_out():  # G3
    gate = InputGate(None)
    gate.ask(gate.root, "section")
    assert not gate.admits(gate.root)
    assert not gate.is_idle


def test_what_was_parked_in_a_section_goes_ahead_of_what_its_parent_parked():  # G4
    gate = InputGate(None)
    section = opened(gate)
    gate.park(gate.root, "outside 1")
    gate.park(section, "inside 1")
    gate.park(gate.root, "outside 2")
    gate.park(section, "inside 2")
    gate.close(section)
    assert drain(gate) == ["inside 1", "inside 2", "outside 1", "outside 2"]


def test_work_of_an_ended_section_is_parked_at_its_parent():
    gate = InputGate(None)
    ended = opened(gate)
    gate.close(ended)
    section = opened(gate)
    gate.park(ended, "late")
    gate.close(section)
    assert drain(gate) == ["late"]


def test_a_section_may_be_asked_for_by_code_of_an_ended_one():
    gate = InputGate(None)
    ended = opened(gate)
    gate.close(ended)
    gate.ask(ended, "later")
    assert gate.next_section() == "later"


def test_sections_nest_64_deep_and_no_deeper():
    gate = InputGate(None)
    for _ in range(SECTION_DEPTH_MAX):
        opened(gate)
    assert gate.innermost.depth == 64
    with pytest.raises(JsException) as caught:
        gate.ask(gate.innermost, "too deep")
    assert str(caught.value) == "Error: blockConcurrencyWhile() calls are nested too deeply."
    assert gate.next_section() is None


def test_sections_end_from_the_inside_out():
    gate = InputGate(None)
    outer = opened(gate)
    opened(gate)
    with pytest.raises(AssertionError, match="inside out"):
        gate.close(outer)


def test_the_root_never_ends():
    gate = InputGate(None)
    with pytest.raises(AssertionError, match="never ends"):
        gate.close(gate.root)
