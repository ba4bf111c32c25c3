"""Proof of emulator/core/lanes.py."""

from __future__ import annotations

from random import Random

import pytest

from emulator.core.lanes import Lanes


def filled(**lanes: str) -> Lanes[str]:
    made: Lanes[str] = Lanes()
    for key, items in lanes.items():
        for item in items:
            made.put(key, item)
    return made


def drained(lanes: Lanes[str], seed: int) -> str:
    dice = Random(seed)
    taken = []
    while (item := lanes.take(dice.random())) is not None:
        taken.append(item)
    return "".join(taken)


@pytest.mark.parametrize("seed", range(50))
def test_one_lane_keeps_its_order(seed: int) -> None:  # L1
    out = drained(filled(a="123", b="xyz"), seed)
    assert [c for c in out if c in "123"] == list("123")
    assert [c for c in out if c in "xyz"] == list("xyz")


def test_every_order_of_two_lanes_is_taken_by_some_seed() -> None:
    orders = {drained(filled(a="12", b="xy"), seed) for seed in range(200)}
    assert orders == {"12xy", "1x2y", "1xy2", "x12y", "x1y2", "xy12"}


def test_a_held_lane_lets_nothing_out() -> None:  # L2
    lanes = filled(a="12", b="xy")
    lanes.hold("a")
    assert drained(lanes, 1) == "xy"
    lanes.release("a")
    assert drained(lanes, 1) == "12"


def test_a_lane_held_twice_is_released_twice() -> None:
    lanes = filled(a="1")
    lanes.hold("a")
    lanes.hold("a")
    lanes.release("a")
    assert not lanes.ready
    lanes.release("a")
    assert lanes.ready == ["a"]


def test_what_comes_may_pass_only_a_lane_that_is_empty_and_not_held() -> None:
    lanes = filled(a="1")
    assert not lanes.is_free("a")
    assert lanes.is_free("b")
    lanes.hold("b")
    assert not lanes.is_free("b")
    assert lanes.take_from("a") == "1"
    assert lanes.is_free("a")


def test_the_same_dice_give_the_same_order() -> None:  # L3
    assert drained(filled(a="12", b="xy", c="pq"), 7) == drained(filled(a="12", b="xy", c="pq"), 7)
