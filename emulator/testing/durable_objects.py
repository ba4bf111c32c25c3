"""`durable`: what a test may do with the objects of its own small world.

Nothing here wakes an object, unless it says so.

Source: spec lifecycle §4.5; peers §2 (the calls of `cloudflare:test`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from emulator.core.events import ConsoleMessage, ObjectWoke, WorkerError
from emulator.core.values import JsObject, error, js_value
from emulator.runtime.delivery import Delivery
from emulator.testing.client import WebSocketClient
from emulator.testing.clocks import TestClock
from emulator.testing.errors import ConnectError, EvictionRefused, NotSleepy, TestError
from emulator.testing.faults import FaultCalls
from emulator.testing.leaks import Leaks, here
from emulator.testing.residency import Ledger, Residency
from emulator.testing.stubs import namespace_of, stub_of, user_parts
from emulator.testing.timeline import timeline
from emulator.testing.views import SocketView, StorageDiff, StorageView, socket_view
from emulator.web.fetching import arriving_request
from emulator.web.request import Request
from emulator.worker.javascript.durable_objects import DurableObjectId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.assembly import Emulator
    from emulator.core.clock import Clock
    from emulator.core.events import Event
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.eviction import Blocker
    from emulator.runtime.namespace import Namespace
    from emulator.testing.clocks import SettlingLoop
    from emulator.testing.outgoing import Outgoing

__all__ = ["Durable", "EvictionRefused"]

ORIGIN: Final = "http://localhost"
ABORTED: Final = "Application called abortAllDurableObjects()."
DELETED: Final = "Application called deleteAllDurableObjects()."


class Durable(FaultCalls):
    """One emulator under test."""

    def __init__(
        self,
        emulator: Emulator,
        loop: SettlingLoop,
        clock: Clock,
        events: list[Event],
        outgoing: Outgoing,
    ) -> None:
        faults = emulator.worker.host.faults
        assert faults is not None, "a world has faults"
        super().__init__(faults)
        self._emulator = emulator
        self._outgoing = outgoing
        self._loop = loop
        self._start_ms = clock.now_ms()
        self.clock = TestClock(loop, clock)
        self.events: list[Event] = events
        """Everything that happened, oldest first (emulator/core/events.py)."""
        self.leaks = Leaks()
        self.ledger = Ledger(lambda: self.namespaces)

    @property
    def emulator(self) -> Emulator:
        """The emulator itself."""
        return self._emulator

    @property
    def outgoing(self) -> Callable[[Any], Any] | None:
        """Who answers what the code under test fetches from outside: a function of the test.

        It takes the SDK's Request and returns a Response, or an awaitable of one.
        """
        return self._outgoing.handler

    @outgoing.setter
    def outgoing(self, handler: Callable[[Any], Any] | None) -> None:
        self._outgoing.handler = handler

    @property
    def env(self) -> Any:
        """The bindings and variables, as the worker sees them."""
        return self._emulator.env

    @property
    def namespaces(self) -> Iterable[Namespace]:
        return self._emulator.worker.namespaces.values()

    @property
    def log(self) -> list[ConsoleMessage | WorkerError]:
        """What the worker printed, and the errors that nobody caught."""
        return [e for e in self.events if isinstance(e, (ConsoleMessage, WorkerError))]

    def timeline(self) -> str:
        """The last things that happened, one a line."""
        return timeline(self.events, self._start_ms)

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
        source = here()
        response = await self._respond(url, init)
        self.leaks.add_response(response, f"fetch({url!r})", source)
        return self._emulator.sdk.Response(response)

    async def connect(self, path: str, headers: dict[str, str] | None = None) -> WebSocketClient:
        """Open a WebSocket through the worker.

        Raises:
            ConnectError: the worker did not answer 101.
        """
        source = here()
        sent = {"Upgrade": "websocket", **(headers or {})}
        response = await self._respond(path, {"headers": sent})
        socket = response._web_socket
        if socket is None:
            raise ConnectError(path, response._status, await response.text())
        client = WebSocketClient(socket._end, self._faults, source)
        self.leaks.add_client(client)
        return client

    async def _respond(self, url: str, init: dict[str, Any]) -> Any:
        if url.startswith("/"):
            url = ORIGIN + url
        headers = init.get("headers")
        if isinstance(headers, dict):
            headers = JsObject({k: js_value(v) for k, v in headers.items()})
            init = {**init, "headers": headers}
        options = JsObject({k: js_value(v) for k, v in init.items()})
        await self._faults.arrival()
        request = arriving_request(Request(url, options))
        return await self._emulator.worker.fetch(request)

    # --- inside an object ------------------------------------------------------------------

    async def run_in_object(self, stub: Any, fn: Callable[[Any, Any], Any]) -> Any:
        """Call `fn(instance, ctx)` inside the object, as an event of its own; wakes it.

        `fn` may be async. What it returns and raises comes back as it is, not as a copy.

        Raises:
            JsException: the object broke meanwhile.
        """
        raw = stub_of(stub)
        self._faults.disturb(raw.namespace, raw.id.hex)
        outcome = self._emulator.worker.host.loop.create_future()

        def succeed(value: Any) -> None:
            if not outcome.done():
                outcome.set_result(value)

        def fail(exc: BaseException) -> None:
            if not outcome.done():
                outcome.set_exception(exc)

        event = Delivery(
            kind="test",
            detail=getattr(fn, "__name__", "a function of the test"),
            run=lambda user: fn(*user_parts(user)),
            succeed=succeed,
            fail=fail,
        )
        raw.namespace.container(raw.id).deliver(event)
        return await outcome

    # --- who is awake, and why -------------------------------------------------------------

    def is_resident(self, stub: Any) -> bool:
        """Whether the object has a live instance."""
        container = self._find(stub)
        return container is not None and container.instance is not None

    def generation(self, stub: Any) -> int:
        """How many times the object was constructed in this world."""
        raw = stub_of(stub)
        return sum(
            isinstance(event, ObjectWoke)
            and event.id == raw.id.hex
            and event.class_name == raw.namespace.class_name
            for event in self.events
        )

    def why_awake(self, stub: Any) -> list[Blocker]:
        """Every reason why the object cannot hibernate now; none if it can, or sleeps."""
        container = self._find(stub)
        return [] if container is None else container.blockers()

    def can_hibernate(self, stub: Any) -> bool:
        """Whether nothing keeps the object awake."""
        return not self.why_awake(stub)

    def assert_can_hibernate(self, stub: Any) -> None:
        """Raises: NotSleepy (an AssertionError), naming every reason with its source line."""
        blockers = self.why_awake(stub)
        if blockers:
            raise NotSleepy(repr(self._find(stub)), blockers)

    def residency(self, stub: Any) -> Residency:
        """How long the object was awake until now, why, and what would be billed.

        Raises: TestError, in a world in real time.
        """
        raw = stub_of(stub)
        return self.ledger.account(raw.namespace.unique_key, raw.id.hex)

    # --- eviction and death ----------------------------------------------------------------

    async def evict(
        self,
        stub: Any,
        *,
        web_sockets: Literal["hibernate", "close"] = "hibernate",
        force: bool = False,
    ) -> None:
        """Discard the live instance; storage and stubs stay. Nothing to do if it sleeps.

        Args:
            web_sockets: what becomes of the hibernatable sockets: they stay, or end without Close.
            force: end what keeps it awake, too.

        Raises:
            EvictionRefused: something keeps it awake, and `force` is false.
        """
        if web_sockets not in ("hibernate", "close"):
            raise TestError('web_sockets must be "hibernate" or "close".')
        await self._loop.settle()
        container = self._find(stub)
        if container is None or container.instance is None:
            return
        blockers = container.blockers()
        if blockers and not force:
            raise EvictionRefused(repr(container), blockers)
        container.hibernate(force=force)
        if web_sockets == "close":
            container.sockets.drop_all()

    async def evict_all(self, *, web_sockets: Literal["hibernate", "close"] = "hibernate") -> None:
        """Discard every live instance that can hibernate."""
        await self._loop.settle()
        for container in self._containers():
            if container.instance is not None and not container.blockers():
                container.hibernate()
                if web_sockets == "close":
                    container.sockets.drop_all()

    async def crash(self, stub: Any) -> None:
        """The object's machine dies now: sockets, memory and unconfirmed writes are gone."""
        container = self._find(stub)
        if container is not None:
            self._faults.crash(container)
        await self._loop.settle()

    async def abort_all(self) -> None:
        """Break every live object at once. Storage stays; stubs that were used are broken."""
        for container in self._containers():
            if container.instance is not None:
                container.instance.break_(error(ABORTED))
        await self._loop.settle()

    async def reset(self) -> None:
        """Delete every object: storage, alarms, sockets. Stubs that were used are broken."""
        for namespace in self.namespaces:
            for container in list(namespace.containers.values()):
                if container.instance is not None:
                    container.instance.break_(error(DELETED))
                else:
                    container.sockets.drop_all()
                    namespace.drop(container)
            namespace.delete_all()
        await self._loop.settle()

    # --- alarms ----------------------------------------------------------------------------

    def next_alarm(self, stub: Any) -> int | None:
        """When the object's alarm is due, in milliseconds since the epoch; None without one."""
        raw = stub_of(stub)
        return raw.namespace.alarms.next_due_ms(raw.id.hex)

    async def run_alarm(self, stub: Any) -> bool:
        """Deliver the object's alarm now, whenever it is due; False if it has none. Wakes it.

        A real delivery: the handler gets its alarmInfo, and if it fails, a retry is scheduled as
        on the platform. Time does not move.

        Raises:
            Exception: what the handler raised.
        """
        await self._loop.settle()
        raw = stub_of(stub)
        outcome = self._emulator.worker.host.loop.create_future()
        alarms = raw.namespace.alarms
        if alarms.is_running(raw.id.hex):
            raise TestError("run_alarm: the object's alarm() is running already")
        if not alarms.run_now(raw.namespace.container(raw.id), outcome.set_result):
            return False
        failure: BaseException | None = await outcome
        await self._loop.settle()
        if failure is not None:
            raise failure
        return True

    # --- looking without waking ------------------------------------------------------------

    def list_ids(self, namespace: Any) -> list[Any]:
        """The ids of every object of a binding that exists, sorted."""
        raw = namespace_of(namespace)
        return [DurableObjectId(raw.id_from_string(text)) for text in raw.stored_ids()]

    def sockets(self, stub: Any) -> list[SocketView]:
        """The sockets in the object's keeping, oldest first."""
        container = self._find(stub)
        ends = [] if container is None else container.sockets.sockets()
        return [socket_view(end) for end in reversed(ends)]

    def storage(self, stub: Any) -> StorageView:
        """What the object has stored and committed, as a copy."""
        raw = stub_of(stub)
        return StorageView(raw.namespace.file_of(raw.id.hex))

    @contextmanager
    def diff(self, stub: Any) -> Iterator[StorageDiff]:
        """What the block changes in the object's committed storage, filled in at its end."""
        before = self.storage(stub)
        changes = StorageDiff()
        yield changes
        changes.fill(before, self.storage(stub))

    def _find(self, stub: Any) -> ActorContainer | None:
        raw = stub_of(stub)
        return raw.namespace.find(raw.id.hex)

    def _containers(self) -> list[ActorContainer]:
        return [c for namespace in self.namespaces for c in namespace.containers.values()]

    # --- the end ---------------------------------------------------------------------------

    def find_leaks(self) -> list[str]:
        """What the test leaves behind, one line each."""
        return self.leaks.found(list(self.namespaces), self.unstruck())

    async def close(self) -> None:
        """End the test's own connections."""
        for client in self.leaks.clients:
            client.disconnect()
        await self._loop.settle()
