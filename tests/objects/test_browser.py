"""The two snippets of WebSocketServer's documentation, typed into a real browser's console."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.browser import Console, find_chromium, open_browser
from tests.dev_server import dev_server

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM: Final = find_chromium()
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed"),
]

CONNECT: Final = """
// Connect to the WebSocket server
const ws = new WebSocket('ws://localhost:8787/ws?id=default');

ws.onopen = () => {
  console.log('Connected to WebSocket server');
};

ws.onmessage = (event) => {
  const message = JSON.parse(event.data);
  console.log('Received:', message);
};

ws.onerror = (error) => {
  console.error('WebSocket error:', error);
};

ws.onclose = () => {
  console.log('Disconnected from WebSocket server');
};
"""

SEND: Final = """
// Send a message
ws.send(JSON.stringify({
  type: 'ping',
  data: 'Hello from client'
}));

// Broadcast a message to all other clients
ws.send(JSON.stringify({
  type: 'broadcast',
  data: { message: 'Hello everyone!' }
}));

// Get server statistics
ws.send(JSON.stringify({
  type: 'get_stats'
}));
"""

SHORT_CONNECT: Final = """
const ws = new WebSocket('ws://localhost:8787/ws');
ws.onmessage = (e) => console.log(e.data);
"""
SHORT_SEND: Final = "ws.send(JSON.stringify({ type: 'ping' }));"


async def received(console: Console) -> dict[str, Any]:
    """The message that the first snippet logs next."""
    label, message = await console.next_logged()
    assert label == "Received:"
    assert isinstance(message, dict)
    return message


async def documented_snippets_work(executable: str, profile: Path, port: int) -> None:
    """Two tabs meet in the room "default". As a person would, each sends when it is connected."""

    def typed(snippet: str) -> str:
        return snippet.replace("localhost:8787", f"localhost:{port}")

    async with open_browser(executable, profile) as browser:
        first = await browser.open_console(f"http://localhost:{port}/")
        await first.run(typed(CONNECT))
        assert await first.next_logged() == ["Connected to WebSocket server"]
        welcome = await received(first)
        assert welcome.pop("id")
        assert welcome == {
            "type": "connected",
            "message": "Welcome to WebSocket server",
            "totalConnections": 1,
        }

        second = await browser.open_console(f"http://localhost:{port}/")
        await second.run(typed(SHORT_CONNECT))
        [welcome_text] = await second.next_logged()
        second_id = json.loads(welcome_text)["id"]
        joined = {"id": second_id, "totalConnections": 2}
        assert await received(first) == {"type": "user_connected", "data": joined}
        await second.run(SHORT_SEND)
        [pong_text] = await second.next_logged()
        assert json.loads(pong_text)["type"] == "pong"

        await first.run(SEND)
        pong = await received(first)
        assert pong["type"] == "pong"
        assert isinstance(pong["timestamp"], int)
        stats = await received(first)
        assert stats["type"] == "stats"
        assert stats["data"]["totalConnections"] == 2
        [broadcast_text] = await second.next_logged()
        assert broadcast_text == '{"type":"broadcast","data":{"message":"Hello everyone!"}}'

        await second.close()
        left = {"id": second_id, "totalConnections": 1}
        assert await received(first) == {"type": "user_disconnected", "data": left}

        await first.run("ws.close()")
        assert await first.next_logged() == ["Disconnected from WebSocket server"]


@pytest.mark.timeout(60)
async def test_the_documented_snippets_work_in_a_real_browser(tmp_path: Path) -> None:
    assert CHROMIUM is not None, "the test is skipped without a browser"
    with dev_server() as server:
        await documented_snippets_work(CHROMIUM, tmp_path, server.port)
