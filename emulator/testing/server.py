"""`durable_server`: a world in real time behind a real port, for browsers and foreign clients.

An async test runs on the world's own loop. For any other test the loop has a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from emulator.assembly import serve
from emulator.testing.errors import TestError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from emulator.testing.durable_objects import Durable
    from emulator.testing.world import World

__all__ = ["DurableServer", "open_server"]

HOST: Final = "127.0.0.1"
CALL_TIMEOUT_S: Final = 30.0


class DurableServer:
    """The server of one world.

    url, ws_url: where it listens, without a slash at the end.
    durable: the world's `durable`. In a test that is not async use it through `run`.
    """

    def __init__(self, durable: Durable, port: int, loop: asyncio.AbstractEventLoop | None) -> None:
        self.durable = durable
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.ws_url = f"ws://{HOST}:{port}"
        self._loop = loop

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the world, from a test that is not async; what it returns.

        Raises: TestError, in an async test, which can simply await.
        """
        if self._loop is None:
            coroutine.close()
            raise TestError("durable_server.run() is for tests that are not async: use await")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_TIMEOUT_S)


@contextmanager
def open_server(durable: Durable, world: World, *, has_own_thread: bool) -> Iterator[DurableServer]:
    """Serve the world on a free port.

    Args:
        has_own_thread: run the world's loop beside the test; else the test runs on it.
    """
    server = world.run(serve(durable.emulator, host=HOST, port=0))
    try:
        if not has_own_thread:
            yield DurableServer(durable, server.port, None)
        else:
            with _running(world) as loop:
                yield DurableServer(durable, server.port, loop)
    finally:
        world.run(server.close())


@contextmanager
def _running(world: World) -> Iterator[asyncio.AbstractEventLoop]:
    """The world's loop runs in a thread of its own."""
    loop = world.runner.get_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=world.run, args=(_until(stop),), name="durable_server")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
