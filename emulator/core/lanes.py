"""What is under way, in lanes: one lane keeps its order, and nothing orders two lanes. Pure.

Invariants, proved in tests/core/test_lanes.py:

  L1  Things of one lane leave in the order they came.
  L2  A lane that is held lets nothing out; the others go on.
  L3  Which lane is next depends on the dice and the order of arrivals alone.

Source: spec lifecycle §3.1 (per stub), websockets §4.3, §7 (per socket).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Lanes"]


class Lanes[T]:
    """FIFO queues by key. A lane exists while something is in it."""

    __slots__ = ("_held", "_lanes")

    def __init__(self) -> None:
        self._lanes: dict[Hashable, deque[T]] = {}
        self._held: dict[Hashable, int] = {}

    def put(self, key: Hashable, item: T) -> None:
        self._lanes.setdefault(key, deque()).append(item)

    def hold(self, key: Hashable) -> None:
        """Let nothing out of the lane until `release`, as often as it was held."""
        self._held[key] = self._held.get(key, 0) + 1

    def release(self, key: Hashable) -> None:
        if self._held[key] == 1:
            del self._held[key]
        else:
            self._held[key] -= 1

    def is_free(self, key: Hashable) -> bool:
        """Whether something that comes now may pass at once."""
        return key not in self._lanes and key not in self._held

    @property
    def ready(self) -> list[Hashable]:
        """The lanes that may let something out, oldest first."""
        return [key for key in self._lanes if key not in self._held]

    def take(self, dice: float) -> T | None:
        """The head of one of the ready lanes; `dice`, from 0 up to 1, says which. None of none."""
        ready = self.ready
        return self.take_from(ready[int(dice * len(ready))]) if ready else None

    def take_from(self, key: Hashable) -> T:
        lane = self._lanes[key]
        item = lane.popleft()
        if not lane:
            del self._lanes[key]
        return item
