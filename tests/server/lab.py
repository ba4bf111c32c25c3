"""A real server in the test's own process, around the object that does what a test tells it."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.assembly import Emulator
from emulator.core.events import Event, WorkerError
from emulator.runtime.config import load_config
from emulator.server.app import Server
from emulator.storage.database import Durability
from tests.wire import WireSocket, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CONFIG: Final = Path(__file__).parent.parent / "compatibility" / "wrangler.toml"
HOST: Final = "127.0.0.1"
ECHO: Final = "ws.send(message)"
WAIT_S: Final = 10.0
REPLY: Final = "ws.close() if code == 1005 else ws.close(code, reason)"


@dataclass
class Lab:
    """The emulator, its port, and what it reported."""

    emulator: Emulator
    port: int
    events: list[Event] = field(default_factory=list)
    server: Server | None = None

    @property
    def probe(self) -> Any:
        return self.emulator.env.PROBE.getByName("a")

    @property
    def errors(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, WorkerError)]

    async def hook(self, **hooks: str) -> None:
        """What the object's handlers shall do."""
        for name, source in hooks.items():
            await self.probe.hook(name, source)

    async def connect(self, path: str = "/", **options: Any) -> WireSocket:
        return await connect(HOST, self.port, path, **options)

    async def seen(self, kind: str | None = None) -> list[Any]:
        """What the object has seen, construction left out."""
        found = [tuple(entry) for entry in await self.probe.seen()]
        return [e for e in found if e[0] == kind or (kind is None and e[0] != "constructed")]

    async def until_seen(self, entry: tuple[Any, ...]) -> None:
        """Wait until the object has seen it. Raises: TimeoutError."""
        async with asyncio.timeout(WAIT_S):
            while entry not in await self.seen():
                await network()


async def until(condition: Callable[[], object]) -> None:
    """Wait until the network has made something true. Raises: TimeoutError."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await network()


async def network() -> None:
    await asyncio.sleep(0.002)  # noqa: TID251 - what another process's kernel does has no event


@asynccontextmanager
async def open_lab(
    *, takes_over: bool = True, date: str | None = None, main: Path | None = None, **dev: Any
) -> AsyncIterator[Lab]:
    """Args:
    takes_over: connections leave aiohttp after the handshake.
    date: another compatibility date.
    main: another worker, without classes.
    dev: options of the table [dev].
    """
    config = load_config(CONFIG)
    config = dataclasses.replace(
        config,
        dev=dataclasses.replace(config.dev, **dev),
        compatibility_date=date or config.compatibility_date,
    )
    if main is not None:
        config = dataclasses.replace(config, main=str(main), classes={}, bindings=())
    events: list[Event] = []
    emulator = Emulator(config, state=None, durability=Durability.OFF, listener=events.append)
    async with emulator:
        server = Server(emulator.worker, takes_over=takes_over)
        await server.start(HOST, 0)
        try:
            yield Lab(emulator, server.port, events, server)
        finally:
            await server.close()
