"""What the command line and the marks of a test ask for. Imports nothing of the emulator."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

    from emulator.testing.world import WorldOptions

__all__ = ["add_options", "is_crashing", "modes_text", "seed_of", "settle_seed", "world_options"]

SEED_MAX: Final = 2**32
SEED_DEFAULT: Final = 1
WORKER_SEED: Final = "durable_seed"
_MARK_DURABLE: Final = (
    "durable(config=..., vars=..., time='virtual'|'real', undisturbed=False): the test's world; "
    "undisturbed ones do without --durable-evict, --durable-crash and --durable-interleave"
)
MARKS: Final = (
    _MARK_DURABLE,
    "crash_safe: keeps its promises when machines die; runs under --durable-crash",
)


def add_options(parser: pytest.Parser) -> None:
    """The ini settings and the options `--durable-...`."""
    parser.addini(
        "durable_config",
        "the configuration file of the worker under test, relative to the ini file "
        "(default: the nearest wrangler file)",
        default="",
    )
    parser.addini(
        "durable_leaks",
        "what becomes of what tests leave behind: report (default), error or off",
        default="report",
    )
    group = parser.getgroup("durable", "Durable Objects")
    group.addoption(
        "--durable-evict",
        choices=("every", "random"),
        help="discard objects wherever nothing keeps them awake, not only after ten idle seconds",
    )
    group.addoption(
        "--durable-crash",
        choices=("random",),
        help="let machines die: sockets and unconfirmed writes are lost. Runs crash_safe tests only",
    )
    group.addoption(
        "--durable-interleave",
        action="store_true",
        help="bring what is under way in any order that the platform allows",
    )
    group.addoption(
        "--durable-seed",
        type=int,
        metavar="N",
        help="replay the choices of an earlier run",
    )
    group.addoption(
        "--durable-compat",
        choices=("error",),
        help="fail where code relies on what the platform does otherwise (CompatWarning)",
    )


def settle_seed(config: pytest.Config) -> None:
    """Choose a seed if the modes need one and none is given; a worker of xdist is given it."""
    option = config.option
    if option.durable_seed is None and _has_random_mode(config):
        given: dict[str, Any] = getattr(config, "workerinput", {})
        chosen = random.SystemRandom().randrange(SEED_MAX)
        option.durable_seed = given.get(WORKER_SEED, chosen)


def _has_random_mode(config: pytest.Config) -> bool:
    option = config.option
    is_random = "random" in (option.durable_evict, option.durable_crash)
    return bool(is_random or option.durable_interleave)


def is_crashing(config: pytest.Config) -> bool:
    return config.option.durable_crash is not None


def modes_text(config: pytest.Config) -> str:
    """The options that replay this run, or nothing where every run is the same."""
    option = config.option
    words = [
        f"--durable-evict={option.durable_evict}" if option.durable_evict else "",
        f"--durable-crash={option.durable_crash}" if option.durable_crash else "",
        "--durable-interleave" if option.durable_interleave else "",
        f"--durable-seed={option.durable_seed}" if option.durable_seed is not None else "",
    ]
    return " ".join(filter(None, words))


def seed_of(config: pytest.Config, nodeid: str) -> int:
    """The seed of one test: its own, so that it is the same alone and among others."""
    seed = config.option.durable_seed
    if seed is None:
        return SEED_DEFAULT
    digest = hashlib.sha256(f"{seed}:{nodeid}".encode()).digest()
    return int.from_bytes(digest[:8])


def world_options(item: pytest.Item, *, is_real_time: bool) -> WorldOptions:
    """What the test's marks and the command line say about its world."""
    from emulator.core.eviction import Disturbances, Eviction
    from emulator.testing.world import WorldOptions

    option = item.config.option
    given = mark_of(item)
    asked = Disturbances(
        eviction=Eviction(option.durable_evict or "idle"),
        crashes=is_crashing(item.config),
        interleaves=option.durable_interleave,
    )
    return WorldOptions(
        seed=seed_of(item.config, item.nodeid),
        disturbances=Disturbances() if given.get("undisturbed") else asked,
        vars=given.get("vars", {}),
        is_real_time=is_real_time or given.get("time", "virtual") == "real",
    )


def mark_of(item: pytest.Item) -> dict[str, Any]:
    """The arguments of the nearest mark `durable`, outer ones beneath."""
    found: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("durable"))):
        found.update(mark.kwargs)
    return found
