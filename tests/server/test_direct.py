"""Small answers that are known at once are written as aiohttp would have written them."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from emulator.assembly import Emulator
from emulator.core.events import Event, RequestServed, WorkerError
from emulator.runtime.clock import SystemClock
from emulator.runtime.config import load_config
from emulator.server import takeover
from emulator.server.app import Server
from emulator.server.direct import HeadWriter
from emulator.storage.database import Durability
from emulator.web.headers import Headers
from emulator.web.response import Response
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio

WORKER: Final = """
HELD, RELEASED = asyncio.Event(), asyncio.Event()

class Box(DurableObject):
    async def fetch(self, request):
        await self.ctx.storage.put("a", 1)
        return Response("stored " + await request.text())

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = request.url.partition("/x/")[2].partition("?")[0]
        if path == "text":
            return Response("hi")
        if path == "seen":
            body = await request.text()
            headers = [f"{k}: {v}" for k, v in request.headers.items() if k.lower() != "host"]
            url = "/" + request.url.split("/", 3)[3]
            return Response("|".join([request.method.value, url, body, *headers]))
        if path == "object":
            return await self.env.BOX.getByName("a").fetch(request.js_object)
        if path == "raises":
            raise ValueError("no")
        if path == "cancels":
            raise asyncio.CancelledError
        if path == "waits":
            await asyncio.sleep(0)
            return Response("waited")
        if path == "hold":
            HELD.set()
            await RELEASED.wait()
            return Response("released")
        if path == "held":
            await HELD.wait()
            return Response("held")
        if path == "release":
            RELEASED.set()
            return Response("done")
        if path == "stream":
            return js.Response.new(js.Response.new("streamed").body)
        if path == "large":
            return Response("x" * 100_000)
        if path == "used":
            response = Response("twice")
            await response.text()
            return response
        if path == "header":
            return Response("hi", headers=[tuple(request.headers["x-give"].split(":", 1))])
        if path == "two":
            return Response("hi", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        if path == "bytes":
            return Response(b"no type")
        if path == "empty":
            return Response("")
        if path == "nothing":
            return Response(None)
        status, _, text = path.partition("-")
        body = None if int(status) in (204, 205, 304) else "body"
        return Response(body, status=int(status), status_text=text)
"""
DATE: Final = re.compile(rb"\r\nDate: [^\r]*")
READ_BYTES: Final = 1 << 16
WAIT_S: Final = 10.0


class Pair:
    """One emulator behind two servers: one answers directly, one leaves all to aiohttp."""

    def __init__(self, emulator: Emulator, direct: Server, plain: Server, events: list[Event]):
        self.emulator = emulator
        self.direct = direct
        self.plain = plain
        self.events = events

    async def answers(self, request: bytes) -> tuple[bytes, bytes]:
        return await talk(self.direct.port, request), await talk(self.plain.port, request)

    def lines(self) -> list[tuple[str, str, int, str]]:
        """The requests served since the last look."""
        served = [e for e in self.events if isinstance(e, RequestServed)]
        self.events[:] = [e for e in self.events if not isinstance(e, RequestServed)]
        return [(e.method, e.path, e.status, e.reason) for e in served]


async def talk(port: int, *pieces: bytes) -> bytes:
    """Everything that the server says to `pieces` and the request to end, the date left out."""
    async with connected(port) as (reader, writer):
        said = b""
        for piece in pieces:
            writer.write(piece)
            said += await reader.read(READ_BYTES)
        writer.write(b"GET /x/text?last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        said += b"".join([part async for part in _parts(reader)])
    return DATE.sub(b"", said)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(WAIT_S):
            yield reader, writer
    finally:
        writer.close()


async def _parts(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while part := await reader.read(READ_BYTES):
        yield part


def get(path: str, *headers: str, method: str = "GET", body: str = "") -> bytes:
    lines = [f"{method} /x/{path} HTTP/1.1", "Host: h", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@asynccontextmanager
async def open_pair(folder: Path) -> AsyncIterator[Pair]:
    events: list[Event] = []
    config = load_config(write_worker(folder, WORKER))
    emulator = Emulator(config, state=None, durability=Durability.OFF, listener=events.append)
    async with emulator:
        direct = Server(emulator.worker)
        plain = Server(emulator.worker, takes_over=False)
        for server in (direct, plain):
            await server.start("127.0.0.1", 0)
        try:
            yield Pair(emulator, direct, plain, events)
        finally:
            await direct.close()
            await plain.close()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """What the direct way answered, or None where it left the answer to aiohttp."""
    found: list[bytes | None] = []
    write = HeadWriter.write

    def noting(self: HeadWriter, response: Response) -> bytes | None:
        found.append(write(self, response))
        return found[-1]

    monkeypatch.setattr(HeadWriter, "write", noting)
    return found


DIRECT: Final = {
    "a text": get("text"),
    "a query": get("seen?a=%41&b=c+d"),
    "a body": get("seen", "Content-Type: text/plain", method="POST", body="abc"),
    "a body of no bytes": get("seen", "Content-Length: 0", method="POST"),
    "a header twice": get("seen", "X-A: 1", "x-a: 2"),
    "an odd method": get("seen", method="DELETE"),
    "a chunked body": get("seen", "Transfer-Encoding: chunked", method="PUT")
    + b"1\r\nx\r\n0\r\n\r\n",
    "a URL to normalise": get("a/../seen"),
    "no body": get("nothing"),
    "an empty body": get("empty"),
    "another header": get("header", "X-Give: X-Other:ä"),
    "two cookies": get("two"),
    "a status": get("404"),
    "a status text": get("299-Fine"),
    "an unknown status": get("599"),
}
LEFT: Final = {
    "no content type": get("bytes"),
    "no content": get("204"),
    "reset content": get("205"),
    "not modified": get("304"),
    "a stream": get("stream"),
    "a large body": get("large"),
    "a date": get("header", "X-Give: Date:now"),
    "a server": get("header", "X-Give: Server:x"),
    "a length": get("header", "X-Give: Content-Length:2"),
    "a connection header": get("header", "X-Give: Connection:close"),
}
NEVER_BEGUN: Final = {
    "HEAD": get("text", method="HEAD"),
    "the platform's paths": b"GET /cdn-cgi/x/text HTTP/1.1\r\nHost: h\r\n\r\n",
    "a whole URL": b"GET http://other/x/seen HTTP/1.1\r\nHost: h\r\n\r\n",
    "a fragment": get("text#there"),
    "no Host": b"GET /x/text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "the end of a connection": get("text", "Connection: close"),
    "an upgrade": get("text", "Connection: Upgrade", "Upgrade: h2c"),
    "an impossible URL": b"GET /x/text HTTP/1.1\r\nHost: a b\r\n\r\n",
    "several requests": get("text") + get("seen") + get("404"),
}


@pytest.mark.parametrize("request_", DIRECT.values(), ids=DIRECT.keys())
async def test_a_small_answer_is_what_aiohttp_would_have_written(
    request_: bytes, tmp_path: Path, written: list[bytes | None]
) -> None:
    async with open_pair(tmp_path) as pair:
        direct = await talk(pair.direct.port, request_)
        lines = pair.lines()
        assert written[0] is not None
        assert direct == await talk(pair.plain.port, request_)
        assert lines == pair.lines()
        assert len(lines) == 2


@pytest.mark.parametrize("request_", LEFT.values(), ids=LEFT.keys())
async def test_another_answer_is_left_to_aiohttp(
    request_: bytes, tmp_path: Path, written: list[bytes | None]
) -> None:
    async with open_pair(tmp_path) as pair:
        direct, plain = await pair.answers(request_)
        assert written == [None]
        assert direct == plain


@pytest.mark.parametrize("request_", NEVER_BEGUN.values(), ids=NEVER_BEGUN.keys())
async def test_another_request_is_aiohttps(
    request_: bytes, tmp_path: Path, written: list[bytes | None]
) -> None:
    async with open_pair(tmp_path) as pair:
        direct, plain = await pair.answers(request_)
        assert [answer for answer in written if answer is None] == []
        assert direct == plain


@pytest.mark.parametrize("path", ["object", "waits", "raises", "cancels", "used"])
async def test_what_is_not_known_at_once_is_aiohttps_to_end(path: str, tmp_path: Path) -> None:
    async with open_pair(tmp_path) as pair:
        request = get(path, method="POST", body="body")
        direct = await talk(pair.direct.port, request)
        lines, errors = pair.lines(), [e.text for e in pair.events if isinstance(e, WorkerError)]
        pair.events.clear()
        assert direct == await talk(pair.plain.port, request)
        assert lines == pair.lines()
        assert errors == [e.text for e in pair.events if isinstance(e, WorkerError)]
        assert (path == "raises") == bool(errors)


async def test_answers_keep_the_order_of_their_requests(tmp_path: Path) -> None:
    async with open_pair(tmp_path) as pair, connected(pair.direct.port) as (reader, writer):
        writer.write(get("hold"))
        await talk(pair.direct.port, get("held"))
        writer.write(get("text"))
        writer.write(get("seen", method="PUT", body="b"))
        await talk(pair.direct.port, get("release"))
        said = b""
        while said.count(b"\r\n\r\n") < 3 or b"PUT" not in said:
            said += await reader.read(READ_BYTES)
        assert re.findall(rb"\r\n\r\n(released|hi|PUT)", said) == [b"released", b"hi", b"PUT"]


async def test_a_body_that_comes_in_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    async with open_pair(tmp_path) as pair:
        request = get("seen", method="POST", body="0123456789")
        async with connected(pair.direct.port) as (reader, writer):
            for at in range(len(request)):
                writer.write(request[at : at + 1])
                await asyncio.sleep(0)  # noqa: TID251 - each byte is a read of its own
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert b"0123456789" in await reader.read(READ_BYTES)


async def test_another_version_of_aiohttp_answers_all_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: list[bytes | None]
) -> None:
    monkeypatch.setattr(takeover, "SUPPORTED", "3.15.")
    async with open_pair(tmp_path) as pair:
        direct, plain = await pair.answers(get("text"))
        assert direct == plain
        assert written == []


async def test_a_header_that_would_break_the_head_is_refused() -> None:
    response = Response("body")
    response._headers = Headers._of([("Content-Type", "x"), ("X-A", "b\r\nX-B: c")])
    assert HeadWriter(SystemClock()).write(response) is None
    response._headers = Headers._of([("Content-Type", "x"), ("X-A", "\ud800")])
    assert HeadWriter(SystemClock()).write(response) is None
    assert not response.bodyUsed
