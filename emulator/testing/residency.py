"""Who was awake for how long, and why: what the platform would have billed.

Time moves only when nothing can run, and then in one step. So whatever keeps an object awake at
that moment did so for the whole step: no sampling, no rounding.

Source: spec lifecycle §4.2 (an idle object that may hibernate is not billed). Proof:
tests/testing/test_residency.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.namespace import Namespace

__all__ = ["Ledger", "Residency"]


@dataclass(slots=True, kw_only=True)
class Residency:
    """How long an object has been in memory, in seconds of the test's clock.

    awake_s: it had an instance.
    billed_s: ... and something kept it from hibernating. An idle instance costs nothing.
    by_cause: how long each reason kept it awake; reasons overlap.
    """

    awake_s: float = 0.0
    billed_s: float = 0.0
    by_cause: dict[str, float] = field(default_factory=dict)


class Ledger:
    """Counts the seconds of every object of a world."""

    def __init__(self, namespaces: Callable[[], Iterable[Namespace]]) -> None:
        self._namespaces = namespaces
        self._accounts: dict[tuple[str, str], Residency] = {}

    def passed(self, seconds: float) -> None:
        """So much time is about to pass, and nothing will happen meanwhile."""
        for namespace in self._namespaces():
            for container in namespace.containers.values():
                if container.instance is not None:
                    self._charge(container, seconds)

    def _charge(self, container: ActorContainer, seconds: float) -> None:
        account = self.account(container.namespace.unique_key, container.id)
        account.awake_s += seconds
        causes = {
            f"{blocker.kind}: {blocker.detail}"
            + (f" ({blocker.source})" if blocker.source is not None else "")
            for blocker in container.blockers()
        }
        if causes:
            account.billed_s += seconds
        for cause in sorted(causes):
            account.by_cause[cause] = account.by_cause.get(cause, 0.0) + seconds

    def account(self, unique_key: str, object_id: str) -> Residency:
        return self._accounts.setdefault((unique_key, object_id), Residency())
