"""The control API about objects: what it tells, what it does, and that looking does nothing."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.server.control_lab import API, WAIT_S

HOSTILE = ("<script>alert(1)</script>", "a/../b", "\x1b[31m", "日本", "", "x" * 1000, "'\"`;--")


async def test_namespaces_have_wranglers_shape(control):
    await control.stub().put("k", 1)
    listed = await control.get("/workers/durable_objects/namespaces")
    assert [(n["id"], n["name"], n["script"], n["class"], n["use_sqlite"]) for n in listed] == [
        ("test-worker-Bare", "test-worker_Bare", "test-worker", "Bare", True),
        ("test-worker-Box", "test-worker_Box", "test-worker", "Box", True),
    ]
    assert [(n["objects"], n["running"]) for n in listed] == [(0, 0), (1, 1)]


async def test_stored_objects_come_in_pages_of_wranglers_shape(control):
    for name in "abcd":
        await control.stub(name).put("k", 1)
    path = "/workers/durable_objects/namespaces/test-worker-Box/objects"
    first = await control.ask("GET", f"{path}?limit=3")
    assert first["result_info"]["count"] == 3
    cursor = first["result_info"]["cursor"]
    second = await control.ask("GET", f"{path}?limit=3&cursor={cursor}")
    assert second["result_info"] == {"count": 1, "cursor": ""}
    found = first["result"] + second["result"]
    assert [o["id"] for o in found] == sorted(o["id"] for o in found)
    assert {o["name"] for o in found} == set("abcd")
    assert all(o["hasStoredData"] for o in found)


async def test_a_namespace_nobody_has_is_wranglers_error(control):
    path = "/workers/durable_objects/namespaces/nope/objects"
    assert await control.refused("GET", path) == (404, 10066)


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_object_of_any_name_is_listed_found_and_shown(control, name):
    await control.stub(name).put(name, name)
    (summary,) = await control.get("/local/objects")
    assert (summary["name"], summary["state"], summary["generation"]) == (name, "running", 1)
    found = await control.result("GET", "/local/lookup/test-worker-Box", params={"name": name})
    assert found == {"id": summary["id"], "exists": True}
    shown = await control.get(control.path(name))
    assert shown["name"] == name
    entry = await control.result("GET", f"{control.path(name)}/kv/value", params={"key": name})
    assert (entry["key"], entry["value"]) == (name, name)


async def test_looking_wakes_nobody_and_changes_no_file(control, tmp_path):
    await control.stub().put("k", 1)
    await control.stub().sql("CREATE TABLE t(v)")
    await control.result("POST", f"{control.path()}/evict")
    control.emulator.worker.namespaces["Box"].drop(control.container())
    state = tmp_path / ".wrangler" / "state" / "v3"

    def files():
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(state.rglob("*"))
            if path.is_file()
        }

    before = files()
    for path in (
        *("", "/why", "/sockets", "/kv", "/kv/value?key=k", "/sql/tables", "/alarm"),
        *("/console", "/timeline", "/sql/export?table=t"),
    ):
        async with control.client.get(control.url + API + control.path() + path) as answer:
            assert answer.status == 200
    for path in ("/local/objects", "/local/timeline", "/local/export", "/local/trace"):
        async with control.client.get(control.url + API + path) as answer:
            assert answer.status == 200
    await control.result("POST", f"{control.path()}/sql/query", {"sql": "SELECT * FROM t"})
    query = {"durable_object_name": "a", "queries": [{"sql": "SELECT 1"}]}
    await control.result("POST", "/workers/durable_objects/namespaces/test-worker-Box/query", query)
    assert control.container() is None
    assert files() == before
    (summary,) = await control.get("/local/objects")
    assert summary["state"] == "stored"


async def test_filters_and_pages_of_the_list(control):
    for name in ("anna", "bob", "anton"):
        await control.stub(name).put("k", 1)
    await control.result("POST", f"{control.path('bob')}/evict")
    names = lambda found: [o["name"] for o in found]  # noqa: E731
    assert names(await control.get("/local/objects?search=AN")) == ["anna", "anton"]
    assert names(await control.get("/local/objects?state=stored")) == ["bob"]
    assert names(await control.get("/local/objects?class=Bare")) == []
    assert names(await control.get("/local/objects?namespace=test-worker-Box&limit=1")) == ["anna"]
    page = await control.ask("GET", "/local/objects?limit=2")
    assert page["result_info"] == {"count": 2, "cursor": "2", "total": 3}
    assert names(await control.get("/local/objects?limit=2&cursor=2")) == ["bob"]
    assert await control.refused("GET", "/local/objects?state=odd") == (400, 10001)
    assert await control.refused("GET", "/local/objects?limit=x") == (400, 10001)


async def test_why_it_is_awake_has_the_users_line(control):
    await control.stub().hold()
    why = await control.get(f"{control.path()}/why")
    assert why["resident"]
    assert not why["can_hibernate"]
    (blocker,) = why["blockers"]
    assert blocker["kind"] == "timer"
    assert "worker.py:" in blocker["source"]
    refused = await control.ask("POST", f"{control.path()}/evict")
    assert (refused["status"], refused["errors"][0]["code"]) == (409, 20003)
    assert refused["result"]["blockers"][0]["kind"] == "timer"
    assert await control.refused("POST", f"{control.path()}/hibernate") == (409, 20003)
    forced = await control.result("POST", f"{control.path()}/evict", {"force": True})
    assert forced == {"evicted": True}
    assert await control.result("POST", f"{control.path()}/evict") == {"evicted": False}


async def test_an_abort_breaks_the_object(control):
    stub = control.stub()
    await stub.put("k", 1)
    aborted = await control.result("POST", f"{control.path()}/abort", {"reason": "because <b>"})
    assert aborted == {"aborted": True}
    with pytest.raises(Exception, match="because <b>"):
        await stub.get("k")
    assert await control.stub().get("k") == 1


async def test_a_deleted_object_is_gone_with_everything(control):
    await control.stub().put("k", 1)
    await control.stub().alarm_at(4_000_000_000_000)
    file = (await control.get(control.path()))["file"]
    assert await control.result("DELETE", control.path()) == {"deleted": True}
    assert not Path(file).exists()  # noqa: ASYNC240  # one look
    assert await control.get("/local/objects") == []
    assert await control.refused("GET", control.path()) == (404, 20001)
    assert await control.stub().get("k") is None
    assert (await control.get(f"{control.path()}/alarm"))["due_ms"] is None


async def test_sockets_are_shown_and_spoken_on(control):
    await control.stub().put("k", 1)
    async with control.client.ws_connect(f"{control.url}/box/a") as client:
        (socket,) = await control.get(f"{control.path()}/sockets")
        assert socket["tags"] == ["tag<b>"]
        assert socket["attachment"] == {"who": "<i>"}
        assert (socket["ready_state"], socket["held_by"]) == (1, "object")
        path = f"{control.path()}/sockets/{socket['socket']}"
        await control.result("POST", f"{path}/send", {"text": "from us"})
        assert (await client.receive()).data == "from us"
        await control.result("POST", f"{path}/send", {"base64": "AQI="})
        assert (await client.receive()).data == b"\x01\x02"
        await control.result("POST", f"{path}/send", {"text": "hi", "direction": "from_client"})
        assert (await client.receive()).data == "echo hi"
        (summary,) = await control.get("/local/objects")
        assert summary["sockets"] == 1
        await control.result("POST", f"{control.path()}/evict")
        (summary,) = await control.get("/local/objects")
        assert summary["state"] == "hibernated"
        await control.result("POST", f"{path}/send", {"text": "asleep"})
        assert (await client.receive()).data == "asleep"
        assert (await control.get("/local/objects"))[0]["state"] == "hibernated"
        await control.result("POST", f"{path}/close", {"code": 4000, "reason": "bye"})
        closed = await client.receive()
        assert (closed.data, closed.extra) == (4000, "bye")


@asynccontextmanager
async def _watched(control):
    """Somebody watches: frames are noted."""
    async with control.client.get(f"{control.url}{API}/local/events") as answer:
        await answer.content.readuntil(b"\n\n")
        yield


async def test_the_last_frames_are_noted_while_somebody_watches(control):
    await control.stub().put("k", 1)
    # Nobody answers the client's Close.
    timeout = aiohttp.ClientWSTimeout(ws_close=0.01)
    async with control.client.ws_connect(f"{control.url}/box/a", timeout=timeout) as client:
        await client.send_str("unseen")
        await client.receive()
        async with _watched(control):
            await client.send_str("<b>" + "x" * 300)
            await client.receive()
        async with asyncio.timeout(WAIT_S):
            while control.emulator.worker.host.recorder.sockets.is_watched:
                await control.get("/local/status")
        await client.send_str("unseen, too")
        await client.receive()
        (socket,) = await control.get(f"{control.path()}/sockets")
    frames = socket["last_frames"]
    assert [(f["direction"], f["kind"], f["bytes"], f["cut"]) for f in frames] == [
        ("in", "text", 303, True),
        ("out", "text", 308, True),
    ]
    assert frames[0]["text"].startswith("<b>xxx")


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/sockets/99/send", {"text": "x"}, (404, 20002)),
        ("/sockets/x/send", {"text": "x"}, (404, 20002)),
        ("/sockets/1/send", {}, (400, 10001)),
        ("/sockets/1/send", {"base64": "*"}, (400, 10001)),
        ("/sockets/1/send", {"text": "x", "direction": "up"}, (400, 10001)),
        ("/sockets/1/close", {"code": 1}, (404, 20002)),
        ("/evict", {"web_sockets": "burn"}, (400, 10001)),
        ("/evict", {"force": "yes"}, (400, 10001)),
        ("/abort", {"reason": 5}, (400, 10001)),
        ("/nope", {}, (404, 20404)),
    ],
)
async def test_what_makes_no_sense_is_refused(control, path, body, refusal):
    await control.stub().put("k", 1)
    assert await control.refused("POST", control.path() + path, body) == refusal


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"NaN", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(control, body):
    await control.stub().put("k", 1)
    headers = {"Content-Type": "application/json"}
    path = f"{control.path()}/evict"
    assert await control.refused("POST", path, data=body, headers=headers) == (400, 10001)


async def test_ids_that_are_none_and_objects_that_are_not_there(control):
    base = "/local/objects/test-worker-Box"
    assert await control.refused("GET", f"{base}/xyz") == (400, 10001)
    assert await control.refused("GET", f"{base}/{'A' * 64}") == (400, 10001)
    assert await control.refused("GET", f"{base}/{'0' * 64}") == (404, 20001)
    assert await control.refused("GET", f"/local/objects/nope/{'0' * 64}") == (404, 10066)
    assert await control.refused("GET", "/local/lookup/test-worker-Box") == (400, 10001)


async def test_the_status_names_the_process_and_the_folder(control, tmp_path):
    status = await control.get("/local/status")
    assert status["pid"] == os.getpid()
    assert status["url"] == control.url
    assert status["state_folder"] == str(tmp_path / ".wrangler" / "state" / "v3" / "do")


async def test_the_page_is_served_with_a_policy(control):
    async with control.client.get(f"{control.url}/cdn-cgi/local/explorer") as page:
        assert page.status == 200
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
    async with control.client.get(f"{control.url}/cdn-cgi/local/explorer/") as page:
        assert page.url.path == "/cdn-cgi/local/explorer"
    async with control.client.get(f"{control.url}/cdn-cgi/local/explorer/main.js") as script:
        assert script.content_type == "text/javascript"
    async with control.client.post(f"{control.url}/cdn-cgi/local/explorer") as posted:
        assert posted.status == 405


async def test_a_folder_that_nobody_declares_is_listed_and_can_be_edited(control, tmp_path):
    await control.stub().put("k", 1)
    await control.result("POST", f"{control.path()}/evict")
    control.emulator.worker.namespaces["Box"].drop(control.container())
    folder = tmp_path / ".wrangler" / "state" / "v3" / "do"
    other = folder / "old-worker-Box"
    other.mkdir()
    (file,) = (f for f in (folder / "test-worker-Box").iterdir() if len(f.stem) == 64)
    (other / file.name).write_bytes(file.read_bytes())
    listed = await control.get("/workers/durable_objects/namespaces")
    assert ("old-worker-Box", False) in [(n["id"], n["declared"]) for n in listed]
    path = f"/local/objects/old-worker-Box/{file.stem}"
    assert (await control.get(f"{path}/kv/value?key=k"))["value"] == 1
    await control.result("PUT", f"{path}/kv/value?key=k", {"value": 2})
    assert (await control.get(f"{path}/kv/value?key=k"))["value"] == 2
    await control.result("PUT", f"{path}/alarm", {"due_ms": 4_000_000_000_000})
    assert (await control.get(path))["next_alarm_ms"] == 4_000_000_000_000
    assert await control.refused("POST", f"{path}/alarm/run") == (400, 10001)
    assert await control.stub().get("k") == 1


async def test_an_edit_waits_at_the_gate_of_a_live_object(control):
    await control.stub().put("k", 1)
    instance = control.container().instance
    opened = asyncio.get_running_loop().create_future()

    async def section():
        await opened

    done = instance.block_concurrency_while(section)
    edit = asyncio.ensure_future(  # noqa: TID251  # a request beside the test
        control.result("PUT", f"{control.path()}/kv/value?key=k", {"value": 2})
    )
    why = await control.get(f"{control.path()}/why")
    while not any(blocker["kind"] == "edit" for blocker in why["blockers"]):
        why = await control.get(f"{control.path()}/why")
    assert (await control.get(f"{control.path()}/kv/value?key=k"))["value"] == 1
    opened.set_result(None)
    assert (await edit)["value"] == 2
    await done
