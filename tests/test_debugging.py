"""Objects are ordinary Python: pdb stops in them and coverage counts their lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.terminal import Terminal
from tests.wire import connect, request
from tests.worlds import write_worker

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)

ROOM: Final = """
class Room(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        answer = message.upper()
        breakpoint()
        ws.send(answer)
"""
TEST_ROOM: Final = """
async def test_it_answers_in_capitals(durable):
    client = await durable.connect("/room/a")
    client.send("hello")
    assert await client.receive() == "HELLO"
    assert durable.clock.now_ms == 1_767_225_600_000
"""
# Its lines are counted below: keep "counted" and "not counted" where they are.
COUNTER: Final = """
class Counter(DurableObject):
    async def fetch(self, request):
        value = (await self.ctx.storage.get("value") or 0) + 1  # counted
        await self.ctx.storage.put("value", value)  # counted
        if value > 1_000:
            return Response("enough")  # not counted
        return Response(str(value))  # counted
"""
TEST_COUNTER: Final = """
async def test_it_counts(durable):
    assert await (await durable.fetch("/counter/a")).text() == "1"
"""
PYTEST: Final = ("-m", "pytest", "-q", "-o", "asyncio_default_fixture_loop_scope=function")


async def inspect_at_the_prompt(terminal: Terminal) -> None:
    """The object stands at its breakpoint: look around, and let it go on."""
    assert "worker.py" in await terminal.expect("(Pdb) ")
    terminal.type("p 1 + 1")
    assert "2" in (await terminal.expect("(Pdb) ")).splitlines()
    terminal.type("p answer")
    assert "'HELLO'" in (await terminal.expect("(Pdb) ")).splitlines()
    terminal.type("w")
    assert "webSocketMessage()" in await terminal.expect("(Pdb) ")
    terminal.type("c")


@pytest.mark.asyncio
async def test_breakpoint_in_a_handler_works_under_durable_dev(tmp_path: Path) -> None:
    write_worker(tmp_path, ROOM)
    dev = ("-m", "emulator", "dev", "--port", "0", "--in-memory")
    async with Terminal(*dev, cwd=tmp_path) as terminal:
        await terminal.expect("Ready on http://localhost:")
        port = int((await terminal.expect("\r\n")).strip())
        async with await connect("127.0.0.1", port, "/room/a") as client:
            for _ in range(2):  # a second message stops there again
                client.send_text("hello")
                await inspect_at_the_prompt(terminal)
                frame = await client.next_frame()
                assert frame is not None
                assert frame.text == "HELLO"
        # Not Ctrl-C: once pdb has continued, that leads back to its prompt.
        os.kill(terminal.process.pid, signal.SIGTERM)
        await terminal.expect("Shutting down")
        assert await terminal.wait() == 0


@pytest.mark.asyncio
async def test_breakpoint_in_a_handler_works_under_pytest(tmp_path: Path) -> None:
    write_worker(tmp_path, ROOM)
    (tmp_path / "test_room.py").write_text(TEST_ROOM, encoding="utf-8")
    async with Terminal(*PYTEST, cwd=tmp_path) as terminal:
        await inspect_at_the_prompt(terminal)
        await terminal.expect("1 passed")
        assert await terminal.wait() == 0


def counted_lines(folder: Path) -> tuple[set[str], set[str]]:
    """The lines of worker.py that were executed, and those that were not."""
    run = [sys.executable, "-m", "coverage", "json", "-q", "-o", "coverage.json"]
    subprocess.run(run, cwd=folder, check=True, timeout=30)
    report = json.loads((folder / "coverage.json").read_text(encoding="utf-8"))
    lines = (folder / "worker.py").read_text(encoding="utf-8").splitlines()
    [found] = [data for name, data in report["files"].items() if name.endswith("worker.py")]
    executed = {lines[number - 1] for number in found["executed_lines"]}
    missing = {lines[number - 1] for number in found["missing_lines"]}
    return executed, missing


def expect_counted(folder: Path) -> None:
    executed, missing = counted_lines(folder)
    assert len([line for line in executed if line.endswith("# counted")]) == 3
    assert [line for line in executed if line.endswith("# not counted")] == []
    assert len([line for line in missing if line.endswith("# not counted")]) == 1
    assert "class Counter(DurableObject):" in executed  # what runs at import counts, too


def test_coverage_counts_the_lines_of_objects_under_pytest(tmp_path: Path) -> None:
    write_worker(tmp_path, COUNTER)
    (tmp_path / "test_counter.py").write_text(TEST_COUNTER, encoding="utf-8")
    run = [sys.executable, "-m", "coverage", "run", "--source", ".", *PYTEST]
    result = subprocess.run(
        run, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    expect_counted(tmp_path)


@pytest.mark.asyncio
async def test_coverage_counts_the_lines_of_objects_under_durable_dev(tmp_path: Path) -> None:
    write_worker(tmp_path, COUNTER)
    run = ("-m", "coverage", "run", "--source", ".", "-m", "emulator", "dev", "--port", "0")
    async with Terminal(*run, "--in-memory", cwd=tmp_path) as terminal:
        await terminal.expect("Ready on http://localhost:")
        port = int((await terminal.expect("\r\n")).strip())
        assert (await request("127.0.0.1", port, "GET", "/counter/a")).text == "1"
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert await terminal.wait() == 0
    expect_counted(tmp_path)
