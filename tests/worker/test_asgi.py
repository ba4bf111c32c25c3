"""A FastAPI application served by `workers.asgi`."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.errors import CompatWarning
from tests.worlds import worker

APPLICATION = """
from fastapi import Depends, FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi import Request as FastRequest
from fastapi.responses import StreamingResponse
from contextlib import asynccontextmanager
from workers import asgi

@asynccontextmanager
async def lifespan(app):
    yield {"started": True}

app = FastAPI(lifespan=lifespan)

class Counter(DurableObject):
    async def fetch(self, request):
        return await asgi.fetch(app, request, self.env)

    async def add(self):
        n = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", n)
        return n

@app.get("/hello/{name}")
async def hello(name: str, request: FastRequest, q: int = 0):
    return {"hello": name, "q": q, "msg": request.scope["env"].MSG, "up": request.state.started}

@app.post("/count/{name}")
async def count(name: str, env=asgi.env):
    return {"n": await env.COUNTER.getByName(name).add()}

@app.post("/echo")
async def echo(request: FastRequest):
    return {"got": (await request.body()).decode(), "type": request.headers["content-type"]}

@app.get("/stream")
async def stream():
    async def chunks():
        for i in range(3):
            yield f"{i},"
    return StreamingResponse(chunks(), headers={"x-a": "b"})

@app.get("/sync")
def sync():
    return "never"

@app.get("/missing")
async def missing():
    raise HTTPException(404, "not here")

@app.websocket("/ws/{room}")
async def ws(socket: WebSocket, room: str):
    await socket.accept()
    try:
        while True:
            message = await socket.receive()
            if message.get("bytes") is not None:
                await socket.send_bytes(message["bytes"][::-1])
            elif message.get("text") == "bye":
                await socket.close(4000, "bye")
                return
            elif message.get("text") is not None:
                await socket.send_text(f"{room}: {message['text']}")
            else:
                raise WebSocketDisconnect
    except WebSocketDisconnect:
        await env_log(room)

async def env_log(room):
    from workers import env
    await env.COUNTER.getByName(room).add()

Default = asgi.entrypoint(app)
"""
# write_worker looks for a class statement.
APPLICATION += "\nclass Default(Default): pass\n"
asgi_worker = worker(APPLICATION, vars={"MSG": "hi"})


@asgi_worker
async def test_requests_reach_the_application(durable: Any) -> None:
    response = await durable.fetch("/hello/bob?q=5")
    assert response.headers["content-type"] == "application/json"
    assert await response.json() == {"hello": "bob", "q": 5, "msg": "hi", "up": True}
    assert (await durable.fetch("/nosuch")).status == 404
    assert await (await durable.fetch("/missing")).json() == {"detail": "not here"}


@asgi_worker
async def test_bodies_go_both_ways(durable: Any) -> None:
    response = await durable.fetch(
        "/echo", method="POST", body="héllo", headers={"Content-Type": "text/x"}
    )
    assert await response.json() == {"got": "héllo", "type": "text/x"}


@asgi_worker
async def test_responses_stream(durable: Any) -> None:
    response = await durable.fetch("/stream")
    assert response.headers["x-a"] == "b"
    assert await response.text() == "0,1,2,"


@asgi_worker
async def test_endpoints_call_objects_and_objects_are_applications(durable: Any) -> None:
    assert await (await durable.fetch("/count/a", method="POST")).json() == {"n": 1}
    assert await (await durable.fetch("/count/a", method="POST")).json() == {"n": 2}
    stub = durable.env.COUNTER.getByName("b")
    assert (await (await stub.fetch("http://x/hello/eve")).json())["hello"] == "eve"


@asgi_worker
async def test_websockets_reach_the_application(durable: Any) -> None:
    client = await durable.connect("/ws/red")
    client.send("hi")
    assert await client.receive() == "red: hi"
    client.send(b"abc")
    assert await client.receive() == b"cba"
    client.send("bye")
    ended = await client.wait_closed()
    assert (ended.code, ended.reason) == (4000, "bye")


@asgi_worker
async def test_a_client_that_leaves_is_a_disconnect(durable: Any) -> None:
    client = await durable.connect("/ws/blue")
    await client.close(1000)
    await durable.settle()
    assert await durable.env.COUNTER.getByName("blue").add() == 2


@asgi_worker
async def test_an_endpoint_that_wants_a_thread_fails_as_on_the_platform(durable: Any) -> None:
    with pytest.warns(CompatWarning, match="There are no threads on the platform"):
        assert (await durable.fetch("/sync")).status == 500
