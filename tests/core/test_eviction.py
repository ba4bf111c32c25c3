"""Proof of emulator/core/eviction.py."""

from __future__ import annotations

from emulator.core.eviction import CRASH_SHARE, EVICT_SHARE, Disturbances, Eviction


def test_a_plain_world_disturbs_nobody() -> None:
    plain = Disturbances()
    assert not plain.is_evicted(0.0)
    assert not plain.is_crashed(0.0)
    assert not plain.evicts_early
    assert not plain.are_random


def test_every_evicts_whatever_the_dice_say() -> None:
    every = Disturbances(eviction=Eviction.EVERY)
    assert every.is_evicted(0.999)
    assert every.evicts_early
    assert not every.are_random


def test_random_evicts_as_often_as_it_says() -> None:
    some = Disturbances(eviction=Eviction.RANDOM)
    assert some.is_evicted(EVICT_SHARE - 0.01)
    assert not some.is_evicted(EVICT_SHARE)
    assert some.are_random


def test_machines_die_as_often_as_it_says() -> None:
    crashing = Disturbances(crashes=True)
    assert crashing.is_crashed(CRASH_SHARE - 0.01)
    assert not crashing.is_crashed(CRASH_SHARE)
    assert crashing.are_random


def test_interleaving_is_random() -> None:
    assert Disturbances(interleaves=True).are_random
