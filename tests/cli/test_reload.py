"""`durable dev` while files are saved: real files, real sockets, no waiting but for what is said."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from emulator.cli.reload import restart_hints
from emulator.core.config import Config, DevOptions
from tests.dev_server import DevServer, dev_server
from tests.wire import HttpAnswer, Opcode, WireSocket, connect, request
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

TIMEOUT_S: Final = 10.0
SOCKETS: Final = 50
REQUESTS_PER_S: Final = 100
WORKER: Final = """
from settings import VERSION

class Room(DurableObject):
    async def fetch(self, request):
        if request.headers.get("Upgrade"):
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)
        count = (await self.ctx.storage.get("count") or 0) + 1
        await self.ctx.storage.put("count", count)
        if "slow" in request.url:
            await asyncio.sleep(0.05)
        return Response(f"{VERSION} {count} {getattr(self.env, 'WORD', '')}")

    async def webSocketMessage(self, ws, message):
        ws.send(f"{VERSION} {message}")
"""


class Project:
    """A worker in two files, served."""

    def __init__(self, folder: Path, server: DevServer) -> None:
        self.folder = folder
        self.server = server

    def save(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def save_atomically(self, name: str, text: str) -> None:
        """As vim and most editors do: another file, then a rename."""
        other = self.folder / f".{name}.swp"
        other.write_text(text)
        os.rename(other, self.folder / name)

    async def said(self, text: str, times: int = 1) -> str:
        """Wait until the server has printed a line with `text` so many times; that line."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TIMEOUT_S
        changed = asyncio.Event()
        while len(found := [line for line in list(self.server.log) if text in line]) < times:
            assert loop.time() < deadline, "".join(self.server.log)
            changed.clear()
            loop.call_later(0.01, changed.set)
            await changed.wait()
        return found[-1]

    async def get(self, path: str = "/room/a") -> HttpAnswer:
        return await request(self.server.host, self.server.port, "GET", path)

    async def version(self) -> str:
        return (await self.get()).text.split()[0]

    async def connect(self, path: str = "/room/a") -> WireSocket:
        return await connect(self.server.host, self.server.port, path)


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Project]:
    (folder / "settings.py").write_text("VERSION = 1\n")
    config = write_worker(folder, WORKER)
    with dev_server("--in-memory", *options, config=str(config)) as server:
        yield Project(folder, server)


async def test_a_save_of_any_module_is_new_code_and_says_what_it_did(tmp_path: Path) -> None:
    with served(tmp_path) as project:
        assert await project.version() == "1"
        project.save("settings.py", "VERSION = 2\n")
        assert "settings, worker" in await project.said("Reloaded ")
        assert await project.version() == "2"
        project.save_atomically("settings.py", "VERSION = 3\n")
        await project.said("Reloaded ", 2)
        assert await project.version() == "3"
        # A touched file is not a changed one; a file that is not the worker's concerns nobody.
        os.utime(tmp_path / "settings.py")
        project.save("unrelated.py", "X = 1\n")
        project.save("settings.py", "VERSION = 4\n")
        await project.said("Reloaded ", 3)
        assert await project.version() == "4"
        assert "Room a reset" in "".join(project.server.log)


async def test_a_broken_save_keeps_the_old_code_and_is_told_of_once(tmp_path: Path) -> None:
    with served(tmp_path) as project:
        project.save("settings.py", "VERSION = (\n")
        await project.said("The old code goes on.")
        assert await project.version() == "1"
        (tmp_path / "settings.py").unlink()
        await project.said("The old code goes on.", 2)
        assert "No module named 'settings'" in "".join(project.server.log)
        assert await project.version() == "1"
        project.save("settings.py", "VERSION = 2\n")
        await project.said("Reloaded ")
        assert await project.version() == "2"
        assert "".join(project.server.log).count("SyntaxError: '(' was never closed") == 2


async def test_a_module_that_is_missing_is_awaited(tmp_path: Path) -> None:
    with served(tmp_path) as project:
        project.save("settings.py", "from later import VERSION\n")
        await project.said("No module named 'later'")
        project.save("later.py", "VERSION = 2\n")
        await project.said("Reloaded ")
        assert await project.version() == "2"
        project.save("later.py", "VERSION = 3\n")
        await project.said("Reloaded ", 2)
        assert await project.version() == "3"


async def test_the_configuration_counts_too(tmp_path: Path) -> None:
    with served(tmp_path) as project:
        file = tmp_path / "wrangler.json"
        document = json.loads(file.read_text())
        document["vars"] = {"WORD": "hello"}
        document["dev"] = {"port": 1234}
        file.write_text(json.dumps(document))
        assert "wrangler.json" in await project.said("Reloaded ")
        await project.said("dev.port has changed; it counts when `durable dev` is restarted")
        assert (await project.get()).text.endswith("hello")
        file.write_text("{")
        await project.said("Invalid JSON document")
        assert (await project.get()).text.endswith("hello")
        project.save(".dev.vars", "WORD=secret\n")
        file.write_text(json.dumps(document))
        await project.said("Reloaded ", 2)
        assert (await project.get()).text.endswith("secret")


async def test_off_means_that_nothing_is_watched(tmp_path: Path) -> None:
    with served(tmp_path, "--reload-mode", "off") as project:
        project.save("settings.py", "VERSION = 2\n")
        assert not any(name == "reload" for name in _threads(project.server.process.pid))
        assert await project.version() == "1"


def _threads(pid: int) -> list[str]:
    return [path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm")]


async def test_several_workers_reload_each_for_itself(tmp_path: Path) -> None:
    front, back = tmp_path / "front", tmp_path / "back"
    front.mkdir()
    back.mkdir()
    ask = """
    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            found = await self.env.BACK.fetch(request)
            return Response(f"front 1, {await found.text()}")
    """
    answer = """
    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("back 1")
    """
    config = write_worker(front, ask, name="f", services=[{"binding": "BACK", "service": "b"}])
    other = write_worker(back, answer, name="b")
    with dev_server("--in-memory", "-c", str(other), config=str(config)) as server:
        project = Project(tmp_path, server)
        assert (await project.get("/")).text == "front 1, back 1"
        source = (back / "worker.py").read_text()
        (back / "worker.py").write_text(source.replace("back 1", "back 2"))
        await project.said("Reloaded worker")
        assert (await project.get("/")).text == "front 1, back 2"


async def test_clients_of_a_deploy_see_what_the_platform_shows(tmp_path: Path) -> None:
    with served(tmp_path) as project:
        sockets = [await project.connect(f"/room/{n % 5}") for n in range(SOCKETS)]
        answers = await under_load(project, lambda: project.said(f"{SOCKETS} closed"))
        # The connections end, without a Close frame; every request is answered by old or new code.
        assert [await socket.next_frame() for socket in sockets] == [None] * SOCKETS
        assert {answer.status for answer in answers} <= {200, 500}
        assert sum(answer.status == 500 for answer in answers) <= 1 + REQUESTS_PER_S * 0.1
        assert {answer.text.split()[0] for answer in answers if answer.status == 200} == {"1", "2"}
        for socket in sockets:
            await socket.aclose()


async def test_hibernating_loses_nothing_under_load(tmp_path: Path) -> None:
    with served(tmp_path, "--reload-mode", "hibernate") as project:
        sockets = [await project.connect(f"/room/{n % 5}") for n in range(SOCKETS)]
        for n, socket in enumerate(sockets):
            socket.send_text(f"before {n}")
        answers = await under_load(project, lambda: project.said(f"{SOCKETS} sockets kept"))
        for n, socket in enumerate(sockets):
            socket.send_text(f"after {n}")
        for n, socket in enumerate(sockets):
            texts = [await next_text(socket), await next_text(socket)]
            assert texts in ([f"1 before {n}", f"2 after {n}"], [f"2 before {n}", f"2 after {n}"])
            await socket.aclose()
        assert {answer.status for answer in answers} == {200}
        assert {answer.text.split()[0] for answer in answers} == {"1", "2"}
        # Every request was handled, and once: the object counted them.
        counts = sorted(int(answer.text.split()[1]) for answer in answers)
        assert counts == list(range(1, len(answers) + 1))


async def next_text(socket: WireSocket) -> str:
    frame = await socket.next_frame()
    assert frame is not None
    assert frame.opcode is Opcode.TEXT or frame.opcode == Opcode.TEXT
    return frame.text


async def under_load(project: Project, reloaded: object) -> list[HttpAnswer]:
    """Ask 100 times a second, save version 2 in between, until new code has answered.

    The requests begin at their times, each on its own connection, whatever the others do.
    """
    assert callable(reloaded), "it waits until the reload is over"
    loop = asyncio.get_running_loop()
    asked: list[asyncio.Task[HttpAnswer]] = []
    is_over = asyncio.Event()

    def ask() -> None:
        asked.append(loop.create_task(project.get("/room/load?slow")))
        if not is_over.is_set():
            loop.call_later(1 / REQUESTS_PER_S, ask)

    ask()
    await asyncio.gather(asked[0])
    project.save("settings.py", "VERSION = 2\n")
    await reloaded()
    while not (await asked[-1]).text.startswith("2 "):
        await asyncio.wait(asked)
    is_over.set()
    return list(await asyncio.gather(*asked))


async def test_what_counts_from_the_next_start_is_named() -> None:
    old = Config(main="w.py", path="wrangler.toml")
    new = Config(
        main="w.py",
        path="wrangler.toml",
        compatibility_date="2026-01-01",
        dev=DevOptions(port=1, pitr=True),
        vars={"A": 1},
    )
    assert restart_hints([old], [old]) == []
    assert [hint.split(" has ")[0] for hint in restart_hints([old], [new])] == [
        "wrangler.toml: dev.port",
        "wrangler.toml: dev.pitr",
        "wrangler.toml: compatibility_date",
    ]
