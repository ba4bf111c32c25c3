"""A world for one test: an emulator with virtual time and throw-away storage."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emulator.assembly import Emulator
from emulator.core.events import ConsoleMessage, WorkerError
from emulator.runtime.config import load_config
from emulator.storage.database import Durability
from emulator.testing.durable_objects import Durable
from emulator.testing.virtual_time import START_MS, VirtualClock, VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.events import Event

__all__ = ["open_world"]

SEED = 1


@contextmanager
def open_world(
    config_file: Path | None, *, state: Path | None = None, start_ms: int = START_MS
) -> Iterator[tuple[Durable, asyncio.Runner]]:
    """Open the worker of `config_file` in a world of its own.

    Args:
        state: the folder of the class folders, to be opened again by a later world; None for one
            that ends with this world.
        start_ms: what the clock says at first, in milliseconds since the epoch.

    Raises:
        EmulatorError: the configuration or the worker's code is broken.
    """
    config = load_config(config_file)
    loop = VirtualTimeLoop()
    clock = VirtualClock(loop, start_ms)
    emulator = Emulator(
        config,
        state=state,
        clock=clock,
        seed=SEED,
        durability=Durability.OFF,
        listener=_show,
    )
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(emulator.__aenter__())
        world = Durable(emulator, loop, clock)
        try:
            yield world, runner
        finally:
            runner.run(world.close())
            runner.run(emulator.__aexit__(None, None, None))


def _show(event: Event) -> None:
    """What user code prints, and what it failed with: pytest shows it beside a failed test."""
    if isinstance(event, ConsoleMessage):
        stream = sys.stderr if event.level in ("warn", "error") else sys.stdout
        stream.write(f"{event.text}\n")
    elif isinstance(event, WorkerError):
        sys.stderr.write(f"{event.object or 'worker'}: {event.text}\n")
