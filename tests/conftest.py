"""What every test of this repository shares: pytester, the gated event loop, and small workers.

pytest-asyncio asks the hook for every item (tests with `aiohttp_client` included), so tests that
are not claimed by the `durable` plugin run on the loop that serves objects, too. The shipped plugin
must never implement this hook: it would choose the loop of its users' other tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.worlds import Worlds, write_worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from pathlib import Path

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "worker(source, **config): the worker of `durable`")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"gated": _gated_loop}


def _gated_loop() -> asyncio.AbstractEventLoop:
    # Imported late: coverage must already be measuring when the package is first imported.
    from emulator.runtime.gates import GatedLoop

    return GatedLoop()


@pytest.fixture
def durable_config_file(
    request: pytest.FixtureRequest, durable_config_file: Path | None, tmp_path: Path
) -> Path | None:
    """`@worker(source)` above a test (tests/worlds.py): `durable` runs that worker."""
    marker = request.node.get_closest_marker("worker")
    if marker is None:
        return durable_config_file
    return write_worker(tmp_path, *marker.args, **marker.kwargs)


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    """Worlds that share one state folder, to be opened one after the other."""
    return Worlds(tmp_path)
