"""The recorded sessions again, without a network and in virtual time.

T13 spends its 22 silent seconds in no time. T12, T14 and T16 are about bytes on the wire (bad
handshakes, raw frames, compression), which only a network has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from tests.objects.session import Session
from tests.objects.transcripts import TRANSCRIPTS
from tests.wire import Frame, HttpAnswer, Opcode, pack_close

if TYPE_CHECKING:
    from emulator.testing.client import WebSocketClient
    from emulator.testing.durable_objects import Durable

ON_THE_WIRE: Final = {"T12", "T14", "T16"}
NO_STATUS: Final = 1005


class VirtualPeer:
    """A client of the test's own process, in the words of the recorded sessions."""

    def __init__(
        self, durable: Durable, answer: HttpAnswer, client: WebSocketClient | None = None
    ) -> None:
        self.answer = answer
        self._durable = durable
        self._client = client
        self._pongs: list[Frame] = []
        self._told: str | None = None
        self._closing: asyncio.Task[object] | None = None

    @property
    def client(self) -> WebSocketClient:
        assert self._client is not None, "the client is connected"
        return self._client

    def send_text(self, text: str) -> None:
        self.client.send(text)

    def send_binary(self, payload: bytes) -> None:
        self.client.send(payload)

    def send_close(self, code: int | None = None, reason: str = "") -> None:
        sent = None if code == NO_STATUS else code
        self._closing = asyncio.get_running_loop().create_task(self.client.close(sent, reason))

    def send_ping(self, payload: bytes = b"") -> None:
        # The server answers; the object never hears of it.
        self._pongs.append(Frame(Opcode.PONG, payload))

    async def next_frame(self) -> Frame | None:
        await self._durable.settle()
        if self.client.pending:
            message = await self.client.receive()
            assert isinstance(message, str), "the object sends texts only"
            return Frame(Opcode.TEXT, message.encode())
        if self._pongs:
            return self._pongs.pop(0)
        ended = self.client.ended
        assert ended is not None, "nothing more came"
        if self._told is None and ended.was_clean:
            self._told = "close"
            code = None if ended.code == NO_STATUS else ended.code
            return Frame(Opcode.CLOSE, pack_close(code, ended.reason))
        return None

    def reset(self) -> None:
        self.client.disconnect()

    def half_close(self) -> None:
        self.client.disconnect()

    async def aclose(self) -> None:
        if self._client is not None:
            self._client.disconnect()
        if self._closing is not None:
            await self._closing


class VirtualSession(Session):
    """A session with the worker of a `durable` world."""

    def __init__(self, durable: Durable) -> None:
        super().__init__(
            "localhost",
            0,
            "room",
            now_ms=lambda: durable.clock.now_ms,
            idle=durable.clock.advance,
        )
        self.durable = durable

    async def open(self, path: str, headers: tuple[tuple[str, str], ...] = ()) -> VirtualPeer:
        from emulator.testing.client import ConnectError

        try:
            client = await self.durable.connect(path, dict(headers))
        except ConnectError as exc:
            return VirtualPeer(self.durable, HttpAnswer(exc.status, (), exc.text.encode()))
        return VirtualPeer(self.durable, HttpAnswer(101, ()), client)

    async def fetch(self, method: str, path: str) -> HttpAnswer:
        response = await self.durable.fetch(path, method=method)
        return HttpAnswer(response.status, (), (await response.text()).encode())

    def wire(self, name: str) -> VirtualPeer:  # type: ignore[override]  # as much of it as there is
        peer = self.peer(name)
        assert isinstance(peer, VirtualPeer), "every peer of this session is one"
        return peer


# T17 is about the order in which three closes arrive, which a run may be told to change.
ORDERED: Final = pytest.mark.durable(undisturbed=True)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=ORDERED if name == "T17" else ())
        for name in sorted(TRANSCRIPTS.keys() - ON_THE_WIRE)
    ],
)
async def test_a_session_goes_as_on_the_real_runtime(name: str, durable: Durable) -> None:
    async with VirtualSession(durable) as session:
        await TRANSCRIPTS[name](session)


async def test_t13_sleeps_twice_on_the_way(durable: Durable) -> None:
    room = durable.env.WEBSOCKET_SERVER.getByName("room")
    async with VirtualSession(durable) as session:
        await TRANSCRIPTS["T13"](session)
        assert durable.generation(room) >= 3  # or more, with --durable-evict
