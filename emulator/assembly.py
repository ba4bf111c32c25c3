"""The only place that constructs things: an emulator from its configuration, a server around it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from emulator.runtime.catalog import Catalog
from emulator.runtime.clock import SystemClock
from emulator.runtime.config import catalog_file, state_folder
from emulator.runtime.databases import DatabaseSweeper
from emulator.runtime.gates import GatedLoop
from emulator.runtime.host import Host
from emulator.runtime.migrations import Migrations, check_reload, tell
from emulator.runtime.namespace import StorageOptions
from emulator.runtime.running import RunningServer, announce, withdraw
from emulator.runtime.worker import Worker
from emulator.storage.database import Durability
from emulator.storage.guard import FolderGuard
from emulator.storage.layout import StateLayout
from emulator.worker.boundary import open_boundary
from emulator.worker.code import Codes, WorkerCode
from emulator.worker.compatibility import generation_of
from emulator.worker.sdk import Sdk

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Collection,
        Coroutine,
        Iterator,
        Mapping,
        Sequence,
    )
    from types import TracebackType

    from emulator.core.clock import Clock
    from emulator.core.config import Config, DurabilityName
    from emulator.core.config.lifecycle import ClassKeys
    from emulator.core.events import Listener
    from emulator.runtime.host import Fetcher
    from emulator.runtime.journal import Journal
    from emulator.runtime.recording import LiveRecorder
    from emulator.runtime.reload import ReloadMode
    from emulator.server.app import Server
    from emulator.server.control import Control
    from emulator.server.control_door import LazyControl
    from emulator.server.http import ErrorPage
    from emulator.server.outgoing import OutgoingClient
    from emulator.web.request import Request
    from emulator.web.response import Response
    from emulator.worker.code import Reloaded
    from emulator.worker.loader import CodeCache, UserModules

__all__ = ["Emulator", "open_folder", "run", "serve"]


class Emulator:
    """A worker, its objects, and the workers beside it. Use it as an asynchronous context manager."""

    def __init__(
        self,
        config: Config,
        *others: Config,
        state: Path | None,
        catalog: Path | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        durability: Durability | None = None,
        pitr: bool | None = None,
        listener: Listener | None = None,
        fetcher: Fetcher | None = None,
        code: CodeCache | None = None,
    ) -> None:
        """Args:
        others: more workers, which the first one's bindings can name.
        state: the folder of the class folders; None for a temporary one.
        catalog: the notebook of which objects exist; None for none.
        clock: the wall clock; the machine's by default.
        seed: of everything random; none for true randomness.
        durability: what a commit survives; by default what the configuration says.
        pitr: keep the objects' past; by default what the configuration says.
        fetcher: answers what user code fetches from outside; an HTTP client by default.
        code: keeps what was compiled for the next emulator of this process.
        """
        self.config = config
        self._configs = (config, *others)
        self._fetcher = fetcher
        self._code = code
        self._state = state
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._random = Random(seed)
        self._durability = durability or Durability(config.dev.durability)
        self._keeps_history = config.dev.pitr if pitr is None else pitr
        self._listener = listener
        self._stack = AsyncExitStack()
        self._client: OutgoingClient | None = None
        self.catalog: Catalog | None = None
        self.urls: list[str] = []  # where it is served
        self.worker: Worker
        self.sdk: Sdk
        self._codes: Codes
        self._layout: StateLayout

    @classmethod
    def from_config(
        cls,
        config: Config,
        *others: Config,
        persist_to: Path | None = None,
        in_memory: bool = False,
        durability: DurabilityName | None = None,
        pitr: bool | None = None,
        listener: Listener | None = None,
    ) -> Emulator:
        """An emulator whose state is where wrangler keeps it, beside the configuration file."""
        return cls(
            config,
            *others,
            state=None if in_memory else state_folder(config, persist_to),
            catalog=None if in_memory else catalog_file(config, persist_to),
            durability=None if durability is None else Durability(durability),
            pitr=pitr,
            listener=listener,
        )

    @property
    def env(self) -> Any:
        """The worker's bindings and variables, wrapped by the SDK as worker code has them."""
        return self.sdk.wrap_env(self.worker.env)

    async def __aenter__(self) -> Emulator:
        try:
            self._start(await self._migrate())
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _migrate(self) -> ClassKeys:
        """Carry out migrations on stored objects. Raises: StateFolderError."""
        if self._state is None or self._catalog is None:
            return {}
        migrations = Migrations(
            configs=self._configs, folder=self._state, notebook=self._catalog, clock=self._clock
        )
        if migrations.are_idle():
            self._stack.push_async_callback(migrations.record)
            return {}
        plan = await migrations.apply()
        tell(plan, self._listener, self._clock)
        return plan.keys

    def _start(self, keys: ClassKeys) -> None:
        stack = self._stack
        host = Host(
            loop=asyncio.get_running_loop(),
            clock=self._clock,
            random=self._random,
            listener=self._listener,
        )
        stack.push_async_callback(host.close)
        host.fetcher = self._fetcher or self.fetch_outside
        if self._catalog is not None:
            self.catalog = host.catalog = Catalog(self._catalog, host)
            stack.push_async_callback(host.catalog.close)
        stack.enter_context(_utc())
        folder = self._state_folder()
        guard = FolderGuard(folder)
        guard.open()
        stack.callback(guard.close)
        self._layout = StateLayout(folder)
        databases = DatabaseSweeper(host).databases
        stack.callback(databases.close)
        storage = StorageOptions(
            layout=self._layout,
            databases=databases,
            durability=self._durability,
            keeps_history=self._keeps_history,
            keys=keys,
        )
        boundary = open_boundary()
        activation = boundary.activate(generation_of(self.config))
        stack.callback(boundary.deactivate, activation)
        self.sdk = Sdk()
        workers = [Worker(host, config) for config in self._configs]
        self.worker = activation.worker = workers[0]
        self._codes = Codes(
            [WorkerCode(worker, self.sdk, storage, self._code) for worker in workers], activation
        )
        stack.callback(self._codes.close)
        self._codes.start()

    @property
    def workers(self) -> dict[str, Worker]:
        """All workers, by name."""
        return self._codes.workers

    @property
    def modules(self) -> list[UserModules]:
        """The code that the workers run, and what the last reload tried to load and could not."""
        return [*self._codes.modules, *self._codes.failed]

    def reload(
        self, configs: Sequence[Config], changed: Collection[str], mode: ReloadMode
    ) -> Reloaded:
        """Take new code and configurations into service, for whatever begins from now on.

        Args:
            configs: as many as there are workers, in their order. Their `dev` is not looked at.
            changed: the files that changed, absolute. All workers are reloaded if there are none
                or if a configuration changed, else those that the files belong to.

        Raises:
            WorkerLoadError: everything is as it was.
            StateFolderError: so it is; a migration waits for files that are in use.
        """
        if self._catalog is not None:
            check_reload(self._configs, configs)
        configs = [
            replace(new, dev=old.dev) for new, old in zip(configs, self._configs, strict=True)
        ]
        reloaded = self._codes.reload(configs, changed, mode)
        self._configs = tuple(configs)
        self.config = self._configs[0]
        return reloaded

    async def fetch_outside(self, request: Request) -> Response:
        """Have a real HTTP client answer; it is made when it is first needed."""
        if self._client is None:
            from emulator.server.outgoing import OutgoingClient
            from emulator.worker.javascript.websocket import WebSocket

            host = self.worker.host
            self._client = OutgoingClient(WebSocket, host.spawn, host.reference)
            self._stack.push_async_callback(self._client.close)
        return await self._client.fetch(request)

    def control_door(self, *, is_open: bool) -> LazyControl:
        """The way to the control API; what happens is kept for it from now on.

        Args:
            is_open: others than this machine can reach the server.
        """
        from emulator.runtime.prints import noted_prints
        from emulator.runtime.recording import LiveRecorder
        from emulator.server.control_door import LazyControl

        host = self.worker.host
        if host.chronicle is not None:
            return LazyControl(None)  # the world of a test has records of its own
        recorder = LiveRecorder(host, host.listener)
        host.recorder = host.chronicle = recorder
        host.listener = recorder.listen
        self._stack.callback(recorder.close)
        self._stack.enter_context(noted_prints(recorder.printed))

        def build() -> Control:
            control, journal = build_control(
                host, lambda: self.workers, self._layout, recorder, is_open=is_open, urls=self.urls
            )
            self._stack.push_async_callback(journal.close)
            return control

        return LazyControl(build)

    def announce(self, url: str) -> None:
        """Say beside the notebook that a server runs on the state folder, for other commands."""
        self.urls.append(url)
        if self._catalog is not None:
            folder, pid = self._catalog.parent, os.getpid()
            announce(folder, RunningServer(pid, url))
            self._stack.callback(withdraw, folder, pid)

    def _state_folder(self) -> Path:
        if self._state is not None:
            return self._state
        folder = tempfile.TemporaryDirectory(prefix="durable-", ignore_cleanup_errors=True)
        self._stack.callback(folder.cleanup)
        return Path(folder.name)


async def serve(
    emulator: Emulator,
    *,
    host: str,
    port: int,
    error_page: ErrorPage | None = None,
    explorer: bool | None = None,
) -> Server:
    """Serve the emulator's worker over HTTP. Raises: PortInUseError.

    `error_page` makes what browsers get of an uncaught error.
    `explorer` says whether there is the explorer with its API; by default, on loopback only.
    `DURABLE_RECEIVE_LOOP=1` in the environment leaves WebSocket connections with aiohttp.
    """
    from emulator.server.app import Server
    from emulator.server.control_access import is_loopback
    from emulator.server.control_door import LazyControl

    is_local = is_loopback(host)
    has_control = is_local if explorer is None else explorer
    control = emulator.control_door(is_open=not is_local) if has_control else LazyControl(None)
    takes_over = os.environ.get("DURABLE_RECEIVE_LOOP", "") == ""
    server = Server(emulator.worker, takes_over=takes_over, error_page=error_page, control=control)
    await server.start(host, port)
    emulator.announce(server.urls[0])
    return server


def build_control(
    host: Host,
    workers: Callable[[], Mapping[str, Worker]],
    layout: StateLayout,
    recorder: LiveRecorder,
    *,
    is_open: bool = False,
    urls: list[str] | None = None,
) -> tuple[Control, Journal]:
    """The control API of an emulator, and the record of its timeline."""
    from emulator.runtime.inspection.objects import Inspector
    from emulator.runtime.inspection.panel import Panel
    from emulator.runtime.journal import Journal
    from emulator.server.control import Control

    journal = Journal(host, recorder.timeline)
    inspector = Inspector(host, workers, layout, recorder)
    panel = Panel(
        inspector,
        journal,
        version=version("durable-emulator"),
        started_ms=host.clock.now_ms(),
        urls=[] if urls is None else urls,
    )
    return Control(panel, is_open=is_open), journal


@asynccontextmanager
async def open_folder(state: Path, catalog: Path) -> AsyncIterator[Control]:
    """The control API of a state folder that no server runs on: its objects sleep, all of them."""
    from emulator.runtime.recording import LiveRecorder

    loop, clock = asyncio.get_running_loop(), SystemClock()
    host = Host(loop=loop, clock=clock, random=Random())
    host.catalog = Catalog(catalog, host)
    recorder = LiveRecorder(host, None)
    control, _ = build_control(host, dict, StateLayout(state), recorder)
    try:
        yield control
    finally:
        await host.catalog.close()
        await host.close()


def run[T](main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop that gates."""
    with asyncio.Runner(loop_factory=GatedLoop) as runner:
        return runner.run(main)


@contextmanager
def _utc() -> Iterator[None]:
    """The platform's time zone, for as long as an emulator is active."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "<UTC-0000>0"  # as the platform names it
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
