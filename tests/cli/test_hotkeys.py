"""Single keys in a real terminal, which is given back as it was."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import termios
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.terminal import Terminal
from tests.wire import connect, request
from tests.worlds import write_worker

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

ROOM: Final = """
class Room(DurableObject):
    async def fetch(self, request):
        if request.headers.get("Upgrade"):
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)
        print("answers", flush=True)
        return Response(input("what? "))
"""
DEV: Final = ("-m", "emulator", "dev", "--port", "0", "--in-memory")


# Makes the terminal the one that controls the program, so that Ctrl-C is a signal.
CONTROLLED: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Person(Terminal):
    """Somebody at the terminal of `durable dev`."""

    port = 0

    def __init__(self, *arguments: str, cwd: Path) -> None:
        super().__init__("-c", CONTROLLED, *arguments, cwd=cwd)

    async def wait_ready(self) -> None:
        await self.expect("Ready on http://localhost:")
        self.port = int((await self.expect("\r\n")).strip())
        await self.expect("[x] exit")

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def modes(self) -> list[Any]:
        found: list[Any] = termios.tcgetattr(self._master)
        return found

    @property
    def echoes(self) -> bool:
        return bool(self.modes()[3] & termios.ECHO)


@pytest.mark.parametrize("key", ["x", "q", "\x03"])
async def test_a_key_ends_it_and_the_terminal_is_as_it_was(tmp_path: Path, key: str) -> None:
    write_worker(tmp_path, ROOM)
    # The modes before: a program in the same kind of terminal tells them.
    async with Person(*DEV, cwd=tmp_path) as person:
        before = person.modes()
        await person.wait_ready()
        assert not person.echoes
        person.press(key)
        await person.expect("Shutting down")
        assert await person.wait() == 0
        assert person.modes() == before


async def test_a_forced_end_gives_the_terminal_back_too(tmp_path: Path) -> None:
    source = ROOM.replace('return Response(input("what? "))', "while True: pass")
    write_worker(tmp_path, source)
    async with Person(*DEV, cwd=tmp_path) as person:
        before = person.modes()
        await person.wait_ready()
        async with await connect("127.0.0.1", person.port, "/room/warm"):
            pass
        _, writer = await asyncio.open_connection("127.0.0.1", person.port)
        writer.write(b"GET /room/a HTTP/1.1\r\nHost: x\r\n\r\n")
        await person.expect("answers")
        ended = asyncio.create_task(person.wait())  # noqa: TID251
        while not ended.done():  # two that come at once are one signal
            person.press("\x03")
            await asyncio.wait([ended], timeout=0.05)
        assert await ended == 128 + signal.SIGINT
        assert person.modes() == before
        writer.close()


async def test_keys_do_what_the_help_says(tmp_path: Path) -> None:
    write_worker(tmp_path, ROOM)
    async with Person(*DEV, cwd=tmp_path) as person:
        await person.wait_ready()
        person.press("h")
        await person.expect("[o] open a browser  [r] reload  [e] list objects")
        person.press("e")
        await person.expect("No object is awake.")
        async with await connect("127.0.0.1", person.port, "/room/lobby"):
            person.press("e")
            await person.expect("Room 'lobby'  awake, 1 socket")
            person.press("r")
            await person.expect("Reloaded everything in")
            await person.expect("Room lobby reset; 1 closed.")
        person.press("l")
        await person.expect("log level: info")
        person.press("?")  # no key of ours: nothing happens
        person.press("X")
        assert await person.wait() == 0


async def test_a_question_of_user_code_has_the_terminal_to_itself(tmp_path: Path) -> None:
    write_worker(tmp_path, ROOM.replace("input(", "__import__('builtins').input("))
    async with Person(*DEV, cwd=tmp_path) as person:
        await person.wait_ready()
        loop = asyncio.get_running_loop()
        asked = loop.create_task(request("127.0.0.1", person.port, "GET", "/room/a"))
        await person.expect("what? ")
        assert person.echoes
        person.type("xyz")
        assert (await asked).text == "xyz"
        await person.expect("xyz")  # it was echoed
        person.press("e")
        await person.expect("Room 'a'  awake")
        assert not person.echoes


async def test_the_browser_is_opened_where_it_serves(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "opened %s\\n" "$1" > {tmp_path}/opened\necho told\n')
    browser.chmod(0o755)
    write_worker(tmp_path, ROOM)
    os.environ["BROWSER"] = f"{browser} %s"
    try:
        async with Person(*DEV, "--open", cwd=tmp_path) as person:
            await person.wait_ready()
            await person.expect("told")
            assert (tmp_path / "opened").read_text() == f"opened http://localhost:{person.port}\n"
    finally:
        del os.environ["BROWSER"]


async def test_a_pipe_gets_no_keys_and_json_no_help(tmp_path: Path) -> None:
    write_worker(tmp_path, ROOM)
    async with Terminal(*DEV, "--json-log", cwd=tmp_path) as terminal:
        await terminal.expect('"type": "ready"')
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert await terminal.wait() == 0
        lines = [json.loads(line) for line in terminal.shown.splitlines() if line]
        assert [line["type"] for line in lines] == ["ready", "stopping"]
    assert sys.stdin is not None
