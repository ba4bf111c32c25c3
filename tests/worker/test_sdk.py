"""Every public name of the SDK, used by a worker on top of the boundary."""

from __future__ import annotations

import datetime
from http import HTTPMethod
from typing import Any

import pytest

from tests.worlds import worker

NAMES = [
    "Blob",
    "BlobEnding",
    "BlobValue",
    "Body",
    "Context",
    "DurableObject",
    "FetchKwargs",
    "FetchResponse",
    "File",
    "FormData",
    "FormDataValue",
    "Headers",
    "JSBody",
    "Request",
    "RequestInitCfProperties",
    "Response",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "env",
    "fetch",
    "handler",
    "import_from_javascript",
    "patch_env",
    "python_from_rpc",
    "python_to_rpc",
    "waitUntil",
    "wait_until",
]

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001  # it comes back naive
ECHO = """
class Echo(DurableObject):
    async def echo(self, value):
        self.seen = type(value).__name__
        return value

    async def kind(self):
        return self.seen

    async def keywords(self, options):
        return options
"""


@worker("""
import workers

class Names(DurableObject):
    async def missing(self):
        return [name for name in workers.__all__ if not hasattr(workers, name)]

    async def names(self):
        return workers.__all__
""")
async def test_every_public_name_is_there(durable: Any) -> None:
    stub = durable.env.NAMES.getByName("a")
    assert await stub.missing() == []
    assert sorted(await stub.names()) == sorted(NAMES)


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (None, None),
        (True, True),
        (2.0, 2),
        (1.5, 1.5),
        (2**60, 2**60),
        ("text", "text"),
        ([1, None, {"a": None}], [1, None, {"a": None}]),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        ({1, 2}, {1, 2}),
        (MOMENT, MOMENT),
    ],
)  # fmt: skip
@worker(ECHO)
async def test_values_come_back_over_rpc(durable: Any, value: Any, back: Any) -> None:
    found = await durable.env.ECHO.getByName("a").echo(value)
    assert found == back
    assert not isinstance(back, bool) or found is back


@worker(ECHO)
async def test_bytes_come_back_as_memory_and_big_numbers_as_bigint(durable: Any) -> None:
    stub = durable.env.ECHO.getByName("a")
    for value in (b"ab", memoryview(b"ab")):
        found = await stub.echo(value)
        assert isinstance(found, memoryview)
        assert bytes(found) == b"ab"
        assert await stub.kind() == "memoryview"
    assert type(await stub.echo(2**60)).__name__ == "JsBigInt"
    assert type(await stub.echo({"a": 1})).__name__ == "JsDict"
    assert (await stub.keywords(a=1, b=None)) == {"a": 1, "b": None}
    error = await stub.echo(ValueError("boo"))
    assert type(error) is Exception
    assert str(error) == "Error: Error: boo"


@pytest.mark.parametrize("value", [(1,), bytearray(b"x")])
@worker(ECHO)
async def test_what_rpc_refuses(durable: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be sent over RPC"):
        await durable.env.ECHO.getByName("a").echo(value)


@worker(ECHO)
async def test_sdk_classes_travel_as_themselves(durable: Any) -> None:
    import workers  # type: ignore[import-not-found]

    stub = durable.env.ECHO.getByName("a")
    response = await stub.echo(workers.Response("hi", status=201))
    assert isinstance(response, workers.Response)
    assert (response.status, await response.text()) == (201, "hi")
    request = await stub.echo(workers.Request("http://a/", method="POST", body="x"))
    assert isinstance(request, workers.Request)
    assert await request.text() == "x"
    blob = await stub.echo(workers.Blob(["a", b"b"], content_type="text/plain"))
    assert (await blob.text(), blob.content_type, blob.size) == ("ab", "text/plain", 2)


@worker("")
async def test_requests(durable: Any) -> None:
    import workers

    request = workers.Request(
        "http://x", method=HTTPMethod.POST, body='{"a": 1}', headers={"X-A": "1, 2"}
    )
    assert (request.url, request.method, request.method == "POST") == ("http://x/", "POST", True)
    assert request.headers["x-a"] == "1, 2"
    assert request.headers["missing"] is None
    assert request.redirect == "follow"
    assert not request.body_used
    clone = request.clone()
    assert await request.json() == {"a": 1}
    assert request.body_used
    with pytest.raises(OSError, match="Body already used"):
        await request.text()
    assert await clone.bytes() == b'{"a": 1}'
    copy = workers.Request(workers.Request("http://y/", method="POST", body="z"))
    assert (await copy.buffer()).to_bytes() == b"z"
    assert (await workers.Request("http://y/", method="POST", body="q").blob()).size == 1
    with pytest.raises(ValueError, match="Expected no options"):
        workers.Request(copy.js_object, method="PUT")


@worker("")
async def test_responses(durable: Any) -> None:
    import workers

    response = workers.Response("hi", status=201, status_text="Made", headers=[("A", "b")])
    assert (response.status, response.status_text, response.ok) == (201, "Made", True)
    assert response.headers["a"] == "b"
    assert await response.replace_body("new").text() == "new"
    assert await workers.Response(b"\1").bytes() == b"\1"
    data = workers.Response.json([1, 2], status=202)
    assert (data.status, data.headers["content-type"]) == (202, "application/json")
    assert await data.text() == "[1, 2]"
    assert await workers.Response.from_json({"a": 1}).json() == {"a": 1}
    redirect = workers.Response.redirect("http://a/b", 301)
    assert (redirect.constructor.name, redirect.status) == ("Response", 301)
    with pytest.raises(TypeError, match="Unsupported type in Response: dict"):
        workers.Response({"a": 1})
    clone = response.clone()
    assert await response.string() == "hi"
    assert await clone.bytes() == b"hi"


@worker("")
async def test_forms_blobs_and_files(durable: Any) -> None:
    import workers

    form = workers.FormData({"a": "1"})
    form.append("a", "2")
    form["b"] = workers.File(["content"], "name.txt", content_type="text/plain", last_modified=5)
    assert (form["a"], form.get_all("a"), "b" in form) == ("1", ["1", "2"], True)
    assert list(form.keys()) == ["a", "a", "b"]
    assert (form["b"].name, await form["b"].text()) == ("name.txt", "content")
    sent = workers.Response(form)
    back = await sent.form_data()
    assert back["a"] == "1"
    assert await back["b"].bytes() == b"content"
    del form["a"]
    assert "a" not in form
    file = workers.File(["x"], "n", last_modified=5)
    assert (file.last_modified, file.name) == (5, "n")
    assert await workers.Blob(["hello"]).slice(1, 3).text() == "el"
    assert workers.Blob(file).size == 1


@worker(
    """
from workers import env, fetch, handler, import_from_javascript, patch_env, wait_until, waitUntil

AT_IMPORT = env.MSG

class Log(DurableObject):
    async def add(self, text):
        await self.ctx.storage.put(text, True)

    async def all(self):
        return sorted(await self.ctx.storage.list())

@handler
def legacy(request, env):
    return type(request).__name__, type(env).__name__

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        async def late(text):
            await asyncio.sleep(1)
            await self.env.LOG.getByName("log").add(text)

        wait_until(late("module"))
        waitUntil(asyncio.create_task(late("camel")))
        self.ctx.waitUntil(late("ctx"))
        with patch_env({"MSG": "patched"}, OTHER=1):
            inside = [env.MSG, import_from_javascript("cloudflare:workers").env.OTHER]
        outside = import_from_javascript("cloudflare:workers").env.MSG
        try:
            import_from_javascript("cloudflare:nosuch")
        except ImportError as exc:
            failure = str(exc)
        sockets = import_from_javascript("cloudflare:sockets")
        kinds = legacy(request.js_object, self.env._env)
        return Response.json([AT_IMPORT, inside, outside, failure, hasattr(sockets, "connect"), kinds])
""",
    vars={"MSG": "hi"},
)
async def test_env_patches_imports_and_background_work(durable: Any) -> None:
    response = await durable.fetch("/")
    at_import, inside, outside, failure, connects, kinds = await response.json()
    assert (at_import, outside) == ("hi", "hi")
    assert inside == ["hi", 1] or inside == ["patched", 1]
    assert failure.startswith("Failed to import 'cloudflare:nosuch'")
    assert connects is True
    assert kinds == ["Request", "_EnvWrapper"]
    log = durable.env.LOG.getByName("log")
    assert await log.all() == []
    await durable.clock.advance(2)
    assert await log.all() == ["camel", "ctx", "module"]


@worker("""
class Old(DurableObject):
    async def on_fetch(self, request):
        return Response("old")
""", compatibility_date="2025-08-13", compatibility_flags=["python_workers"])  # fmt: skip
async def test_handlers_had_a_prefix_before_the_date(durable: Any) -> None:
    response = await durable.env.OLD.getByName("a").fetch("http://x/")
    assert await response.text() == "old"


@worker("")
async def test_the_entrypoint_helper_knows_the_platforms_modules(durable: Any) -> None:
    import workers

    module = workers.import_from_javascript("cloudflare:workers")
    assert module.RpcTarget.name == "RpcTarget"
    with pytest.raises(BaseException, match="Illegal constructor"):
        module.RpcTarget.new()
    changed = module.withEnv({"MSG": "inner"}, lambda: module.env.MSG)
    assert changed == "inner"
    with pytest.raises(AttributeError):
        _ = module.env.MSG
    sockets = workers.import_from_javascript("cloudflare:sockets")
    with pytest.raises(BaseException, match="does not offer TCP sockets"):
        sockets.connect("a:1")


@worker(
    """
class Raw:
    def __init__(self, ctx, env):
        self.given = [ctx, env]
        super().__init__(ctx, env)

class Mixed(Raw, DurableObject):
    async def kinds(self):
        await self.given[0].storage.put("raw", to_js({"a": 1}))
        found = await self.ctx.storage.get("raw")
        kinds = [type(value).__name__ for value in (*self.given, self.ctx, self.env, found)]
        return [*kinds, self.ctx._ctx == self.given[0]]

class Skips(DurableObject):
    def __init__(self, ctx, env):
        self.ctx = ctx
        self.env = env

class Deep(Skips):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)

    async def kinds(self):
        return [type(self.ctx).__name__, type(self.ctx._ctx).__name__, type(self.env).__name__]
""",
    durable_objects={
        "bindings": [
            {"name": "MIXED", "class_name": "Mixed"},
            {"name": "DEEP", "class_name": "Deep"},
        ]
    },
    migrations=[{"tag": "v1", "new_sqlite_classes": ["Mixed", "Deep"]}],
)
async def test_whose_constructor_runs_first_gets_the_raw_context(durable: Any) -> None:
    assert await durable.env.MIXED.getByName("a").kinds() == [
        *("JsProxy", "JsProxy", "DurableObjectContext", "_EnvWrapper", "JsDict", True),
    ]
    assert await durable.env.DEEP.getByName("a").kinds() == [
        *("DurableObjectContext", "JsProxy", "_EnvWrapper"),
    ]


@worker(
    """
# There is no class Default( here.
async def on_fetch(request, env, ctx):
    ctx.passThroughOnException()
    return Response(f"{request.method} {env.MSG} {type(ctx).__name__}")
""",
    compatibility_date="2025-08-13",
    vars={"MSG": "hi"},
)
async def test_module_functions_were_handlers_before_the_date(durable: Any) -> None:
    assert await (await durable.fetch("/")).text() == "GET hi JsProxy"


@worker("""
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("x")
""")
async def test_fetch_results_are_fetch_responses_and_aliases_are_texts(durable: Any) -> None:
    import pyodide.http  # type: ignore[import-not-found]
    import workers

    durable.outgoing = lambda request: workers.Response("x")
    response = await durable.fetch("/")
    assert isinstance(response, workers.FetchResponse)
    assert issubclass(workers.FetchResponse, pyodide.http.FetchResponse)
    for alias in ("Headers", "Body", "JSBody", "FormDataValue", "BlobValue"):
        assert isinstance(getattr(workers, alias), str)


def test_without_the_sdk_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from emulator.worker.sdk import Sdk, SdkMissingError

    monkeypatch.setitem(sys.modules, "workers", None)
    with pytest.raises(SdkMissingError, match=r"pip install 'workers-runtime-sdk>=1\.9'"):
        Sdk()
