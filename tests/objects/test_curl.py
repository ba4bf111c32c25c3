"""The documented curl line. Debian's curl has no ws scheme, so it says http:// in place of ws://."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import Final

import pytest

from tests.dev_server import dev_server

CURL: Final = shutil.which("curl")
LINE: Final = (
    "-s -i -N -H 'Connection: Upgrade' -H 'Upgrade: websocket'"
    " -H 'Sec-WebSocket-Version: 13'"
    " -H 'Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=='"
)
ACCEPT: Final = "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk="
TIMEOUT_S: Final = 10.0

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(CURL is None, reason="no curl is installed"),
]


async def curl_upgrades(port: int) -> None:
    """Curl prints the answer's head and then the raw first frame, for as long as it is let."""
    command = f"exec curl {LINE} http://localhost:{port}/ws"
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None, "the pipe was asked for"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            head = (await process.stdout.readuntil(b"\r\n\r\n")).decode()
            first, size = await process.stdout.readexactly(2)
            if size == 126:
                size = int.from_bytes(await process.stdout.readexactly(2))
            message = json.loads(await process.stdout.readexactly(size))
    finally:
        process.kill()
        await process.communicate()
    status_line, *headers = head.split("\r\n")
    assert status_line == "HTTP/1.1 101 Switching Protocols"
    assert ACCEPT.lower() in [line.lower() for line in headers]
    assert first == 0x81  # one whole text frame
    assert (message["type"], message["totalConnections"]) == ("connected", 1)


async def test_the_documented_curl_line_upgrades_and_shows_the_welcome() -> None:
    with dev_server() as server:
        await curl_upgrades(server.port)
