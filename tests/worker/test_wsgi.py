"""A Flask application served by `workers.wsgi`, on stacks that can wait."""

from __future__ import annotations

from typing import Any

from tests.worlds import worker

APPLICATION = """
from flask import Flask, abort, jsonify, request
from workers import wsgi

app = Flask(__name__)

class Counter(DurableObject):
    async def add(self):
        n = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", n)
        return n

    async def wait(self, seconds):
        from pyodide.ffi import run_sync
        run_sync(asyncio.sleep(seconds))
        return "waited"

    async def alarm(self):
        from pyodide.ffi import can_run_sync
        await self.ctx.storage.put("can", can_run_sync())

    async def can(self):
        return await self.ctx.storage.get("can")

    async def set(self):
        await self.ctx.storage.setAlarm(Date.now() + 1000)

@app.route("/hello/<name>")
def hello(name):
    return jsonify(hello=name, q=request.args.get("q"), msg=request.environ["workers.env"].MSG)

@app.route("/count/<name>", methods=["POST"])
def count(name):
    from pyodide.ffi import run_sync
    return {"n": run_sync(request.environ["workers.env"].COUNTER.getByName(name).add())}

@app.route("/echo", methods=["POST"])
def echo():
    return {"got": request.get_data(as_text=True), "form": request.form.to_dict()}

@app.route("/stream")
def stream():
    return (f"{i}," for i in range(3)), 201, {"X-A": "b", "Set-Cookie": "a=1"}

@app.route("/upper", methods=["POST"])
def upper():
    body = request.stream

    def chunks():
        while chunk := body.read(4):
            yield chunk.upper()

    return app.response_class(chunks())

@app.route("/teapot")
def teapot():
    abort(418)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(app, request, self.env)
"""
wsgi_worker = worker(APPLICATION, vars={"MSG": "hi"})


@wsgi_worker
async def test_requests_reach_the_application(durable: Any) -> None:
    response = await durable.fetch("/hello/bob?q=5")
    assert await response.json() == {"hello": "bob", "q": "5", "msg": "hi"}
    assert (await durable.fetch("/teapot")).status == 418


@wsgi_worker
async def test_synchronous_code_calls_objects(durable: Any) -> None:
    assert await (await durable.fetch("/count/a", method="POST")).json() == {"n": 1}
    assert await (await durable.fetch("/count/a", method="POST")).json() == {"n": 2}


@wsgi_worker
async def test_bodies_are_read_as_they_come(durable: Any) -> None:
    sent = {"method": "POST", "body": "a=1&b=2"}
    response = await durable.fetch("/echo", **sent)
    assert (await response.json())["got"] == "a=1&b=2"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await durable.fetch("/echo", **sent, headers=form)
    assert (await response.json())["form"] == {"a": "1", "b": "2"}


@wsgi_worker
async def test_responses_stream_also_from_the_request(durable: Any) -> None:
    response = await durable.fetch("/stream")
    assert (response.status, response.headers["x-a"]) == (201, "b")
    assert response.headers["set-cookie"] == "a=1"
    assert await response.text() == "0,1,2,"
    response = await durable.fetch("/upper", method="POST", body="abcdefghij")
    assert await response.text() == "ABCDEFGHIJ"


@wsgi_worker
async def test_an_object_waits_in_synchronous_code_too(durable: Any) -> None:
    stub = durable.env.COUNTER.getByName("a")
    started = durable.clock.now_ms
    waiting = stub.wait(5)
    assert await stub.add() == 1
    assert await waiting == "waited"
    assert durable.clock.now_ms - started >= 5000
    await stub.set()
    await durable.clock.advance(2)
    assert await stub.can() is True
