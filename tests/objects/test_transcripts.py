"""The seventeen recorded sessions, over real TCP, against WebSocketServer under `durable dev`."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.dev_server import DevServer, dev_server
from tests.objects.session import Session
from tests.objects.transcripts import TRANSCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with dev_server() as running:
        yield running


def new_session(server: DevServer) -> Session:
    return Session(
        server.host,
        server.port,
        uuid.uuid4().hex,
        now_ms=lambda: time.time_ns() / 1_000_000,
        idle=asyncio.sleep,  # noqa: TID251 - in real time there is no other way to be idle
    )


@pytest.mark.parametrize("name", sorted(TRANSCRIPTS.keys() - {"T13"}))
async def test_a_session_goes_as_on_the_real_runtime(name: str, server: DevServer) -> None:
    async with new_session(server) as session:
        await TRANSCRIPTS[name](session)


@pytest.mark.real_time
@pytest.mark.timeout(60)
async def test_t13_goes_as_on_the_real_runtime_with_22_seconds_of_silence(
    server: DevServer,
) -> None:
    async with new_session(server) as session:
        await TRANSCRIPTS["T13"](session)
