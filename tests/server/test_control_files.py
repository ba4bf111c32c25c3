"""Objects carried out of one server and into another."""

from __future__ import annotations

import pytest

from tests.server.control_lab import API, open_control_lab

ZIP = {"Content-Type": "application/zip"}


async def exported(lab, query=""):
    async with lab.client.get(f"{lab.url}{API}/local/export{query}") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/zip"
        return await answer.read()


async def taken(lab, content, query=""):
    return await lab.ask("POST", f"/local/import{query}", data=content, headers=ZIP)


@pytest.fixture
async def carried(tmp_path):
    """The export of two objects."""
    first = tmp_path / "first"
    first.mkdir()
    async with open_control_lab(first) as lab:
        await lab.stub("<b>").put("k", {"n": 1})
        await lab.stub("<b>").alarm_at(4_000_000_000_000)
        await lab.stub("other").put("k", 2)
        yield await exported(lab)


async def test_objects_arrive_elsewhere_with_name_and_alarm(carried, control):
    answer = await taken(control, carried)
    assert {one["name"] for one in answer["result"]["imported"]} == {"<b>", "other"}
    assert {o["name"] for o in await control.get("/local/objects")} == {"<b>", "other"}
    assert await control.stub("other").get("k") == 2
    shown = await control.get(control.path("<b>"))
    assert shown["next_alarm_ms"] == 4_000_000_000_000
    # Byte by byte: what goes in comes out again.
    again = await exported(control, f"?namespace=test-worker-Box&id={shown['id']}")
    other = tuple(await exported(control, f"?namespace=test-worker-Box&id={shown['id']}"))
    assert tuple(again) == other


async def test_one_that_exists_is_replaced_only_if_asked(carried, control):
    await control.stub("other").put("k", "mine")
    answer = await taken(control, carried)
    assert (answer["status"], answer["errors"][0]["code"]) == (409, 20003)
    assert await control.stub("other").get("k") == "mine"
    assert len(await control.get("/local/objects")) == 1
    answer = await taken(control, carried, "?replace=true")
    assert len(answer["result"]["imported"]) == 2
    assert await control.stub("other").get("k") == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip", b"PK\x05\x06" + b"\0" * 18])
async def test_what_is_no_export_is_refused(control, content):
    answer = await taken(control, content)
    assert (answer["status"], answer["errors"][0]["code"]) == (400, 10001)
    assert await control.get("/local/objects") == []


async def test_an_export_of_what_is_not_there_is_refused(control):
    await control.stub().put("k", 1)
    assert await control.refused("GET", "/local/export?namespace=nope") == (404, 10066)
    assert await control.refused("GET", f"/local/export?id={'0' * 64}") == (400, 10001)
    query = f"?namespace=test-worker-Box&id={'0' * 64}"
    assert await control.refused("GET", f"/local/export{query}") == (404, 20001)
