"""The only place that constructs things: an emulator from its configuration, a server around it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from emulator.runtime.catalog import Catalog
from emulator.runtime.clock import SystemClock
from emulator.runtime.config import catalog_file, main_path, state_folder
from emulator.runtime.databases import DatabaseSweeper
from emulator.runtime.gates import GatedLoop
from emulator.runtime.host import Host
from emulator.runtime.namespace import Namespace, StorageOptions
from emulator.runtime.worker import Worker
from emulator.storage.database import Durability
from emulator.storage.guard import FolderGuard
from emulator.storage.layout import StateLayout
from emulator.worker.boundary import open_boundary
from emulator.worker.compatibility import generation_of, handler_prefix
from emulator.worker.entrypoint import PythonEntrypoint, PythonObjectClass
from emulator.worker.env import build_env, build_exports
from emulator.worker.loader import UserModules, check_exports
from emulator.worker.pyodide.stacks import find_run_sync
from emulator.worker.restrictions import watched_entropy
from emulator.worker.sdk import Sdk

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from types import ModuleType, TracebackType

    from emulator.core.clock import Clock
    from emulator.core.config import Config, DurabilityName
    from emulator.core.events import Listener
    from emulator.runtime.host import Fetcher
    from emulator.server.app import Server
    from emulator.server.outgoing import OutgoingClient
    from emulator.web.request import Request
    from emulator.web.response import Response
    from emulator.worker.loader import CodeCache

__all__ = ["Emulator", "run", "serve"]


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
        self.worker: Worker
        self.workers: dict[str, Worker] = {}
        self.sdk: Sdk

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
            self._start()
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

    def _start(self) -> None:
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
        databases = DatabaseSweeper(host).databases
        stack.callback(databases.close)
        storage = StorageOptions(
            layout=StateLayout(folder),
            databases=databases,
            durability=self._durability,
            keeps_history=self._keeps_history,
        )
        boundary = open_boundary()
        activation = boundary.activate(generation_of(self.config))
        stack.callback(boundary.deactivate, activation)
        self.sdk = Sdk()
        loads = [self._declare(Worker(host, config), storage) for config in self._configs]
        self.worker = activation.worker = loads[0].worker
        self.workers = {load.worker.name: load.worker for load in loads}
        for load in loads:
            load.worker.env = build_env(load.worker, self.workers)
        for load in loads[::-1]:  # the first one's code runs last: it may use the others
            activation.worker = load.worker
            self._load(load)
        for load in loads:
            for namespace in load.worker.namespaces.values():
                namespace.alarms.start()

    def _declare(self, worker: Worker, storage: StorageOptions) -> _Classes:
        self._stack.callback(worker.close)
        classes = _Classes(self.sdk, worker, storage)
        classes.declare()
        return classes

    async def fetch_outside(self, request: Request) -> Response:
        """Have a real HTTP client answer; it is made when it is first needed."""
        if self._client is None:
            from emulator.server.outgoing import OutgoingClient
            from emulator.worker.javascript.websocket import WebSocket

            host = self.worker.host
            self._client = OutgoingClient(WebSocket, host.spawn, host.reference)
            self._stack.push_async_callback(self._client.close)
        return await self._client.fetch(request)

    def _state_folder(self) -> Path:
        if self._state is not None:
            return self._state
        folder = tempfile.TemporaryDirectory(prefix="durable-", ignore_cleanup_errors=True)
        self._stack.callback(folder.cleanup)
        return Path(folder.name)

    def _load(self, classes: _Classes) -> None:
        worker = classes.worker
        main = main_path(worker.config)
        modules = UserModules(
            main, on_source=lambda source: find_run_sync(worker, source), code=self._code
        )
        self._stack.callback(modules.retire)
        with watched_entropy(worker.host, str(main.parent)):
            module = modules.load()
        check_exports(module, worker.config)
        classes.bind(module)
        worker.exports = build_exports(worker)


class _Classes:
    """The Durable Object classes of a worker: known by name first, bound to code when loaded."""

    def __init__(self, sdk: Sdk, worker: Worker, storage: StorageOptions) -> None:
        self.worker = worker
        self._sdk = sdk
        self._storage = storage

    def declare(self) -> None:
        config = self.worker.config
        names = {b.class_name for b in config.local_bindings} | set(config.classes)
        for name in sorted(names):
            self.worker.namespaces[name] = Namespace(
                worker=self.worker,
                class_name=name,
                has_sql=config.storage_of(name) == "sqlite",
                storage=self._storage,
            )

    def bind(self, module: ModuleType) -> None:
        worker = self.worker
        prefix = handler_prefix(worker.config)
        for name, namespace in worker.namespaces.items():
            found = getattr(module, name, None)
            if isinstance(found, type):
                namespace.object_class = PythonObjectClass(name, found, self._sdk, worker, prefix)
        worker.entrypoint = PythonEntrypoint(module, self._sdk, worker)
        for name, value in vars(module).items():
            if name != "Default" and self._sdk.is_entrypoint(value):
                worker.entrypoints[name] = PythonEntrypoint(module, self._sdk, worker, name)


async def serve(emulator: Emulator, *, host: str, port: int) -> Server:
    """Serve the emulator's worker over HTTP. Raises: PortInUseError.

    `DURABLE_RECEIVE_LOOP=1` in the environment leaves WebSocket connections with aiohttp.
    """
    from emulator.server.app import Server

    takes_over = os.environ.get("DURABLE_RECEIVE_LOOP", "") == ""
    server = Server(emulator.worker, takes_over=takes_over)
    await server.start(host, port)
    return server


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
