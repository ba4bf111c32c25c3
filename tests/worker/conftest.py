"""`js`, filled for one test, without a worker around it."""

from __future__ import annotations

from random import Random
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.core.events import Event

NOW_MS = 1_767_225_600_123


class Surroundings:
    """A worker and its host, as far as `js` asks for them."""

    def __init__(self) -> None:
        from emulator.core.config.model import Config

        self.events: list[Event] = []
        self.reported: list[BaseException] = []
        self.config = Config(main="worker.py", compatibility_flags=("python_workers",))
        self.host = SimpleNamespace(
            clock=SimpleNamespace(now_ms=lambda: NOW_MS),
            random=Random(1),
            listener=self.events.append,
            is_importing=False,
            fetcher=None,
        )

    def report(self, exc: BaseException) -> None:
        self.reported.append(exc)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What was written to the console: level and text."""
        return [(event.level, event.text) for event in self.events]  # type: ignore[attr-defined]


@pytest.fixture
def surroundings() -> Surroundings:
    return Surroundings()


@pytest.fixture
def js(surroundings: Surroundings) -> Any:
    from emulator.worker.javascript.globals import build_js

    module = ModuleType("js")
    build_js(lambda: surroundings)(module)  # type: ignore[arg-type, return-value]
    return module
