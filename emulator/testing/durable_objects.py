"""`durable`: what a test may do with the objects of its own small world.

Nothing here wakes an object, unless it says so.

Source: spec lifecycle §4.5; peers §2 (the calls of `cloudflare:test`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import JsObject, js_value
from emulator.errors import EmulatorError
from emulator.testing.client import ConnectError, WebSocketClient
from emulator.web.request import Request
from emulator.worker.javascript.durable_objects import DurableObjectStub

if TYPE_CHECKING:
    from emulator.assembly import Emulator
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.eviction import Blocker
    from emulator.testing.virtual_time import VirtualClock, VirtualTimeLoop

__all__ = ["Durable", "EvictionRefused", "TestClock"]

ORIGIN = "http://localhost"


class EvictionRefused(EmulatorError):  # noqa: N818  # named after what happened
    """An object cannot be evicted now; `blockers` are all the reasons."""

    def __init__(self, name: str, blockers: list[Blocker]) -> None:
        lines = [f"{name} cannot hibernate now: {len(blockers)} thing(s) keep it awake:"]
        for blocker in blockers:
            source = f", made at {blocker.source}" if blocker.source else ""
            lines.append(f"  {blocker.kind}: {blocker.detail}, {blocker.age_s:.1f} s old{source}")
        lines.append("Let them end first, or evict with force=True.")
        super().__init__("\n".join(lines))
        self.blockers = blockers


class NotAStub(EmulatorError, TypeError):  # noqa: N818
    """A call that takes a stub got something else."""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"expected the stub of a Durable Object, such as durable.env.ROOM.getByName('a'), "
            f"but got {type(value).__name__}"
        )


class TestClock:
    """The world's time: alarms, timers, idle eviction and Date.now() move together."""

    __test__ = False

    def __init__(self, loop: VirtualTimeLoop, clock: VirtualClock) -> None:
        self._loop = loop
        self._clock = clock

    @property
    def now_ms(self) -> int:
        """Milliseconds since the epoch, as `Date.now()` says."""
        return self._clock.now_ms()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whatever becomes due happens at its time and in order."""
        await self._loop.settle()
        done = self._loop.create_future()
        self._loop.call_later(seconds, done.set_result, None)
        await done
        await self._loop.settle()


class Durable:
    """One emulator under test."""

    def __init__(self, emulator: Emulator, loop: VirtualTimeLoop, clock: VirtualClock) -> None:
        self._emulator = emulator
        self._loop = loop
        self.clock = TestClock(loop, clock)
        self._clients: list[WebSocketClient] = []

    @property
    def env(self) -> Any:
        """The bindings and variables, as the worker sees them."""
        return self._emulator.env

    async def settle(self) -> None:
        """Wait until nothing can go on without time passing."""
        await self._loop.settle()

    # --- through the worker ----------------------------------------------------------------

    async def fetch(self, url: str, **init: Any) -> Any:
        """Have the worker answer a request, without a network; the SDK's Response.

        Args:
            url: absolute, or a path of http://localhost.
            init: method, headers, body …, as `workers.fetch` takes them.
        """
        response = await self._respond(url, init)
        return self._emulator.sdk.Response(response)

    async def connect(
        self, path: str, headers: dict[str, str] | None = None
    ) -> WebSocketClient:
        """Open a WebSocket through the worker.

        Raises:
            ConnectError: the worker did not answer 101.
        """
        sent = {"Upgrade": "websocket", **(headers or {})}
        response = await self._respond(path, {"headers": sent})
        socket = response._web_socket
        if socket is None:
            raise ConnectError(path, response._status, await response.text())
        client = WebSocketClient(socket._end)
        self._clients.append(client)
        return client

    async def _respond(self, url: str, init: dict[str, Any]) -> Any:
        if url.startswith("/"):
            url = ORIGIN + url
        headers = init.get("headers")
        if isinstance(headers, dict):
            headers = JsObject({k: js_value(v) for k, v in headers.items()})
            init = {**init, "headers": headers}
        options = JsObject({k: js_value(v) for k, v in init.items()})
        return await self._emulator.worker.fetch(Request(url, options))

    # --- the objects -----------------------------------------------------------------------

    def is_resident(self, stub: Any) -> bool:
        """Whether the object has a live instance."""
        container = self._find(stub)
        return container is not None and container.instance is not None

    def generation(self, stub: Any) -> int:
        """How many times the object was constructed, as long as it has been known."""
        container = self._find(stub)
        return 0 if container is None else container.generation

    def why_awake(self, stub: Any) -> list[Blocker]:
        """Every reason why the object cannot hibernate now; none if it can, or sleeps."""
        container = self._find(stub)
        return [] if container is None else container.blockers()

    async def evict(self, stub: Any, *, force: bool = False) -> None:
        """Discard the live instance; storage, sockets and stubs stay. Nothing to do if it sleeps.

        Raises:
            EvictionRefused: something keeps it awake, and `force` is false.
        """
        await self._loop.settle()
        container = self._find(stub)
        if container is None or container.instance is None:
            return
        blockers = container.blockers()
        if blockers and not force:
            raise EvictionRefused(repr(container), blockers)
        container.hibernate(force=force)

    async def evict_all(self) -> None:
        """Discard every live instance that can hibernate."""
        await self._loop.settle()
        for namespace in self._emulator.worker.namespaces.values():
            for container in list(namespace.containers.values()):
                if container.instance is not None and not container.blockers():
                    container.hibernate()

    def _find(self, stub: Any) -> ActorContainer | None:
        raw = getattr(stub, "__dict__", {}).get("_binding", stub)
        if not isinstance(raw, DurableObjectStub):
            raise NotAStub(stub)
        inner = raw.__dict__["_stub"]
        container: ActorContainer | None = inner.namespace.find(inner.id.hex)
        return container

    async def close(self) -> None:
        """End the test's own connections."""
        for client in self._clients:
            client.disconnect()
        await self._loop.settle()
