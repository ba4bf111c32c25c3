"""WebSocketServer when machines die: connections are lost, the room counts right all the same.

Runs in any run; under `--durable-crash=random` machines do die.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

PATH: Final = "/ws?id=room"


async def reconnect_for_ever(durable: Durable) -> int:
    """Three clients that come back whenever their connection is lost; how often it was."""
    from emulator.testing.client import ConnectError, SocketClosed

    lost = 0

    async def client() -> None:
        nonlocal lost
        socket: Any = None
        for _ in range(15):
            try:
                if socket is None or socket.ended is not None:
                    socket = await durable.connect(PATH)
                    assert (await socket.receive_json())["type"] == "connected"
                socket.send_json({"type": "ping"})
                while (await socket.receive_json())["type"] != "pong":
                    pass
            except (ConnectError, SocketClosed):
                lost += 1
            except Exception as exc:
                if "Network connection lost" not in str(exc):
                    raise
                lost += 1
        if socket is not None:
            socket.disconnect()

    await asyncio.gather(*(client() for _ in range(3)))
    await durable.settle()
    return lost


async def nobody_is_left(durable: Durable) -> int:
    lost = await reconnect_for_ever(durable)
    stats = await durable.env.WEBSOCKET_SERVER.getByName("room").fetch(
        "http://x/websocket/stats?id=room"
    )
    assert json.loads(await stats.text()) == {"totalConnections": 0, "connections": []}
    return lost


@pytest.mark.crash_safe
async def test_clients_that_come_back_find_a_room_that_counts_right(durable: Durable) -> None:
    await nobody_is_left(durable)
