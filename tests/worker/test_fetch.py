"""fetch() out of a worker: through the test's handler, or over a real connection."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.worlds import worker, write_worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

CALLER = """
from js import AbortController, TransformStream, fetch as js_fetch
from pyodide.http import pyfetch
from workers import fetch

async def outcome(awaitable):
    try:
        r = await awaitable
        return [r.status, r.url, r.redirected, await r.text()]
    except JsException as exc:
        return [exc.name, exc.message, getattr(exc, "retryable", None)]
    except OSError as exc:
        return [type(exc).__name__, str(exc)]

class Caller(DurableObject):
    async def get(self, url):
        return await outcome(fetch(url))

    async def send(self, url, method, body, redirect="follow"):
        return await outcome(fetch(url, method=method, body=body, redirect=redirect))

    async def raw(self, url):
        return await outcome(js_fetch(url, to_js({"method": "PUT", "body": "raw"})))

    async def python(self, url):
        response = await pyfetch(url, method="POST", body="py", headers={"X-A": "b"})
        response.raise_for_status()
        return await response.json()

    async def fails(self, url):
        try:
            (await pyfetch(url)).raise_for_status()
        except OSError as exc:
            return [type(exc).__name__, str(exc), exc.status]

    async def headers(self, url):
        response = await fetch(url)
        try:
            response.js_object.headers.set("a", "b")
        except JsException as exc:
            return [response.headers.get_all("set-cookie"), exc.message]

    async def aborted(self, url):
        controller = AbortController.new()
        promise = js_fetch(url, to_js({"signal": controller.signal}))
        setTimeout(create_proxy(lambda: controller.abort()), 10)
        first = await outcome(promise)
        return [first, await outcome(pyfetch(url, signal=controller.signal))]

    async def streamed(self, url):
        stream = TransformStream.new()
        writer = stream.writable.getWriter()
        promise = js_fetch(url, to_js({"method": "POST", "body": stream.readable}))
        for part in (b"one ", b"two ", b"three"):
            await writer.write(to_js(part))
        await writer.close()
        return await outcome(promise)

    async def after_a_write(self, url):
        await self.ctx.storage.put("k", 1)
        promise = fetch(url)
        return await outcome(promise)

    async def bad(self):
        return [await outcome(js_fetch(url)) for url in ("/rel", "ftp://x/")] + [
            await outcome(js_fetch())
        ]

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await fetch("http://outside/" + request.url.rpartition("/")[2])
"""
CALL = worker(CALLER)


def stub(durable: Any) -> Any:
    return durable.env.CALLER.getByName("a")


# --- in a test world -----------------------------------------------------------------------------


@CALL
async def test_a_world_without_a_handler_refuses(durable: Any) -> None:
    with pytest.raises(BaseException, match=r"Set durable\.outgoing to a function"):
        await stub(durable).get("http://outside/")


@CALL
async def test_a_handler_of_the_test_answers(durable: Any) -> None:
    import workers  # type: ignore[import-not-found]

    seen = []

    async def handler(request: Any) -> Any:
        seen.append((request.method, request.url, await request.text()))
        return workers.Response("hi", status=201)

    durable.outgoing = handler
    assert await stub(durable).get("http://outside/a") == [201, "http://outside/a", False, "hi"]
    assert await stub(durable).send("http://outside/", "POST", "body") == [
        *(201, "http://outside/", False, "hi"),
    ]
    assert (await stub(durable).raw("http://outside/"))[0] == 201
    response = await durable.fetch("/page")
    assert (response.status, await response.text()) == (201, "hi")
    assert [method for method, *_ in seen] == ["GET", "POST", "PUT", "GET"]
    assert seen[1][2] == "body"
    assert seen[3][1] == "http://outside/page"


@CALL
async def test_a_handler_may_be_a_plain_function(durable: Any) -> None:
    import workers

    durable.outgoing = lambda request: workers.Response.redirect(request.url)
    assert (await stub(durable).get("http://outside/"))[0] == 302
    durable.outgoing = lambda request: "no response"
    found = await stub(durable).get("http://outside/")
    assert found[:2] == [
        "TypeError",
        "Incorrect type for Promise: the Promise did not resolve to 'Response'.",
    ]


@CALL
async def test_what_is_no_request_is_refused_at_once(durable: Any) -> None:
    durable.outgoing = lambda request: None
    relative, scheme, nothing = await stub(durable).bad()
    assert relative[:2] == ["TypeError", "Invalid URL: /rel"]
    assert scheme[:2] == ["TypeError", "Fetch API cannot load: ftp://x/"]
    assert nothing[1].startswith("Failed to execute 'fetch' on 'ServiceWorkerGlobalScope'")


@CALL
async def test_a_fetch_keeps_its_object_awake_and_can_be_aborted(durable: Any) -> None:
    import asyncio

    asked = asyncio.Event()

    async def never(request: Any) -> Any:
        asked.set()
        await asyncio.get_running_loop().create_future()

    durable.outgoing = never
    task = asyncio.get_running_loop().create_task(stub(durable).aborted("http://outside/"))
    await asked.wait()
    kinds = {blocker.kind for blocker in durable.why_awake(stub(durable))}
    assert "fetch" in kinds
    first, second = await task
    assert first == ["AbortError", "The operation was aborted", True]
    assert second == ["AbortError", "The operation was aborted"]
    assert "fetch" not in {blocker.kind for blocker in durable.why_awake(stub(durable))}


@CALL
async def test_a_fetch_leaves_after_the_commit_of_what_was_written(durable: Any) -> None:
    import workers

    container = durable.emulator.worker.namespaces["Caller"].containers
    states = []

    def handler(request: Any) -> Any:
        (found,) = container.values()
        states.append(found.sqlite.is_dirty)
        return workers.Response("ok")

    durable.outgoing = handler
    assert (await stub(durable).after_a_write("http://outside/"))[0] == 200
    assert states == [False]


# --- over a real connection ----------------------------------------------------------------------


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    match request.path:
        case "/redirect":
            status = int(request.query.get("status", "302"))
            return web.Response(status=status, headers={"Location": "/echo"}, text="moved")
        case "/loop":
            count = int(request.query.get("n", "0")) + 1
            return web.Response(status=302, headers={"Location": f"/loop?n={count}"})
        case "/missing":
            return web.Response(status=404, reason="Not Found")
        case "/cookies":
            response = web.Response(text="c")
            response.headers.add("Set-Cookie", "a=1")
            response.headers.add("Set-Cookie", "b=2")
            return response
        case "/cut":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"half")
            assert request.transport is not None
            request.transport.abort()
            return response
        case _:
            body = await request.text()
            names = sorted(name.lower() for name in request.headers)
            return web.json_response([request.method, body, names])


@asynccontextmanager
async def real(
    folder: Path, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = answer
) -> AsyncIterator[tuple[Any, str]]:
    """An emulator in real time, and the address of a server."""
    from emulator.assembly import Emulator
    from emulator.runtime.config import load_config
    from emulator.storage.database import Durability

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = load_config(write_worker(folder, CALLER))
    try:
        async with Emulator(config, state=None, durability=Durability.OFF) as emulator:
            yield emulator.env.CALLER.getByName("a"), f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_requests_go_out_with_nothing_added(tmp_path: Path) -> None:
    async with real(tmp_path) as (caller, server):
        assert await caller.get(f"{server}/echo#fragment") == [
            *(200, f"{server}/echo", False, '["GET", "", ["host"]]'),
        ]
        assert (await caller.send(f"{server}/echo", "POST", "abc"))[3] == (
            '["POST", "abc", ["content-length", "content-type", "host"]]'
        )
        credentials = server.replace("http://", "http://user:pass@")
        assert (await caller.get(f"{credentials}/echo"))[3] == '["GET", "", ["host"]]'
        assert await caller.python(f"{server}/echo") == [
            *("POST", "py", ["content-length", "content-type", "host", "x-a"]),
        ]
        assert await caller.fails(f"{server}/missing") == [
            "HttpStatusError",
            f"404 Client Error: Not Found for url: {server}/missing",
            404,
        ]


async def test_headers_of_a_response_are_kept_apart_and_immutable(tmp_path: Path) -> None:
    async with real(tmp_path) as (caller, server):
        assert await caller.headers(f"{server}/cookies") == [
            ["a=1", "b=2"],
            "Can't modify immutable headers.",
        ]


async def test_redirects_are_the_platforms(tmp_path: Path) -> None:
    async with real(tmp_path) as (caller, server):
        echo = f"{server}/echo"
        status, url, redirected, text = await caller.send(f"{server}/redirect", "POST", "abc")
        assert (status, url, redirected) == (200, echo, True)
        assert text == '["GET", "", ["content-type", "host"]]'
        kept = await caller.send(f"{server}/redirect?status=307", "POST", "abc")
        assert kept[3].startswith('["POST", "abc"')
        kept = await caller.send(f"{server}/redirect", "PUT", "abc")
        assert kept[3].startswith('["PUT", "abc"')
        lost = await caller.send(f"{server}/redirect?status=303", "PUT", "abc")
        assert lost[3].startswith('["GET", ""')
        manual = await caller.send(f"{server}/redirect", "POST", "abc", "manual")
        assert manual == [302, f"{server}/redirect", False, "moved"]
        name, message, _ = await caller.get(f"{server}/loop")
        assert name == "TypeError"
        assert message.startswith(f"Too many redirects.{server}/loop, {server}/loop?n=1, ")
        assert message.count(server) == 21
        once = await caller.streamed(f"{server}/redirect?status=307")
        assert once[0] == "TypeError"
        assert once[1].startswith("A request with a one-time-use body")


async def test_bodies_stream(tmp_path: Path) -> None:
    async with real(tmp_path) as (caller, server):
        found = await caller.streamed(f"{server}/echo")
        assert found[3] == '["POST", "one two three", ["host", "transfer-encoding"]]'


async def test_a_connection_that_fails_is_lost(tmp_path: Path) -> None:
    async with real(tmp_path) as (caller, server):
        lost = ["Error", "Network connection lost.", True]
        assert await caller.get("http://127.0.0.1:1/") == lost
        assert await caller.get(f"{server}/cut") == lost
