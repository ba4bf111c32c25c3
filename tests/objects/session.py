"""Plays a written session with WebSocketServer: several named clients, each frame as it must be.

A script is lines of the notation in which sessions with the real runtime were recorded:

    A: CONNECT /ws?id=<inst> -> 101              client A asks for an upgrade
    X: CONNECT /nowhere -> 404  'Not Found'      ... and gets another answer
    A: >> TEXT {"type":"ping"}                   A sends; also >> CLOSE code=1000 reason='bye'
    A:   << TEXT {"type":"pong","timestamp":<ms:now>}       the next frame A receives
    A:   << EOF                                  the server ended the connection
    A: TCP reset                                 also: A: TCP half close (FIN)
    HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":0,"connections":[]}

Frames of one client are claimed in their order; between clients no order is claimed.
`<inst>` is the session's room. `<ID1>`, `<ID2>` stand for ids: where one appears first it takes the
text found there, which must differ from all others, and from then on it means that text.
`<ms:now>` and `<ms:-12s>` are times in epoch milliseconds, give or take TOLERANCE_MS.
At the end every client that has seen no Close and no EOF must have received nothing more.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING, Final, Protocol, Self

from tests.wire import Frame, HttpAnswer, Opcode, WireSocket, connect, request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOLERANCE_MS: Final = 2_000
END: Final = b"nothing more"

LINES: Final = (
    ("http", re.compile(r"HTTP (\w+) (\S+) -> (\d+) (.*)")),
    ("connect", re.compile(r"(\w+): CONNECT (\S+) -> (\d+)(?:  '(.*)')?")),
    ("receive", re.compile(r"(\w+):   << (.*)")),
    ("send_text", re.compile(r"(\w+): >> TEXT (.*)")),
    ("send_close", re.compile(r"(\w+): >> CLOSE code=(\w+) reason='(.*)'")),
    ("tcp", re.compile(r"(\w+): TCP (reset|half close \(FIN\))")),
)
PLACE: Final = re.compile(r"<(ID\d+|ms:now|ms:-\d+s)>")


class Peer(Protocol):
    """What a script needs of a client; WireSocket is one."""

    answer: HttpAnswer

    def send_text(self, text: str) -> None: ...
    def send_close(self, code: int | None = None, reason: str = "") -> None: ...
    def send_ping(self, payload: bytes = b"") -> None: ...
    async def next_frame(self) -> Frame | None: ...
    async def aclose(self) -> None: ...


class Session:
    """One session against the server at host:port, in a room of its own.

    A subclass may speak to an object in another way: override `open` and `fetch`.
    `idle` waits that many seconds without traffic, `now_ms` is the clock the object sees.
    """

    def __init__(
        self,
        host: str,
        port: int,
        room: str,
        *,
        now_ms: Callable[[], float],
        idle: Callable[[float], Awaitable[None]],
    ) -> None:
        self.host = host
        self.port = port
        self.room = room
        self.now_ms = now_ms
        self.idle = idle
        self._peers: dict[str, Peer] = {}
        self._replaced: list[Peer] = []
        self._settled: set[str] = set()
        self._ids: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, *rest: object) -> None:
        try:
            if exc_type is None:
                for name in self._peers.keys() - self._settled:
                    await self._expect_nothing_more(name)
        finally:
            for peer in (*self._peers.values(), *self._replaced):
                await peer.aclose()

    async def open(self, path: str, headers: tuple[tuple[str, str], ...] = ()) -> Peer:
        """Asks for an upgrade."""
        return await connect(self.host, self.port, path, headers=headers)

    async def fetch(self, method: str, path: str) -> HttpAnswer:
        """Makes a plain request."""
        return await request(self.host, self.port, method, path)

    async def play(self, script: str) -> None:
        """Plays the lines one after the other. Raises: AssertionError, naming the line."""
        for line in dedent(script).strip("\n").splitlines():
            kind, words = _parse(line)
            match kind:
                case "http":
                    await self.expect_http(words[0], words[1], int(words[2]), words[3])
                case "connect":
                    await self._connect(words[0], words[1], int(words[2]), words[3])
                case "receive":
                    await self.expect(words[0], words[1])
                case "send_text":
                    self.peer(words[0]).send_text(words[1])
                case "send_close":
                    code = None if words[1] == "None" else int(words[1])
                    self.peer(words[0]).send_close(code, words[2])
                case _:
                    self._cut(words[0], words[1])

    async def exchange(self, name: str, sent: str | bytes, answer: str) -> None:
        """Sends a text (or, if bytes, a binary frame) and expects the text that answers it."""
        if isinstance(sent, bytes):
            self.wire(name).send_binary(sent)
        else:
            self.peer(name).send_text(sent)
        await self.expect(name, f"TEXT {answer}")

    async def expect(self, name: str, expected: str) -> None:
        """Expects the client's next frame, or EOF, in the notation of the scripts."""
        received = _describe(await self.peer(name).next_frame())
        self._match(expected, received, f"{name} received")
        if received.startswith(("CLOSE", "EOF")):
            self.settle(name)

    async def expect_http(self, method: str, path: str, status: int, body: str) -> None:
        answer = await self.fetch(method, self._fill(path))
        what = f"{method} {path} answered"
        self._match(f"{status} {body}", f"{answer.status} {answer.text}", what)

    def peer(self, name: str) -> Peer:
        return self._peers[name]

    def wire(self, name: str) -> WireSocket:
        """The client as a raw TCP client, for what only that can do."""
        peer = self._peers[name]
        assert isinstance(peer, WireSocket), f"{name} is no TCP client"
        return peer

    def join(self, name: str, peer: Peer) -> None:
        """Names a client that was connected in a way the scripts do not know."""
        if name in self._peers:
            self._replaced.append(self._peers[name])
        self._settled.discard(name)
        self._peers[name] = peer

    def settle(self, name: str) -> None:
        """Claims nothing about what this client has received in the end."""
        self._settled.add(name)

    async def _connect(self, name: str, path: str, status: int, body: str | None) -> None:
        peer = await self.open(self._fill(path))
        found = peer.answer.status
        assert found == status, f"{name}: CONNECT {path} -> {found} {peer.answer.text!r}"
        if status == 101:
            self.join(name, peer)
        else:
            self._match(body or "", peer.answer.text, f"{name}: CONNECT {path} answered")

    def _cut(self, name: str, how: str) -> None:
        wire = self.wire(name)
        if how == "reset":
            wire.reset()
        else:
            wire.half_close()
        self.settle(name)

    async def _expect_nothing_more(self, name: str) -> None:
        # Frames of one connection keep their order, so a pong that comes first proves silence.
        self._peers[name].send_ping(END)
        received = _describe(await self._peers[name].next_frame())
        assert received == f"PONG {END!r}", f"{name} received, unexpected at the end: {received}"

    def _fill(self, path: str) -> str:
        return path.replace("<inst>", self.room)

    def _match(self, expected: str, received: str, what: str) -> None:
        texts = PLACE.split(expected)  # literal, place, literal, place, ..., literal
        patterns = [re.escape(text) for text in texts]
        patterns[1::2] = [
            '([^"]+)' if place.startswith("ID") else r"(\d+)" for place in texts[1::2]
        ]
        found = re.fullmatch("".join(patterns), received)
        problem = f"{what}: {received}\n    expected: {expected}"
        assert found is not None, problem
        for place, value in zip(texts[1::2], found.groups(), strict=True):
            if place.startswith("ID"):
                self._match_id(place, value, problem)
            else:
                age_ms = 0 if place == "ms:now" else int(place[4:-1]) * 1000
                assert abs(self.now_ms() - age_ms - int(value)) <= TOLERANCE_MS, problem

    def _match_id(self, place: str, value: str, problem: str) -> None:
        if place not in self._ids:
            assert value not in self._ids.values(), f"an id was given twice\n{problem}"
            self._ids[place] = value
        assert self._ids[place] == value, f"{place} is {self._ids[place]}\n{problem}"


def _parse(line: str) -> tuple[str, tuple[str, ...]]:
    for kind, pattern in LINES:
        found = pattern.fullmatch(line)
        if found is not None:
            return kind, found.groups()
    raise ValueError(f"not a line of a script: {line!r}")


def _describe(frame: Frame | None) -> str:
    """A received frame in the notation of the scripts."""
    if frame is None:
        return "EOF"
    match frame.opcode:
        case Opcode.TEXT:
            told = f"TEXT {frame.text}"
        case Opcode.CLOSE:
            told = f"CLOSE code={frame.close_code} reason={frame.close_reason!r}"
        case opcode:
            told = f"{Opcode(opcode).name} {frame.payload!r}"
    return told if frame.fin and not frame.rsv else f"{told}  [fin={frame.fin:d} rsv={frame.rsv}]"
