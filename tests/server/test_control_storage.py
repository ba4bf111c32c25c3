"""The control API about what an object keeps."""

from __future__ import annotations

import pytest

from tests.server.control_lab import API

TYPED = [
    None,
    {"$undefined": True},
    {"$bigint": "123456789012345678901234567890"},
    {"$date": 1_700_000_000_000},
    {"$map": [["<b>", {"$set": [1]}]]},
    {"$bytes": "AQID", "as": "Uint8Array"},
    {"$number": "NaN"},
    {"a": [1, 2.5, {"$hole": True}]},
    "\ud800 half",
    True,
]


@pytest.fixture(params=["awake", "asleep", "unknown"])
async def box(request, control):
    """An object with a value, in each state."""
    await control.stub().put("k", 1)
    await control.stub().sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    await control.stub().sql("INSERT INTO t(v) VALUES ('x'), (NULL)")
    if request.param != "awake":
        await control.result("POST", f"{control.path()}/evict")
    if request.param == "unknown":
        control.emulator.worker.namespaces["Box"].drop(control.container())
    yield control
    container = control.container()
    is_awake = container is not None and container.instance is not None
    assert is_awake is (request.param == "awake")
    if request.param == "unknown":
        assert container is None


async def test_every_type_is_put_and_read_again(box):
    for value in TYPED:
        entry = await box.result("PUT", f"{box.path()}/kv/value?key=v", {"value": value})
        assert entry["value"] == value
        assert entry["editable"]


async def test_a_key_is_deleted_once(box):
    assert await box.result("DELETE", f"{box.path()}/kv/value?key=k") == {"deleted": True}
    assert await box.refused("DELETE", f"{box.path()}/kv/value?key=k") == (404, 20002)
    assert await box.refused("GET", f"{box.path()}/kv/value?key=k") == (404, 20002)


async def test_sql_reads_explains_and_writes(box):
    path = f"{box.path()}/sql/query"
    read = await box.result("POST", path, {"sql": "SELECT * FROM t WHERE id > ?", "params": [1]})
    assert (read["columns"], read["rows"], read["truncated"]) == (["id", "v"], [[2, None]], False)
    plan = await box.result("POST", path, {"sql": "SELECT * FROM t", "mode": "explain"})
    assert plan["rows"][0][-1].startswith("SCAN")
    for sql in ("DELETE FROM t", "DROP TABLE t", "ATTACH 'x' AS y", "nonsense"):
        assert await box.refused("POST", path, {"sql": sql}) == (400, 20004)
    write = {"sql": "INSERT INTO t(v) VALUES (?) RETURNING id, v", "mode": "write"}
    done = await box.result("POST", path, {**write, "params": [{"$bytes": "AQI="}]})
    assert done["rows"] == [[3, {"$bytes": "AQI="}]]
    assert done["meta"]["rows_written"] >= 1
    counted = await box.result("POST", path, {"sql": "SELECT count(*) FROM t"})
    assert counted["rows"] == [[3]]


async def test_a_write_that_fails_writes_nothing(box):
    path = f"{box.path()}/sql/query"
    twice = "INSERT INTO t(id) VALUES (7); INSERT INTO t(id) VALUES (7)"
    assert await box.refused("POST", path, {"sql": twice, "mode": "write"}) == (400, 10001)
    for sql in ("COMMIT", "DROP TABLE _cf_KV", "SELECT * FROM _cf_KV"):
        assert await box.refused("POST", path, {"sql": sql, "mode": "write"}) == (400, 10001)
    counted = await box.result("POST", path, {"sql": "SELECT count(*) FROM t"})
    assert counted["rows"] == [[2]]


async def test_the_alarm_is_set_moved_and_deleted(box):
    path = f"{box.path()}/alarm"
    for due_ms in (4_000_000_000_000, 3_000_000_000_000, 5_000_000_000_000):
        alarm = await box.result("PUT", path, {"due_ms": due_ms})
        assert alarm == {"due_ms": due_ms, "running": False, "retries": 0}
        assert (await box.get(box.path()))["next_alarm_ms"] == due_ms
    assert await box.result("DELETE", path) == {"deleted": True}
    assert (await box.get(path))["due_ms"] is None
    assert await box.refused("PUT", path, {"due_ms": "soon"}) == (400, 10001)
    assert await box.refused("PUT", path, {"due_ms": 1e300}) == (400, 10001)


async def test_an_alarm_runs_now_and_its_failure_is_told(control):
    path = f"{control.path()}/alarm"
    await control.stub().alarm_at(4_000_000_000_000)
    await control.result("POST", f"{control.path()}/evict")
    assert await control.result("POST", f"{path}/run") == {"ran": True, "error": None}
    assert await control.stub().get("rang")
    assert await control.refused("POST", f"{path}/run") == (404, 20002)
    await control.stub().put("broken", True)
    await control.stub().alarm_at(4_000_000_000_000)
    ran = await control.result("POST", f"{path}/run")
    assert "no bell" in ran["error"]
    assert (await control.get(path))["retries"] == 1


async def test_a_class_without_alarm_has_none_to_set(control):
    await control.emulator.env.BARE.getByName("b").hello()
    bare = control.emulator.worker.namespaces["Bare"]
    path = f"/local/objects/test-worker-Bare/{bare.ids.from_name('b')}/alarm"
    assert await control.refused("PUT", path, {"due_ms": 4_000_000_000_000}) == (400, 10001)


async def test_keys_come_in_pages_in_their_order(control):
    for key in ("b", "a/1", "a/2", "<b>", "a/3"):
        await control.stub().put(key, key * 3)
    path = f"{control.path()}/kv"
    page = await control.ask("GET", f"{path}?prefix=a/&limit=2")
    assert [e["key"] for e in page["result"]] == ["a/1", "a/2"]
    assert page["result_info"] == {"count": 2, "cursor": "a/2", "total": 3}
    rest = await control.ask("GET", f"{path}?prefix=a/&limit=2&cursor=a/2")
    assert [e["key"] for e in rest["result"]] == ["a/3"]
    assert rest["result_info"]["cursor"] == ""
    assert [e["key"] for e in await control.get(path)] == ["<b>", "a/1", "a/2", "a/3", "b"]


async def test_a_large_value_is_shown_alone(control):
    await control.stub().put("big", "x" * 100_000)
    (entry,) = await control.get(f"{control.path()}/kv")
    assert entry["omitted"]
    assert entry["value"] is None
    assert len(entry["preview"]) <= 200
    whole = await control.get(f"{control.path()}/kv/value?key=big")
    assert len(whole["value"]) == 100_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/kv/value?key=k", {}),
        ("/kv/value", {"value": 1}),
        ("/kv/value?key=k", {"value": {"$ref": 0}}),
        ("/kv/value?key=k", {"value": {"$nope": 0}}),
        (f"/kv/value?key={'k' * 3_000_000}", {"value": 1}),
    ],
)
async def test_a_put_that_makes_no_sense_is_refused(control, path, body):
    await control.stub().put("k", 1)
    if len(path) > 8000:
        pytest.skip("no HTTP server takes such a line")
    assert await control.refused("PUT", control.path() + path, body) == (400, 10001)


@pytest.mark.parametrize(
    "body",
    [
        {"sql": 5},
        {"sql": "SELECT 1", "mode": "burn"},
        {"sql": "SELECT ?", "params": [{}]},
        {"sql": "SELECT ?", "params": "x"},
        {"sql": "SELECT 1", "limit": "many"},
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(control, body):
    await control.stub().put("k", 1)
    refused = await control.refused("POST", f"{control.path()}/sql/query", body)
    assert refused == (400, 10001)


async def test_numbers_that_json_cannot_hold_are_typed(control):
    await control.stub().put("k", 1)
    sql = "SELECT 9007199254740993, 9e999, x'ff', 'a'"
    rows = await control.result("POST", f"{control.path()}/sql/query", {"sql": sql})
    assert rows["rows"] == [
        [{"$bigint": "9007199254740993"}, {"$number": "Infinity"}, {"$bytes": "/w=="}, "a"]
    ]


async def test_wranglers_query_takes_a_name_or_an_id(control):
    await control.stub().sql("CREATE TABLE t(v)")
    path = "/workers/durable_objects/namespaces/test-worker-Box/query"
    body = {"durable_object_name": "a", "queries": [{"sql": "SELECT 1 AS n"}, {"sql": "SELECT 2"}]}
    first, second = await control.result("POST", path, body)
    assert (first["columns"], first["rows"], second["rows"]) == (["n"], [[1]], [[2]])
    object_id = control.path().rpartition("/")[2]
    by_id = {"durable_object_id": object_id, "queries": [{"sql": "DELETE FROM t"}]}
    assert await control.refused("POST", path, by_id) == (400, 20004)
    assert await control.refused("POST", path, {**by_id, "queries": []}) == (400, 10001)


async def test_a_table_is_downloaded(control):
    await control.stub().sql('CREATE TABLE "a ""b"(v, w)')
    await control.stub().sql("""INSERT INTO "a ""b" VALUES ('x,"y', x'01')""")
    url = f"{control.url}{API}{control.path()}/sql/export"
    async with control.client.get(url, params={"table": 'a "b'}) as csv:
        assert await csv.text() == 'v,w\r\n"x,""y",01\r\n'
        assert 'filename="a__b.csv"' in csv.headers["Content-Disposition"]
    async with control.client.get(url, params={"table": 'a "b', "format": "json"}) as found:
        assert await found.json() == [{"v": 'x,"y', "w": {"$bytes": "AQ=="}}]
    assert await control.refused("GET", f"{control.path()}/sql/export?table=nope") == (404, 20002)


async def test_a_file_that_is_no_database_is_told_and_harms_nothing(control, tmp_path):
    await control.stub().put("k", 1)
    folder = tmp_path / ".wrangler" / "state" / "v3" / "do" / "test-worker-Box"
    (folder / f"{'a' * 64}.sqlite").write_bytes(b"no database" * 1000)
    path = f"/local/objects/test-worker-Box/{'a' * 64}"
    assert await control.refused("GET", f"{path}/kv") == (500, 20500)
    assert len(await control.get("/local/objects")) == 2
