"""The door to the control API: shut on addresses that others can reach, and built when first used.

Nothing of the API is imported before somebody asks for it.

Proof: tests/server/test_control.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.server.control import Control

__all__ = ["LazyControl"]


class LazyControl:
    """Answers what is below `/cdn-cgi/local/`."""

    def __init__(self, build: Callable[[], Control] | None) -> None:
        """Args:
        build: makes the API; None where it must not exist.
        """
        self._build = build
        self._control: Control | None = None

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._build is None:
            return web.Response(status=404, text="Not Found")
        if self._control is None:
            self._control = self._build()
        return await self._control.answer(request)

    def close(self) -> None:
        if self._control is not None:
            self._control.close()
