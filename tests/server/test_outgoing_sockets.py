"""Outgoing WebSockets against a real server: spec websockets §1.1, §1.2, §4.1, §6.

Order, states and texts are those of the same script on the real runtime.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web

from tests.server.lab import WAIT_S, network, open_lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server.lab import Lab

pytestmark = pytest.mark.asyncio

WATCH = """
def watch(ws, kinds=("open", "message", "close", "error")):
    for kind in kinds:
        def hear(event, kind=kind):
            entry = {"type": kind, "state": ws.readyState}
            for name in ("data", "code", "reason", "wasClean", "message"):
                value = getattr(event, name, None)
                if isinstance(value, (str, int)):
                    entry[name] = value
            self.heard.append(entry)
            if kind in self.react:
                self.react[kind](ws)
        ws.addEventListener(kind, create_proxy(hear))
    return ws
self.heard, self.react = [], {}
self.watch = watch
"""


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("p2",), autoclose=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "headers":
            await socket.send_str(json.dumps(dict(request.headers)))
        elif message.data == "drop":
            assert request.transport is not None
            request.transport.abort()
        else:
            await socket.send_str(f"echo {message.data}")
    if socket.close_code is not None:
        await socket.close(code=socket.close_code)
    return socket


async def refuse(request: web.Request) -> web.Response:
    return web.Response(status=404, text=request.path)


@asynccontextmanager
async def peer() -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/ws", echo)
    app.router.add_get("/nope", refuse)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        assert await opened.probe.run(WATCH) == "None"
        yield opened


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    async with peer() as found:
        yield found


async def run(lab: Lab, source: str) -> str:
    found: str = await lab.probe.run(source)
    return found


async def heard(lab: Lab, count: int) -> list[dict[str, Any]]:
    """What the listeners were told, once it is `count` entries."""
    async with asyncio.timeout(WAIT_S):
        while len(entries := await lab.probe.call("return self.heard")) < count:
            await network()
    found: list[dict[str, Any]] = entries
    return found


async def test_a_socket_opens_and_echoes_and_closes(lab: Lab, port: int) -> None:
    source = f"""
self.react["open"] = lambda ws: ws.send("hi")
self.react["message"] = lambda ws: ws.close(3001, "done")
ws = self.ws = self.watch(js.WebSocket.new("ws://127.0.0.1:{port}/ws"))
return [ws.readyState, ws.url, ws.protocol, ws.extensions, ws.binaryType, ws.bufferedAmount]
"""
    assert await run(lab, source) == f"[0, 'ws://127.0.0.1:{port}/ws', '', '', 'blob', 0]"
    assert await heard(lab, 3) == [
        {"type": "open", "state": 1},
        {"type": "message", "state": 1, "data": "echo hi"},
        {"type": "close", "state": 3, "code": 3001, "reason": "", "wasClean": True},
    ]
    assert await run(lab, "return [self.ws.protocol, self.ws.extensions]") == (
        "[jsnull, 'permessage-deflate']"
    )


async def test_a_protocol_is_chosen_by_the_server(lab: Lab, port: int) -> None:
    source = f"""
self.ws = self.watch(js.WebSocket.new("ws://127.0.0.1:{port}/ws", to_js(["p1", "p2"])))
"""
    await run(lab, source)
    await heard(lab, 1)
    assert await run(lab, "return self.ws.protocol") == "'p2'"


async def test_before_it_is_open_nothing_can_be_done_with_it(lab: Lab, port: int) -> None:
    source = f"""
ws = self.ws = self.watch(js.WebSocket.new("ws://127.0.0.1:{port}/ws"))
return refusals(ws.accept, lambda: ws.send("early"), lambda: ctx.acceptWebSocket(ws))
"""
    assert await run(lab, source) == repr(
        [
            "TypeError: Websockets obtained from the 'new WebSocket()' constructor cannot call accept",
            "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket "
            "before sending messages.",
            "Error: Cannot call `acceptWebSocket()` on this WebSocket because its pair has already "
            "been accepted or used in a Response.",
        ]
    )
    await heard(lab, 1)
    assert await run(lab, "return self.ws.accept()") == "None"


async def test_an_open_one_cannot_be_returned(lab: Lab, port: int) -> None:
    await lab.hook(
        fetch=f"""
ws = js.WebSocket.new("ws://127.0.0.1:{port}/ws")
return Response(None, status=101, web_socket=ws)
"""
    )
    async with await lab.connect() as client:
        assert client.answer.status == 101
        assert await client.next_frame() is None
    assert any("if it was created with `new WebSocket()`" in text for text in lab.errors)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/nope", "Uncaught TypeError: Failed to establish the WebSocket connection: expected "
         "server to reply with HTTP status code 101 (switching protocols), but received 404 instead."),
        (None, "Uncaught Error: Network connection lost."),
    ],
)  # fmt: skip
async def test_a_connection_that_fails_is_an_error_then_a_close(
    lab: Lab, port: int, url: str | None, message: str
) -> None:
    address = "127.0.0.1:1/" if url is None else f"127.0.0.1:{port}{url}"
    await run(lab, f"self.ws = self.watch(js.WebSocket.new('ws://{address}'))")
    reason = "Failed to establish websocket connection"
    assert await heard(lab, 2) == [
        {"type": "error", "state": 3, "message": message},
        {"type": "close", "state": 3, "code": 1006, "reason": reason, "wasClean": False},
    ]


async def test_a_connection_that_is_closed_too_early_fails(lab: Lab, port: int) -> None:
    source = f"""
ws = self.ws = self.watch(js.WebSocket.new("ws://127.0.0.1:{port}/ws"))
ws.close(1000, "x")
"""
    await run(lab, source)
    entries = await heard(lab, 2)
    assert [(e["type"], e["state"]) for e in entries] == [("error", 3), ("close", 3)]
    assert entries[0]["message"] == "Uncaught Error: Network connection lost."


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ("", "TypeError: Failed to construct 'WebSocket': constructor parameter 1 is not of type 'string'."),
        ("'nope'", "SyntaxError: WebSocket Constructor: The url is invalid."),
        ("'http://a/'", "SyntaxError: WebSocket Constructor: The url scheme must be ws or wss."),
        ("'ws://a/#f'", "SyntaxError: WebSocket Constructor: The url fragment must be empty."),
        ("'ws://a/', to_js(['a', 'a'])", "SyntaxError: WebSocket Constructor: The protocols header cannot have repeating values."),
        ("'ws://a/', to_js(['a b'])", "SyntaxError: WebSocket Constructor: One of the protocol header tokens is invalid."),
        ("'ws://a/', 'a,b'", "SyntaxError: WebSocket Constructor: The protocol header token is invalid."),
    ],
)  # fmt: skip
async def test_bad_arguments_are_refused(lab: Lab, arguments: str, refusal: str) -> None:
    assert await run(lab, f"return js.WebSocket.new({arguments})") == refusal


async def test_it_keeps_its_object_awake_until_it_has_ended(lab: Lab, port: int) -> None:
    [container] = lab.emulator.worker.namespaces["Probe"].containers.values()
    await run(lab, f"self.ws = self.watch(js.WebSocket.new('ws://127.0.0.1:{port}/ws'))")
    assert [b.kind for b in container.blockers()] == ["web socket"]
    await heard(lab, 1)
    assert [b.kind for b in container.blockers()] == ["web socket"]
    await run(lab, "self.ws.close()")
    await heard(lab, 2)
    assert container.blockers() == []


FETCH = """
headers = plain({{"Upgrade": "websocket", "X-Own": "1"}})
response = await js.fetch("http://127.0.0.1:{port}{path}", plain({{"headers": headers}}))
ws = self.ws = response.webSocket
"""


async def test_a_fetched_socket_speaks_once_it_is_accepted(lab: Lab, port: int) -> None:
    [container] = lab.emulator.worker.namespaces["Probe"].containers.values()
    source = FETCH.format(port=port, path="/ws") + (
        "return [response.status, ws.readyState, ws.url, ws.protocol, ws.extensions, "
        "refusals(lambda: ws.send('x'), lambda: ctx.acceptWebSocket(ws))]"
    )
    found = await run(lab, source)
    assert found.startswith("[101, 1, jsnull, '', '', ['TypeError: You must call one of accept()")
    assert "Cannot call `acceptWebSocket()` on this WebSocket because its pair" in found
    assert container.blockers() == []
    await run(lab, "self.watch(self.ws); self.ws.accept(); self.ws.send('headers')")
    assert [b.kind for b in container.blockers()] == ["web socket"]
    [entry] = await heard(lab, 1)
    assert json.loads(entry["data"])["X-Own"] == "1"
    await run(lab, "self.ws.send('drop')")
    entries = await heard(lab, 2)
    assert (entries[1]["type"], entries[1]["code"], entries[1]["state"]) == ("close", 1006, 1)
    assert container.blockers() == []


async def test_messages_that_came_before_the_accept_are_delivered_after_it(
    lab: Lab, port: int
) -> None:
    async with open_lab() as other:
        await other.hook(
            fetch="""
client, server = pair()
ctx.acceptWebSocket(server)
server.send("early")
return Response(None, status=101, web_socket=client)
"""
        )
        await run(lab, FETCH.format(port=other.port, path="/"))
        await run(lab, "self.ws.accept(); self.watch(self.ws)")
        assert [e["data"] for e in await heard(lab, 1)] == ["early"]


async def test_a_refused_upgrade_has_no_socket(lab: Lab, port: int) -> None:
    source = FETCH.format(port=port, path="/nope") + "return [response.status, ws]"
    assert await run(lab, source) == "[404, jsnull]"


async def test_a_fetched_socket_may_be_handed_to_the_client(lab: Lab, port: int) -> None:
    await lab.hook(
        fetch=FETCH.format(port=port, path="/ws")
        + "return Response(None, status=101, web_socket=response.webSocket)"
    )
    async with await lab.connect() as client:
        client.send_text("through")
        frame = await client.next_frame()
        assert frame is not None
        assert frame.text == "echo through"
        client.send_close(4000)
        frame = await client.next_frame()
        assert frame is not None
        assert frame.close_code == 4000


async def test_fetch_takes_no_web_socket_url(lab: Lab) -> None:
    assert await run(lab, "await js.fetch('ws://127.0.0.1/')") == (
        "TypeError: Fetch API cannot load: ws://127.0.0.1/"
    )
