"""The `receive()` loop stands in where connections cannot be taken over, and behaves the same."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from emulator.server import takeover
from tests.dev_server import DevServer, dev_server
from tests.objects.session import Session
from tests.objects.transcripts import TRANSCRIPTS
from tests.server.lab import ECHO, open_lab
from tests.wire import Frame, Opcode

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURABLE_RECEIVE_LOOP", "1")
        with dev_server() as running:
            yield running


@pytest.mark.parametrize("name", sorted(TRANSCRIPTS.keys() - {"T13"}))
async def test_a_recorded_session_goes_the_same_way(name: str, server: DevServer) -> None:
    session = Session(
        server.host,
        server.port,
        uuid.uuid4().hex,
        now_ms=lambda: time.time_ns() / 1_000_000,
        idle=asyncio.sleep,  # noqa: TID251 - in real time there is no other way to be idle
    )
    async with session:
        await TRANSCRIPTS[name](session)


async def test_another_version_of_aiohttp_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert takeover.is_supported()
    monkeypatch.setattr(takeover, "SUPPORTED", "3.15.")
    assert not takeover.is_supported()
    async with open_lab() as lab:
        await lab.hook(message=ECHO)
        async with await lab.connect() as client:
            client.send_text("x")
            assert await client.next_frame() == Frame(Opcode.TEXT, b"x")
