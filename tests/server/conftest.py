"""`lab` is a server, once with each way of carrying a WebSocket; `fast_lab` only with the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.server.control_lab import ControlLab, open_control_lab
from tests.server.lab import Lab, open_lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


@pytest_asyncio.fixture(params=["takeover", "takeover without epoll", "receive loop"])
async def lab(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Lab]:
    if request.param == "takeover without epoll":
        monkeypatch.setattr("emulator.server.reading.EPOLL", None)
    async with open_lab(takes_over="takeover" in request.param) as opened:
        yield opened


@pytest_asyncio.fixture
async def fast_lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        yield opened


@pytest_asyncio.fixture
async def control(tmp_path: Path) -> AsyncIterator[ControlLab]:
    """A server with its control API."""
    async with open_control_lab(tmp_path) as opened:
        yield opened
