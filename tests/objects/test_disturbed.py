"""WebSocketServer under everything the platform may do to it: three seeds here, a hundred in soak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.objects.test_crashes import nobody_is_left
from tests.objects.test_transcripts_virtual import ON_THE_WIRE, VirtualSession
from tests.objects.transcripts import TRANSCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from emulator.testing.durable_objects import Durable
    from emulator.testing.world import Workshop

CONFIG: Final = Path(__file__).parents[2] / "wrangler_like.toml"
# T17 is about the order in which three closes arrive, which is what interleaving changes.
UNORDERED: Final = sorted(TRANSCRIPTS.keys() - ON_THE_WIRE - {"T17"})
SEEDS: Final = range(1, 4)
SEEDS_SOAKED: Final = range(100, 200)


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    from emulator.testing.world import Workshop

    return Workshop()


def disturbed(
    workshop: Workshop,
    seed: int,
    test: Callable[[Durable], Coroutine[Any, Any, Any]],
    **disturbances: Any,
) -> Any:
    """Run `test` in a disturbed world of WebSocketServer; what it returns."""
    from emulator.core.eviction import Disturbances
    from emulator.testing.world import WorldOptions, open_world

    options = WorldOptions(seed=seed, disturbances=Disturbances(**disturbances))
    with open_world(CONFIG, options=options, workshop=workshop) as (durable, world):
        return world.run(test(durable))


def play_all(workshop: Workshop, seed: int, **disturbances: Any) -> None:
    for name in UNORDERED:

        async def play(durable: Durable, name: str = name) -> None:
            async with VirtualSession(durable) as session:
                await TRANSCRIPTS[name](session)

        disturbed(workshop, seed, play, **disturbances)


def test_every_session_goes_well_when_the_room_is_evicted_between_any_two_events(
    workshop: Workshop,
) -> None:
    from emulator.core.eviction import Eviction

    play_all(workshop, 1, eviction=Eviction.EVERY)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_session_goes_well_in_any_order(workshop: Workshop, seed: int) -> None:
    from emulator.core.eviction import Eviction

    play_all(workshop, seed, interleaves=True, eviction=Eviction.RANDOM)


@pytest.mark.parametrize("seed", SEEDS)
def test_clients_that_come_back_find_a_room_that_counts_right(
    workshop: Workshop, seed: int
) -> None:
    lost = disturbed(workshop, seed, nobody_is_left, crashes=True, interleaves=True)
    assert lost > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS_SOAKED)
def test_nor_does_any_other_seed_find_anything(workshop: Workshop, seed: int) -> None:
    from emulator.core.eviction import Eviction

    play_all(workshop, seed, interleaves=True, eviction=Eviction.RANDOM)
    play_all(workshop, seed, interleaves=True, eviction=Eviction.EVERY)
    disturbed(
        workshop,
        seed,
        nobody_is_left,
        crashes=True,
        interleaves=True,
        eviction=Eviction.RANDOM,
    )
