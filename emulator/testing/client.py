"""A WebSocket client in the test's own process: the other end of a 101 response."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from emulator.core.sockets import DISCONNECTED, Close, Disconnect
from emulator.testing.errors import ConnectError, SocketClosed, SocketTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.faults import Faults
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["ConnectError", "SocketClosed", "WebSocketClient"]

RECEIVE_TIMEOUT_S: Final = 5.0
UNANSWERED: Final = (
    "the Close was not answered (does the object have webSocketClose(), and call ws.close()?)"
)


class WebSocketClient:
    """Sends and receives messages, without a network."""

    def __init__(self, end: WebSocketEnd, faults: Faults, source: str | None) -> None:
        """Take over `end`, the client's own; `source` is where the test connected."""
        self._end = end
        self._faults = faults
        self.source = source
        self._received: deque[str | bytes] = deque()
        self._arrived = asyncio.Event()
        self._sent_close = False
        self.ended: SocketClosed | None = None
        end.couple(_Wire(self))

    # --- the test's side -------------------------------------------------------------------

    def send(self, message: str | bytes) -> None:
        """Send a text or binary message.

        Raises:
            SocketClosed: the connection has ended.
        """
        if self.ended is not None:
            raise self.ended
        self._to_server(message)

    def send_json(self, value: Any) -> None:
        self.send(json.dumps(value))

    async def receive(self, timeout: float = RECEIVE_TIMEOUT_S) -> str | bytes:  # noqa: ASYNC109
        """The next message.

        Args:
            timeout: in seconds of the test's clock.

        Raises:
            SocketClosed: the connection ended and no message is left.
            SocketTimeout: none came in time (a TimeoutError).
        """
        __tracebackhide__ = True
        await self._wait(lambda: self._received or self.ended, timeout, "no message came")
        if self._received:
            return self._received.popleft()
        assert self.ended is not None, "one of the two was waited for"
        raise self.ended

    async def receive_json(self, timeout: float = RECEIVE_TIMEOUT_S) -> Any:  # noqa: ASYNC109
        """The next message, parsed. Raises as `receive`."""
        __tracebackhide__ = True
        return json.loads(await self.receive(timeout))

    @property
    def pending(self) -> int:
        """How many messages have arrived and were not received yet."""
        return len(self._received)

    async def close(
        self,
        code: int | None = 1000,
        reason: str = "",
        timeout: float = RECEIVE_TIMEOUT_S,  # noqa: ASYNC109
    ) -> SocketClosed:
        """Close, and wait until the server has answered; how the connection ended.

        Messages that came before the answer can still be received.

        Raises:
            SocketTimeout: the server did not answer in time (it may still do).
        """
        __tracebackhide__ = True
        if self.ended is None and not self._sent_close:
            self._sent_close = True
            self._to_server(Close(code, reason))
        return await self.wait_closed(timeout)

    async def wait_closed(self, timeout: float = RECEIVE_TIMEOUT_S) -> SocketClosed:  # noqa: ASYNC109
        """Wait until the connection has ended; how it did. Raises: SocketTimeout."""
        __tracebackhide__ = True
        problem = UNANSWERED if self._sent_close else "the connection did not end"
        await self._wait(lambda: self.ended, timeout, problem)
        assert self.ended is not None, "it was waited for"
        return self.ended

    async def _wait(self, condition: Callable[[], object], timeout_s: float, problem: str) -> None:
        __tracebackhide__ = True
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise SocketTimeout(problem, timeout_s, self.source) from None

    def disconnect(self) -> None:
        """Vanish without a Close, as a lost connection does."""
        if self.ended is None:
            self._ended(1006, DISCONNECTED, was_clean=False)
            self._to_server(Disconnect())

    def _to_server(self, item: str | bytes | Close | Disconnect) -> None:
        self._faults.post((self, "up"), partial(self._arrive, item))

    def _arrive(self, item: str | bytes | Close | Disconnect) -> None:
        container = self._find_object()
        if container is not None:
            self._faults.disturb(container.namespace, container.id)
        self._end.from_wire(item)

    def _find_object(self) -> ActorContainer | None:
        """The object at the other end, if there is one and not the worker."""
        other = self._end.peer
        if other.registry is not None:
            return other.registry.container
        return None if other.keeper is None else other.keeper.container

    # --- what the wire brings --------------------------------------------------------------

    def _from_server(self, arrive: Callable[[], None]) -> None:
        lane = (self, "down")
        container = self._find_object()
        if container is not None:
            delay = self._faults.take("send", container, delays=True)
            if delay is not None:
                self._faults.hold(lane, delay.delay_s)
            if self._faults.take("send", container) is not None:
                # Later: the object's code is sending now, and learns of it as of any lost client.
                self._faults.soon(self.lose)
                return
        self._faults.post(lane, arrive)

    def lose(self) -> None:
        """The connection breaks: neither side learns of it from the other."""
        if self.ended is None:
            self._ended(1006, DISCONNECTED, was_clean=False)
            self._end.from_wire(Disconnect())

    def _accept(self, message: str | bytes) -> None:
        if self.ended is None:
            self._received.append(message)
            self._arrived.set()

    def _accept_close(self, close: Close) -> None:
        # A Close that the client did not ask for is answered, as browsers do.
        answers = not self._sent_close
        self._sent_close = True
        self._ended(1005 if close.code is None else close.code, close.reason, was_clean=True)
        if answers:
            self._to_server(close)

    def _lost(self) -> None:
        self._ended(1006, DISCONNECTED, was_clean=False)

    def _ended(self, code: int, reason: str, *, was_clean: bool) -> None:
        if self.ended is None:
            self.ended = SocketClosed(code, reason, was_clean)
            self._arrived.set()


class _Wire:
    """The connection between the end and the client: there is nothing in between."""

    unsent_bytes = 0

    def __init__(self, client: WebSocketClient) -> None:
        self._client = client

    def send(self, message: str | bytes) -> None:
        self._client._from_server(partial(self._client._accept, message))

    def send_close(self, close: Close) -> None:
        self._client._from_server(partial(self._client._accept_close, close))

    def finish(self) -> None:
        """Both Closes are through: the client knows."""

    def pause_reading(self) -> None:
        """A test's client is never made to wait."""

    def resume_reading(self) -> None:
        """It was never paused."""

    def abort(self) -> None:
        self._client._from_server(self._client._lost)
