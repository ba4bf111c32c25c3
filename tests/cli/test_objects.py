"""`durable objects`: on files, on a running server, and with hostile contents."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from emulator.cli.main import durable
from emulator.runtime.running import RunningServer, announce
from tests.dev_server import dev_server
from tests.server.control_lab import open_control_lab
from tests.worlds import Worlds

SOURCE = """
class Box(DurableObject):
    async def fetch(self, request):
        return Response("ok")

    async def put(self, key, value):
        await self.ctx.storage.put(key, value)
        self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v)")
        self.ctx.storage.sql.exec("INSERT INTO t(v) VALUES (?)", str(value))
        await self.ctx.storage.setAlarm(4_000_000_000_000)

    async def alarm(self, info):
        pass
"""
HOSTILE = "\x1b[31m<b>\u202e"


@pytest.fixture
def root(tmp_path):
    """A state folder as a server left it: Box `lobby` and one with a hostile name."""
    folder = tmp_path / "project"
    folder.mkdir()
    worlds = Worlds(folder)
    worlds.write(SOURCE)
    worlds.state = folder / "root" / "v3" / "do"

    async def fill(world):
        await world.env.BOX.getByName("lobby").put("k", 1)
        await world.env.BOX.getByName(HOSTILE).put(HOSTILE, HOSTILE)

    worlds.run(fill)
    return folder / "root"


@pytest.fixture
def run(root):
    """Runs `durable objects`; its output. `code` is what it must exit with."""

    def call(*arguments, at=root, code=0):
        options = ["objects", "--persist-to", str(at), *arguments]
        found = CliRunner().invoke(durable, options)
        assert found.exit_code == code, found.output
        return found.output

    return call


def files(root):
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_looking_at_files_changes_nothing_and_makes_none(run, root):
    before = files(root)
    for arguments in (
        ("ls",),
        ("show", "Box", "lobby"),
        ("kv", "ls", "Box", "lobby"),
        ("kv", "get", "Box", "lobby", "k"),
        ("sql", "Box", "lobby", "SELECT * FROM t"),
        ("alarm", "Box", "lobby"),
    ):
        run(*arguments)
    assert files(root) == before


def test_the_list_and_the_page_show_what_there_is(run):
    listed = run("ls")
    assert "Box" in listed
    assert "2096-10-02" in listed  # the alarm
    page = run("show", "Box", "lobby")
    assert "t (1 rows)" in page
    assert "k    number" in page
    assert json.loads(run("show", "Box", "lobby", "--json"))["kv"][0]["value"] == 1


def test_no_control_character_of_an_object_reaches_the_terminal(run):
    for arguments in (
        ("ls",),
        ("ls", "--json"),
        ("show", "Box", HOSTILE),
        ("kv", "ls", "Box", HOSTILE),
        ("kv", "get", "Box", HOSTILE, HOSTILE),
        ("sql", "Box", HOSTILE, "SELECT v FROM t"),
        ("sql", "Box", HOSTILE, 'SELECT v AS "\x1b[2J" FROM t'),
        ("diff", "Box", "lobby", HOSTILE),
    ):
        code = 1 if arguments[0] == "diff" else 0
        output = run(*arguments, code=code)
        assert "\x1b" not in output
        assert "\u202e" not in output


def test_values_are_put_in_and_taken_out(run):
    run("kv", "put", "Box", "lobby", "typed", '{"$map": [["a", {"$bigint": "5"}]]}')
    assert json.loads(run("kv", "get", "Box", "lobby", "typed")) == {
        "$map": [["a", {"$bigint": "5"}]]
    }
    run("kv", "put", "Box", "lobby", "text", "no json", "--text")
    assert json.loads(run("kv", "get", "Box", "lobby", "text", "--json"))["type"] == "string"
    run("kv", "rm", "Box", "lobby", "text")
    assert "There is no key" in run("kv", "get", "Box", "lobby", "text", code=1)
    assert "no JSON" in run("kv", "put", "Box", "lobby", "k", "{", code=2)


def test_sql_writes_only_if_told_to(run):
    assert "only reads" in run("sql", "Box", "lobby", "DELETE FROM t", code=1)
    assert "1 rows written" in run("sql", "Box", "lobby", "DELETE FROM t", "--write")
    assert "SCAN t" in run("sql", "Box", "lobby", "SELECT * FROM t", "--explain")
    rows = json.loads(run("sql", "Box", "lobby", "SELECT ?", "--param", '"x"', "--json"))
    assert rows["rows"] == [["x"]]
    run("sql", "Box", "lobby", "SELECT ?", "--param", "x", code=2)


def test_the_alarm_is_moved_and_deleted(run):
    assert "2128" in run("alarm", "Box", "lobby", "--set", "5000000000000")
    assert "no alarm" in run("alarm", "Box", "lobby", "--delete")
    assert json.loads(run("alarm", "Box", "lobby", "--set", "+60", "--json"))["due_ms"] > 0
    run("alarm", "Box", "lobby", "--set", "soon", code=2)
    run("alarm", "Box", "lobby", "--run", "--delete", code=2)


def test_an_export_is_imported_elsewhere_and_equal(run, root, tmp_path):
    file, other = tmp_path / "objects.zip", tmp_path / "other"
    assert "2 objects" in run("export", "-o", str(file))
    assert "2 objects" in run("import", str(file), at=other)
    theirs, ours = json.loads(run("ls", "--json", at=other)), json.loads(run("ls", "--json"))
    told = ("id", "name", "next_alarm_ms", "namespace")
    assert [[o[t] for t in told] for o in theirs] == [[o[t] for t in told] for o in ours]
    assert run("diff", "Box", "lobby", "--file", str(file), at=other) == ""
    for name in ours:
        path = Path("v3") / "do" / name["namespace"] / f"{name['id']}.sqlite"
        assert (other / path).read_bytes() == (root / path).read_bytes()
    assert "exist already" in run("import", str(file), at=other, code=1)
    run("import", str(file), "--replace", at=other)


def test_some_of_a_class_is_exported(run, tmp_path):
    file, other = tmp_path / "one.zip", tmp_path / "other"
    assert "1 objects" in run("export", "Box", "lobby", "-o", str(file))
    run("import", str(file), at=other)
    assert [o["name"] for o in json.loads(run("ls", "--json", at=other))] == ["lobby"]
    assert "no file of" in run("import", __file__, at=other, code=1)


def test_a_diff_tells_keys_rows_and_the_alarm(run, tmp_path):
    file = tmp_path / "objects.zip"
    run("export", "-o", str(file))
    run("kv", "put", "Box", "lobby", "k", "true")
    run("sql", "Box", "lobby", "UPDATE t SET v = 'changed'", "--write")
    run("alarm", "Box", "lobby", "--delete")
    lines = run("diff", "Box", "lobby", "--file", str(file), code=1).splitlines()
    assert lines[:2] == ["- k = true", "+ k = 1"]
    assert '- t: {"id": 1, "v": "changed"}' in lines
    assert "- alarm -" in lines
    changes = json.loads(run("diff", "Box", "lobby", "--file", str(file), "--json", code=1))
    assert changes["kv"] == {"k": {"before": True, "after": 1}}


def test_an_object_is_removed_after_a_question(run, root):
    (object_id,) = (o["id"] for o in json.loads(run("ls", "--json")) if o["name"] == "lobby")
    found = CliRunner().invoke(
        durable, ["objects", "--persist-to", str(root), "rm", "Box", "lobby"], input="n\n"
    )
    assert found.exit_code == 1
    run("rm", "Box", "lobby", "-y")
    assert object_id not in run("ls")
    assert "has no object lobby" in run("show", "Box", "lobby", code=1)


def test_who_is_not_there_is_told_with_who_is(run, root, tmp_path, monkeypatch):
    assert "There are: Box" in run("show", "Nope", "x", code=1)
    assert "no state folder" in run("ls", at=tmp_path / "nowhere", code=1)
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(durable, ["objects", "ls"])
    assert found.exit_code == 1
    assert "--persist-to" in found.output


def test_a_stale_file_of_a_server_is_no_server(run, root):
    # This process lives, but nobody listens there.
    announce(root / "durable", RunningServer(os.getpid(), "http://127.0.0.1:9"))
    assert "Box" in run("ls")


def test_through_a_running_server(tmp_path):
    """The same commands, while somebody else has the files."""
    with dev_server("--persist-to", str(tmp_path / "root"), "--durability", "normal") as server:
        del server
        told = json.loads((tmp_path / "root" / "durable" / "server.json").read_text())
        assert told["pid"] != os.getpid()
        options = ["objects", "--persist-to", str(tmp_path / "root")]
        found = CliRunner().invoke(durable, [*options, "ls"])
        assert found.exit_code == 0, found.output
        assert "There are no objects" in found.output
    assert not (tmp_path / "root" / "durable" / "server.json").exists()


async def test_an_eviction_that_is_refused_names_the_reasons(tmp_path):
    async with open_control_lab(tmp_path) as lab:
        await lab.stub("held").hold()
        options = ["objects", "-c", str(tmp_path / "wrangler.json")]

        def call(*arguments):
            return CliRunner().invoke(durable, [*options, *arguments])

        refused = await asyncio.to_thread(call, "evict", "BOX", "held")
        assert refused.exit_code == 1
        assert "timer" in refused.output
        assert "worker.py" in refused.output
        shown = await asyncio.to_thread(call, "show", "Box", "held")
        assert "awake because of" in shown.output
        forced = await asyncio.to_thread(call, "evict", "Box", "held", "--force")
        assert "evicted" in forced.output


def test_a_folder_that_wrangler_dev_wrote_is_listed_shown_and_carried(run, tmp_path):
    """Recorded from wrangler: tests/golden/wrangler-state."""
    golden = Path(__file__).parents[1] / "golden" / "wrangler-state"
    state, other, file = tmp_path / "state", tmp_path / "other", tmp_path / "o.zip"
    shutil.copytree(golden, state)
    before = files(state)
    (one,) = json.loads(run("ls", "--json", at=state))
    assert (one["class"], one["name"], one["next_alarm_ms"]) == (
        "Box",
        "lobby",
        4_000_000_000_000,
    )
    keys = {e["key"]: e for e in json.loads(run("kv", "ls", "Box", "lobby", "--json", at=state))}
    assert keys["map"]["value"] == {"$map": [["a", {"$bigint": "5"}]]}
    assert keys["date"]["value"] == {"$date": 1_700_000_000_000}
    assert keys["bytes"]["value"] == {"$bytes": "AQID", "as": "Uint8Array"}
    rows = json.loads(run("sql", "Box", "lobby", "SELECT v FROM t", "--json", at=state))
    assert rows["rows"] == [["x"]]
    run("export", "-o", str(file), at=state)
    assert files(state) == before
    run("import", str(file), at=other)
    assert run("diff", "Box", "lobby", "--file", str(file), at=other) == ""
    assert json.loads(run("ls", "--json", at=other))[0]["next_alarm_ms"] == 4_000_000_000_000
