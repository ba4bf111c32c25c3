"""A server that is killed while it writes and broadcasts: spec websockets §5, §7; storage §4.2."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.dev_server import dev_server
from tests.wire import connect, request

if TYPE_CHECKING:
    from tests.wire import Frame, WireSocket

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

CONFIG: Final = str(Path(__file__).parent / "ledger" / "wrangler.toml")
CLIENTS: Final = 20


async def heard(client: WireSocket) -> list[Frame]:
    frames = []
    while (frame := await client.next_frame()) is not None:
        frames.append(frame)
    await client.aclose()
    return frames


@pytest.mark.parametrize("after", [3, 17])
async def test_nobody_hears_of_what_was_not_written(tmp_path: Path, after: int) -> None:
    options = ("--persist-to", str(tmp_path))
    with dev_server(*options, config=CONFIG) as server:
        clients = [await connect("127.0.0.1", server.port, "/") for _ in range(CLIENTS)]
        for _ in range(200):
            clients[0].send_text("write")
        for _ in range(after):
            assert await clients[1].next_frame() is not None
        server.process.kill()
        received = await asyncio.gather(*map(heard, clients))
    assert all(frame.opcode == 1 for frames in received for frame in frames)  # no Close, only EOF
    last_heard = max(int(f.text.split()[1]) for frames in received for f in frames)
    for frames in received:
        numbers = [int(frame.text.split()[1]) for frame in frames]
        assert numbers == sorted(numbers)
    with dev_server(*options, config=CONFIG) as server:
        answer = await request("127.0.0.1", server.port, "GET", "/entries")
    count, last = map(int, answer.text.split())
    assert count == last
    assert last % 10 == 0
    assert last >= last_heard >= after * 10
