"""What ends up in `env` and `ctx.exports` (spec lifecycle §1.5, §2.2; peers §5).

emulator/worker/env.py, emulator/runtime/services.py, emulator/runtime/assets.py.
"""

from __future__ import annotations

import json

import pytest

from emulator.assembly import Emulator, run
from emulator.core.values import JsException
from emulator.runtime.config import load_config
from emulator.runtime.dotenv import with_secrets
from emulator.worker.env import NotEmulatedError
from tests.worlds import PRELUDE, worker, write_worker

NOT_FOUND = 'Error: Worker "other" not found. Make sure it is running locally.'

BOX = """
class Box(DurableObject):
    async def get(self, name):
        return getattr(self.env, name)

    async def use(self, name):
        return await getattr(self.env, name).get("key")

    async def through_exports(self):
        return await self.ctx.exports.Box.getByName("b").hello()

    async def hello(self):
        return self.ctx.id.name

    async def props(self):
        return js.Object.keys(self.ctx.props).length
"""


@worker(BOX, vars={"TEXT": "a", "NUMBER": 5, "DEEP": {"list": [1, 2]}})
async def test_variables_are_texts_or_json_values(durable):
    box = durable.env.BOX.getByName("a")
    assert await box.get("TEXT") == "a"
    assert await box.get("NUMBER") == 5
    assert (await box.get("DEEP"))["list"] == [1, 2]
    assert await box.through_exports() == "b"
    assert await box.props() == 0


@worker(
    BOX,
    kv_namespaces=[{"binding": "CACHE", "id": "x"}],
    queues={"producers": [{"binding": "JOBS", "queue": "q"}]},
    ai={"binding": "AI"},
)
async def test_other_products_fail_at_use_and_say_so(durable):
    with pytest.raises(NotEmulatedError, match=r"env\.CACHE is a KV Namespace"):
        await durable.env.CACHE.get("key")
    for name in ("JOBS", "AI"):
        with pytest.raises(NotEmulatedError, match="not part of this emulator"):
            getattr(durable.env, name).send("x")
    with pytest.raises(JsException, match=r"env\.CACHE is a KV Namespace"):
        await durable.env.BOX.getByName("a").use("CACHE")


def test_other_products_are_warned_of_at_start(tmp_path):
    file = write_worker(tmp_path, BOX, r2_buckets=[{"binding": "FILES", "bucket_name": "b"}])
    [warning] = load_config(file).warnings
    assert warning.problem == (
        "R2 Bucket is not part of this emulator: env.FILES will be there, but every use of it "
        "fails."
    )


@worker(
    BOX,
    durable_objects={
        "bindings": [
            {"name": "BOX", "class_name": "Box"},
            {"name": "FAR", "class_name": "Far", "script_name": "other"},
        ]
    },
    services=[{"binding": "SERVICE", "service": "other"}],
)
async def test_a_worker_that_is_not_running_is_told_at_the_call(durable):
    assert durable.env.FAR.idFromName("a").toString()
    calls = [
        lambda: durable.env.FAR.getByName("a").hello(),
        lambda: durable.env.FAR.getByName("a").fetch("http://x/"),
        lambda: durable.env.SERVICE.fetch("http://x/"),
        durable.env.SERVICE.hello,
    ]
    for call in calls:
        with pytest.raises(JsException) as caught:
            await call()
        assert str(caught.value).startswith(NOT_FOUND)


# --- several workers -----------------------------------------------------------------------

FIRST = """
class Box(DurableObject):
    async def ask_service(self, name):
        response = await self.env.SERVICE.fetch("http://x/from-box", method="POST", body=name)
        return await response.text()

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        far = await self.env.FAR.getByName("far").hello("default")
        sum = await self.env.MATH.add(1, 2)
        return Response(f"{far} {sum}")
"""
SECOND = """
class Far(DurableObject):
    async def hello(self, who):
        return f"hello {who} from {self.ctx.id.name}"

class Calculator(WorkerEntrypoint):
    async def add(self, a, b):
        return a + b

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{request.method} {await request.text()}")
"""


def write(folder, source, name, **config):
    folder.mkdir()
    (folder / "worker.py").write_text(PRELUDE + source)
    file = folder / "wrangler.json"
    document = {
        "name": name,
        "main": "worker.py",
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["python_workers"],
        **config,
    }
    file.write_text(json.dumps(document))
    return load_config(file)


def test_workers_of_several_files_call_each_other(tmp_path):
    first = write(
        tmp_path / "first",
        FIRST,
        "first",
        durable_objects={
            "bindings": [
                {"name": "BOX", "class_name": "Box"},
                {"name": "FAR", "class_name": "Far", "script_name": "second"},
            ]
        },
        migrations=[{"tag": "v1", "new_sqlite_classes": ["Box"]}],
        services=[
            {"binding": "SERVICE", "service": "second"},
            {"binding": "MATH", "service": "second", "entrypoint": "Calculator"},
        ],
    )
    second = write(
        tmp_path / "second",
        SECOND,
        "second",
        durable_objects={"bindings": [{"name": "FAR", "class_name": "Far"}]},
        migrations=[{"tag": "v1", "new_sqlite_classes": ["Far"]}],
    )

    async def main():
        from emulator.web.request import Request

        async with Emulator(first, second, state=None) as emulator:
            response = await emulator.worker.fetch(Request("http://x/"))
            assert await response.text() == "hello default from far 3"
            assert await emulator.env.BOX.getByName("a").ask_service("box") == "POST box"
            # The ids are those of the other worker's own namespace.
            own = emulator.workers["second"].namespaces["Far"].id_from_name("far").hex
            assert str(emulator.env.FAR.idFromName("far")) == own

    run(main())


# --- secrets -------------------------------------------------------------------------------


def secrets(folder, process=None, environment=None, **config):
    loaded = load_config(write_worker(folder, BOX, **config))
    return with_secrets(loaded, process or {}, environment=environment)


def test_dev_vars_win_over_env_files_and_vars(tmp_path):
    (tmp_path / ".env").write_text("A=env\nB=env\n")
    assert dict(secrets(tmp_path).secrets) == {"A": "env", "B": "env"}
    (tmp_path / ".env.local").write_text("B=local\nC=${A}-more\n")
    assert dict(secrets(tmp_path).secrets) == {"A": "env", "B": "local", "C": "env-more"}
    (tmp_path / ".dev.vars").write_text('A="dev"\n')
    assert dict(secrets(tmp_path).secrets) == {"A": "dev"}
    (tmp_path / ".dev.vars.staging").write_text("A=staging\n")
    assert dict(secrets(tmp_path, environment="staging").secrets) == {"A": "staging"}


def test_env_files_can_be_switched_off(tmp_path):
    (tmp_path / ".env").write_text("A=env\n")
    switched_off = {"CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV": "false"}
    assert dict(secrets(tmp_path, switched_off).secrets) == {}
    included = {"CLOUDFLARE_INCLUDE_PROCESS_ENV": "true", "HOME": "/x"}
    assert dict(secrets(tmp_path, included).secrets) == {**included, "A": "env"}


def test_required_secrets_are_the_only_ones_and_missing_ones_are_warned_of(tmp_path):
    (tmp_path / ".dev.vars").write_text("A=a\nOTHER=o\n")
    config = secrets(tmp_path, {"C": "c"}, secrets={"required": ["A", "B", "C"]})
    assert dict(config.secrets) == {"A": "a", "C": "c"}
    assert config.warnings[-1].problem == (
        "Missing required secrets: B. Add them to .dev.vars, .env, or set as environment variables."
    )


# --- static files --------------------------------------------------------------------------

SITE = """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if "/raw" in request.url:
            return await self.env.ASSETS.fetch("http://x/app.js")
        return Response("worker")
"""


@pytest.fixture
def site(tmp_path):
    files = tmp_path / "public"
    (files / "docs").mkdir(parents=True)
    (files / "index.html").write_text("<h1>home</h1>")
    (files / "about.html").write_text("about")
    (files / "docs" / "index.html").write_text("docs")
    (files / "app.js").write_text("run()")
    (tmp_path / "secret.txt").write_text("secret")


@worker(SITE, assets={"directory": "public", "binding": "ASSETS"})
async def test_static_files_answer_before_the_worker(site, durable):
    async def got(path, **init):
        response = await durable.fetch(path, redirect="manual", **init)
        return response.status, await response.text()

    assert await got("/") == (200, "<h1>home</h1>")
    assert await got("/about") == (200, "about")
    assert await got("/docs/") == (200, "docs")
    assert (await got("/docs"))[0] == 307
    assert (await got("/about.html"))[0] == 307
    assert await got("/other") == (200, "worker")
    assert await got("/", method="POST") == (200, "worker")
    assert await got("/raw") == (200, "run()")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"):
        assert await got(path) == (200, "worker")
    response = await durable.fetch("/app.js")
    etag = response.headers["etag"]
    assert (await got("/app.js", headers={"if-none-match": etag}))[0] == 304
