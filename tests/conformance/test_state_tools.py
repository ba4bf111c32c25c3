"""A state folder that real wrangler dev wrote is listed, shown, exported, imported elsewhere: equal.

`python -m tests.conformance.test_state_tools DIR` writes such a folder; tests/golden/wrangler-state
is one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from emulator.cli.main import durable
from tests.conformance.wrangler import SCRIPT, install

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

START_TIMEOUT_S: Final = 60.0
DUE_MS: Final = 4_000_000_000_000
WORKER: Final = """
import { DurableObject } from "cloudflare:workers";
export class Box extends DurableObject {
  async fetch() {
    await this.ctx.storage.put({
      map: new Map([["a", 5n]]), date: new Date(1700000000000), bytes: new Uint8Array([1, 2, 3]),
      plain: { a: [1, 2.5, null] }, text: "<b>", undef: { u: undefined },
    });
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v)");
    this.ctx.storage.sql.exec("INSERT INTO t(v) VALUES ('x')");
    await this.ctx.storage.setAlarm(4000000000000);
    return new Response("stored");
  }
  async alarm() {}
}
export default { fetch: (request, env) => env.BOX.getByName("lobby").fetch(request) };
"""
CONFIG: Final = {
    "name": "golden",
    "main": "worker.js",
    "compatibility_date": "2026-04-01",
    "durable_objects": {"bindings": [{"name": "BOX", "class_name": "Box"}]},
    "migrations": [{"tag": "v1", "new_sqlite_classes": ["Box"]}],
}


def write_state(project: Path) -> Path:
    """Have wrangler dev store something; the folder that holds `v3`."""
    (project / "worker.js").write_text(WORKER)
    (project / "wrangler.json").write_text(json.dumps(CONFIG))
    with _wrangler_dev(project) as url:
        deadline = time.monotonic() + START_TIMEOUT_S  # a real process
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert answer.read() == b"stored"
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert time.monotonic() < deadline, "wrangler dev did not start"
                time.sleep(0.2)
    return project / "state"


@contextlib.contextmanager
def _wrangler_dev(project: Path) -> Iterator[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node was not found on PATH")
    if not SCRIPT.exists():
        install()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--ip", "127.0.0.1", "--port", str(port), "--inspector-port", "0"]
    options += ["--persist-to", "state"]
    process = subprocess.Popen(
        [node, str(SCRIPT), "dev", *options],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(project), "WRANGLER_SEND_METRICS": "false"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_what_wrangler_dev_wrote_is_carried_elsewhere_and_equal(tmp_path):
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir()
    state = write_state(project)

    def run(*arguments, at=state):
        found = CliRunner().invoke(durable, ["objects", "--persist-to", str(at), *arguments])
        assert found.exit_code == 0, found.output
        return found.output

    def files():
        return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in state.rglob("*") if p.is_file()}

    before = files()
    (one,) = json.loads(run("ls", "Box", "--json"))
    assert (one["namespace"], one["next_alarm_ms"]) == ("golden-Box", DUE_MS)
    keys = {e["key"]: e["value"] for e in json.loads(run("kv", "ls", "Box", "lobby", "--json"))}
    assert keys["map"] == {"$map": [["a", {"$bigint": "5"}]]}
    assert keys["undef"] == {"u": {"$undefined": True}}
    assert json.loads(run("sql", "Box", "lobby", "SELECT v FROM t", "--json"))["rows"] == [["x"]]
    archive = str(tmp_path / "objects.zip")
    run("export", "-o", archive)
    assert files() == before
    run("import", archive, at=other)
    assert run("diff", "Box", "lobby", "--file", archive, at=other) == ""
    (theirs,) = json.loads(run("ls", "Box", "--json", at=other))
    assert (theirs["id"], theirs["next_alarm_ms"]) == (one["id"], DUE_MS)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    write_state(target)
