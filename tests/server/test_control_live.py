"""The timeline, the console, and both live."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from emulator.runtime.prints import noted_prints
from tests.server.control_lab import API, WAIT_S


class Stream:
    """The events of one client."""

    def __init__(self, answer):
        self.answer = answer

    async def next(self):
        async with asyncio.timeout(WAIT_S):
            text = (await self.answer.content.readuntil(b"\n\n")).decode()
        lines = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        return lines["event"], json.loads(lines["data"])

    async def until(self, wanted):
        """The first batch in which `wanted` finds something."""
        while True:
            _, data = await self.next()
            if wanted(data):
                return data


@asynccontextmanager
async def watching(control, query="", **headers):
    url = f"{control.url}{API}/local/events{query}"
    async with control.client.get(url, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        stream = Stream(answer)
        name, hello = await stream.next()
        assert name == "hello"
        yield stream, hello


async def test_what_happens_is_told_with_the_objects_it_happened_to(control):
    async with watching(control) as (stream, _):
        await control.stub("<b>").put("k", 1)
        batch = await stream.until(lambda data: data["objects"])
    (summary,) = batch["objects"]
    assert (summary["name"], summary["state"]) == ("<b>", "running")
    kinds = [entry["kind"] for entry in batch["timeline"]]
    assert {"ObjectWoke", "HandlerStarted", "StorageCommitted", "HandlerEnded"} <= set(kinds)
    assert batch["dropped"] == 0


async def test_a_client_that_comes_back_misses_nothing(control):
    await control.stub().put("k", 1)
    last = (await control.ask("GET", "/local/timeline"))["result_info"]["last_seq"]
    with noted_prints(control.emulator.worker.host.recorder.printed):
        await control.stub().say("meanwhile")
    async with watching(control, **{"Last-Event-ID": str(last)}) as (stream, hello):
        assert hello["seq"] == last
        batch = await stream.until(lambda data: data["console"])
    assert [line["text"] for line in batch["console"]] == ["meanwhile", "meanwhile"]


async def test_a_number_from_before_a_restart_is_none_of_ours(control):
    await control.stub().put("k", 1)
    async with watching(control, "?since=999999") as (_, hello):
        assert hello["seq"] < 999_999
    assert await control.refused("GET", "/local/events?since=x") == (400, 10001)


async def test_a_deleted_object_is_told(control):
    await control.stub().put("k", 1)
    async with watching(control) as (stream, _):
        await control.result("DELETE", control.path())
        batch = await stream.until(lambda data: data["gone"])
    assert batch["gone"] == [
        {"namespace": "test-worker-Box", "id": control.path().rpartition("/")[2]}
    ]


async def test_only_so_many_may_watch(control):
    streams = [await control.client.get(f"{control.url}{API}/local/events") for _ in range(16)]
    for stream in streams:
        await stream.content.readuntil(b"\n\n")
    try:
        assert await control.refused("GET", "/local/events") == (503, 20503)
    finally:
        for stream in streams:
            stream.close()


async def test_lines_belong_to_the_object_that_printed_them(control):
    with noted_prints(control.emulator.worker.host.recorder.printed):
        await control.stub("one").say("<script>")
        await control.stub("two").say("other")
        print("of nobody")  # noqa: T201  # not the worker's
    lines = await control.get(f"{control.path('one')}/console")
    assert [(line["level"], line["text"], line["name"]) for line in lines] == [
        ("log", "<script>", "one"),
        ("warn", "<script>", "one"),
    ]
    assert len(await control.get("/local/console")) == 4
    assert await control.get(f"/local/console?since={lines[-1]['seq']}&limit=1") != []


async def test_a_span_has_its_duration_and_its_failure(control):
    with pytest.raises(Exception, match="on purpose"):
        await control.stub().fail()
    entries = await control.get(f"{control.path()}/timeline?category=rpc")
    start, end = entries
    assert (start["phase"], start["span"], start["title"]) == ("start", start["seq"], "fail()")
    assert (end["phase"], end["span"]) == ("end", start["seq"])
    assert end["duration_ms"] >= 0
    assert "on purpose" in end["error"]


async def test_a_call_between_objects_names_its_caller(control):
    await control.stub("a").call("b")
    entries = await control.get(f"{control.path('b')}/timeline?category=rpc")
    assert entries[0]["data"]["caller"]["name"] == "a"
    async with control.client.get(f"{control.url}{API}/local/trace") as answer:
        trace = await answer.json()
    events = trace["traceEvents"]
    assert {"M", "X", "i", "s", "f"} <= {event["ph"] for event in events}
    spans = [e for e in events if e["ph"] == "X" and e["cat"] == "rpc"]
    assert {span["name"] for span in spans} == {"call()", "say()"}
    assert all(span["dur"] >= 0 for span in spans)
    object_id = control.path("b").rpartition("/")[2]
    url = f"{control.url}{API}/local/trace?id={object_id}"
    async with control.client.get(url) as answer:
        only = await answer.json()
    assert {e["name"] for e in only["traceEvents"] if e["ph"] == "X" and e["cat"] == "rpc"} == {
        "say()"
    }


async def test_a_wait_at_the_gate_is_told(control):
    await control.stub().put("k", 1)
    instance = control.container().instance
    opened = asyncio.get_running_loop().create_future()

    async def section():
        await opened

    done = instance.block_concurrency_while(section)
    waiting = asyncio.ensure_future(control.stub().get("k"))  # noqa: TID251  # beside the test
    asyncio.get_running_loop().call_later(0.01, opened.set_result, None)
    assert await waiting == 1
    await done
    (waited,) = await control.get(f"{control.path()}/timeline?category=gate")
    assert waited["kind"] == "GateWaited"
    assert waited["duration_ms"] >= 5
    assert waited["data"]["event"] == "rpc"


async def test_the_timeline_is_paged_and_filtered(control):
    for _ in range(3):
        await control.stub().put("k", 1)
    whole = await control.ask("GET", "/local/timeline")
    seqs = [entry["seq"] for entry in whole["result"]]
    assert seqs == sorted(seqs)
    some = await control.get(f"/local/timeline?since={seqs[1]}&limit=2")
    assert [entry["seq"] for entry in some] == seqs[2:4]
    last = await control.get("/local/timeline?limit=1")
    assert last[0]["seq"] == seqs[-1]
    assert await control.refused("GET", "/local/timeline?category=odd") == (400, 10001)


async def test_recording_keeps_the_timeline_in_the_notebook(control):
    assert await control.get("/local/recorded") == []
    assert await control.result("PUT", "/local/recording", {"enabled": True}) == {"enabled": True}
    await control.stub().put("k", 1)
    assert await control.result("PUT", "/local/recording", {"enabled": False}) == {"enabled": False}
    async with asyncio.timeout(WAIT_S):
        while not (recorded := await control.get("/local/recorded")):
            continue
    assert "ObjectWoke" in [entry["kind"] for entry in recorded]
    assert await control.refused("GET", "/local/recorded?before=x") == (400, 10001)
