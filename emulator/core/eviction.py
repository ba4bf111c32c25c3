"""When a test disturbs its objects, and what it may do to them: rules that need no object. Pure.

A disturbance is legal only where the platform itself may do it at that moment: an object without
blockers may be discarded, whatever is in flight may be lost with the machine it ran on, and things
that nothing orders may happen in any order.

Source: spec lifecycle §4.2, §4.3, §3.1; websockets §4.1, §4.3. Proof: tests/core/test_eviction.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["CRASH_SHARE", "Disturbances", "Eviction"]

EVICT_SHARE: Final = 0.5  # of the points where an object may be discarded, with RANDOM
CRASH_SHARE: Final = 0.1  # of the points where the machine may die


class Eviction(Enum):
    """At which of the points where nothing keeps an object awake it is discarded."""

    IDLE = "idle"  # after the platform's ten seconds, as always
    EVERY = "every"
    RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbances:
    """What happens to every object of a world. `dice` are numbers from 0 up to 1."""

    eviction: Eviction = Eviction.IDLE
    crashes: bool = False
    interleaves: bool = False

    @property
    def are_random(self) -> bool:
        """Whether another seed may give another run."""
        return self.crashes or self.interleaves or self.eviction is Eviction.RANDOM

    @property
    def evicts_early(self) -> bool:
        return self.eviction is not Eviction.IDLE

    def is_evicted(self, dice: float) -> bool:
        """Whether an object that may be discarded now is."""
        match self.eviction:
            case Eviction.IDLE:
                return False
            case Eviction.EVERY:
                return True
            case Eviction.RANDOM:
                return dice < EVICT_SHARE

    def is_crashed(self, dice: float) -> bool:
        """Whether the machine of an object dies now."""
        return self.crashes and dice < CRASH_SHARE
