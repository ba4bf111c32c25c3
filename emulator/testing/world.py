"""A world for one test: an emulator with a clock and throw-away storage of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.assembly import Emulator
from emulator.core.config import Config
from emulator.core.events import ConsoleMessage, WorkerError
from emulator.core.eviction import Disturbances, Eviction
from emulator.runtime.clock import SystemClock
from emulator.runtime.config import load_config
from emulator.runtime.events import Recorder
from emulator.runtime.faults import Faults
from emulator.storage.database import Durability
from emulator.testing.durable_objects import Durable
from emulator.testing.outgoing import Outgoing
from emulator.testing.python_clock import world_time
from emulator.testing.stuck import Stuck
from emulator.testing.virtual_time import START_MS, RealTimeLoop, VirtualClock, VirtualTimeLoop
from emulator.worker.loader import CodeCache

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from emulator.core.clock import Clock
    from emulator.core.events import Event, Listener

__all__ = ["Workshop", "World", "WorldOptions", "open_world"]

SEED: Final = 1
MEMORY: Final = Path("/dev/shm")  # Linux keeps it in memory; elsewhere it is missing
MEMORY_FREE_MIN: Final = 2**30  # bytes; a container's may be small


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOptions:
    """How a world differs from a plain one.

    seed: of everything random in it, and of the choices of `disturbances`.
    vars: variables of the worker, beside and instead of those of its configuration.
    """

    seed: int = SEED
    disturbances: Disturbances = field(default_factory=Disturbances)
    vars: Mapping[str, Any] = field(default_factory=dict)
    is_real_time: bool = False


class Workshop:
    """What the worlds of one test run share: nothing that user code could reach."""

    def __init__(self) -> None:
        self.code = CodeCache()
        self._configs: dict[tuple[Path | None, Any], Config] = {}

    def config(self, file: Path | None) -> Config:
        """The configuration in `file`, read anew if it has changed. Raises: ConfigError."""
        if file is None or not file.exists():
            return load_config(file)
        status = file.stat()
        key = (file, (status.st_mtime_ns, status.st_size))
        if key not in self._configs:
            self._configs[key] = load_config(file)
        return self._configs[key]


@dataclass(slots=True)
class World:
    """An open world: `durable`, and what runs coroutines in it."""

    durable: Durable
    runner: asyncio.Runner
    stuck: Stuck | None

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a part of the test.

        Raises: StuckError, if it waits for what will never happen.
        """
        if self.stuck is None:
            return self.runner.run(coroutine)
        return self.runner.run(self.stuck.guarded(coroutine))


@contextmanager
def open_world(
    config_file: Path | Config | None,
    *,
    state: Path | None = None,
    start_ms: int = START_MS,
    options: WorldOptions | None = None,
    workshop: Workshop | None = None,
) -> Iterator[tuple[Durable, World]]:
    """Open the worker of `config_file` in a world of its own.

    Args:
        state: the folder of the class folders, to be opened again by a later world; None for one
            that ends with this world.
        start_ms: what the clock says at first, in milliseconds since the epoch; virtual time only.
        workshop: shared with other worlds, to open this one faster.

    Raises:
        EmulatorError: the configuration or the worker's code is broken.
    """
    options = options or WorldOptions()
    workshop = workshop or Workshop()
    config = config_file if isinstance(config_file, Config) else workshop.config(config_file)
    if options.vars:
        config = dataclasses.replace(config, vars={**config.vars, **options.vars})
    loop: RealTimeLoop | VirtualTimeLoop
    loop = RealTimeLoop() if options.is_real_time else VirtualTimeLoop()
    clock: Clock
    clock = VirtualClock(loop, start_ms) if isinstance(loop, VirtualTimeLoop) else SystemClock()
    events: list[Event] = []
    listener = _listener(events)
    outgoing = Outgoing(has_network=options.is_real_time)
    with ExitStack() as stack:
        emulator = Emulator(
            config,
            state=state or stack.enter_context(_scratch_folder()),
            clock=clock,
            seed=options.seed,
            durability=Durability.OFF,
            listener=listener,
            code=workshop.code,
            fetcher=outgoing,
        )
        outgoing.emulator = emulator
        stack.enter_context(_seeded(options.seed))
        if not options.is_real_time:
            stack.enter_context(world_time())
        runner = stack.enter_context(asyncio.Runner(loop_factory=lambda: loop))
        runner.run(emulator.__aenter__())
        host = emulator.worker.host
        host.recorder = host.chronicle = Recorder(clock, listener)
        host.faults = Faults(host, options.disturbances, random.Random(options.seed))
        durable = Durable(emulator, loop, clock, events, outgoing)
        stuck = _watch(durable, loop, host.faults) if isinstance(loop, VirtualTimeLoop) else None
        try:
            with durable.leaks.watching_coroutines():
                yield durable, World(durable, runner, stuck)
        finally:
            host.faults.disturbances = Disturbances()  # the end shall disturb nobody
            runner.run(durable.close())
            runner.run(emulator.__aexit__(None, None, None))


def _watch(durable: Durable, loop: VirtualTimeLoop, faults: Faults) -> Stuck:
    stuck = Stuck(durable)

    def on_blocked() -> bool:
        if faults.disturbances.eviction is Eviction.EVERY:
            return faults.evict_idle(durable.namespaces)
        return False

    loop.watch(on_blocked=on_blocked, on_pass=durable.ledger.passed, on_stuck=stuck.strike)
    return stuck


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A folder for the objects' files, in memory where there is room."""
    is_roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_FREE_MIN
    place = MEMORY if is_roomy and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="durable-", dir=place, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's own dice fall as the seed says, for code that throws them."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _listener(events: list[Event]) -> Listener:
    def listen(event: Event) -> None:
        events.append(event)
        _show(event)

    return listen


def _show(event: Event) -> None:
    """What user code prints, and what it failed with: pytest shows it beside a failed test."""
    if isinstance(event, ConsoleMessage):
        stream = sys.stderr if event.level in ("warn", "error") else sys.stdout
        stream.write(f"{event.text}\n")
    elif isinstance(event, WorkerError):
        sys.stderr.write(f"{event.object or 'worker'}: {event.text}\n")
