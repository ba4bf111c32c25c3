"""The state folder of `wrangler dev`: it writes, we read, we write, it reads. Spec storage §7.1, §7.2."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest

from benchmarks.servers import Launch, Server
from emulator.testing.world import open_world
from tests.conformance.wrangler import SCRIPT, install
from tests.storage_runtime.inside import inside, namespace
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

DATE: Final = "2026-04-01"  # wrangler's own runtime is older than the one of these tests
READY: Final = re.compile(rb"Ready on http://127\.0\.0\.1:(\d+)")
CONFIG: Final = f"""
name = "trip"
main = "worker.mjs"
compatibility_date = "{DATE}"
[[durable_objects.bindings]]
name = "BOX"
class_name = "Box"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Box"]
"""
WORKER: Final = """
import { DurableObject } from "cloudflare:workers";
export class Box extends DurableObject {
  async write(dueMs) {
    const s = this.ctx.storage;
    await s.put({ map: new Map([["a", 1n]]), date: new Date(5), text: "日本" });
    s.sql.exec("CREATE TABLE t(v); INSERT INTO t VALUES ('theirs')");
    await s.setAlarm(dueMs);
    return this.ctx.id.toString();
  }
  async read() {
    const s = this.ctx.storage;
    const rows = s.sql.exec("SELECT v FROM t").toArray().map((row) => row.v);
    const map = [...(await s.get("map"))].map(([key, value]) => [key, String(value)]);
    return { map, ours: await s.get("ours"), rows, alarm: await s.getAlarm() };
  }
  async alarm() {}
}
export default {
  async fetch(request, env) {
    const asked = new URL(request.url).searchParams;
    const box = env.BOX.getByName(asked.get("name"));
    const due = asked.get("due");
    return Response.json({ value: due ? await box.write(Number(due)) : await box.read() });
  },
};
"""


class WranglerDev:
    """A running `wrangler dev`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def ask(self, **query: object) -> Any:
        url = f"http://127.0.0.1:{self._server.port}/?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.loads(answer.read())["value"]


def free_ports() -> list[str]:
    """Two, as wrangler takes 0 for an error."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextlib.contextmanager
def wrangler_dev(folder: Path) -> Iterator[WranglerDev]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node was not found on PATH")
    if not SCRIPT.exists():
        install()
    (folder / "wrangler.toml").write_text(CONFIG)
    (folder / "worker.mjs").write_text(WORKER)
    port, inspector_port = free_ports()
    options = ["--ip", "127.0.0.1", "--port", port, "--inspector-port", inspector_port]
    alone = ["PATH=/usr/bin:/bin", "WRANGLER_SEND_METRICS=false", "CI=1", f"HOME={folder}"]
    quiet = ["env", "-i", *alone]
    launch = Launch(
        command=[*quiet, node, str(SCRIPT), "dev", *options],
        cwd=folder,
        ready=READY,
        ready_timeout_s=120,
        stop_signal=signal.SIGTERM,
    )
    (folder / "log").mkdir(exist_ok=True)
    with Server("wrangler", launch, folder / "log") as server:
        yield WranglerDev(server)


def run_here(folder: Path, body: Callable[[Any], Any]) -> Any:
    source = """
    class Box(DurableObject):
        async def alarm(self, info):
            pass
    """
    (folder / "ours").mkdir(exist_ok=True)
    config = write_worker(folder / "ours", source, name="trip", compatibility_date=DATE)
    state = folder / ".wrangler" / "state" / "v3" / "do"
    now_ms = time.time_ns() // 1_000_000
    with open_world(config, state=state, start_ms=now_ms) as (world, runner):
        return runner.run(body(world))


def test_the_folder_goes_there_and_back_with_names_and_alarms(tmp_path):
    due_ms = time.time_ns() // 1_000_000 + 3_600_000
    with wrangler_dev(tmp_path) as theirs:
        object_id = theirs.ask(name="room", due=due_ms)

    async def here(durable):
        objects = namespace(durable)
        assert objects.id_from_name("room").hex == object_id
        found = objects.container(objects.id_from_string(object_id))

        async def body(box):
            storage = box.ctx.storage
            assert (await storage.get("text"), await storage.getAlarm()) == ("日本", due_ms)
            storage.sql.exec("INSERT INTO t VALUES ('ours')")
            await storage.put("ours", [1, {"a": 2.5}])
            await storage.setAlarm(due_ms + 1000)

        await inside(durable, "room", body)
        return found.namespace.unique_key, found.sqlite.find_name()

    assert run_here(tmp_path, here) == ("trip-Box", "room")
    with wrangler_dev(tmp_path) as theirs:
        assert theirs.ask(name="room") == {
            "map": [["a", "1"]],
            "ours": [1, {"a": 2.5}],
            "rows": ["theirs", "ours"],
            "alarm": due_ms + 1000,
        }
    assert os.path.exists(tmp_path / ".wrangler/state/v3/do/trip-Box" / f"{object_id}.sqlite")
