"""What every test of this repository shares: pytester, and the gated event loop.

pytest-asyncio asks the hook for every item (tests with `aiohttp_client` included), so tests that
are not claimed by the `durable` plugin run on the loop that serves objects, too. The shipped plugin
must never implement this hook: it would choose the loop of its users' other tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

pytest_plugins = ["pytester"]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"gated": _gated_loop}


def _gated_loop() -> asyncio.AbstractEventLoop:
    # Imported late: coverage must already be measuring when the package is first imported.
    from emulator.runtime.gates import GatedLoop

    return GatedLoop()
