"""What answers when the code under test fetches from outside: the test itself.

A virtual world has no network: time there does not wait for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.testing.errors import OutgoingFetchRefused
from emulator.web.fetching import arriving_request, arriving_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.assembly import Emulator
    from emulator.web.request import Request
    from emulator.web.response import Response

__all__ = ["Outgoing"]


class Outgoing:
    """The fetcher of a test world. `handler` takes the SDK's Request and gives a Response."""

    def __init__(self, *, has_network: bool) -> None:
        """Args: has_network: without a handler, requests go out for real."""
        self.handler: Callable[[Any], Any] | None = None
        self.emulator: Emulator | None = None
        self._has_network = has_network

    async def __call__(self, request: Request) -> Response:
        """Answer `request`.

        Raises:
            OutgoingFetchRefused: there is neither a handler nor a network.
            JsException: what the handler gave is no response.
        """
        emulator = self.emulator
        assert emulator is not None, "the world is open"
        if self.handler is None:
            if self._has_network:
                return await emulator.fetch_outside(request)
            raise OutgoingFetchRefused(request.method, request.url)
        arrived = arriving_request(request)
        answer = self.handler(emulator.sdk.Request(arrived))
        if hasattr(answer, "__await__"):
            answer = await answer
        return arriving_response(getattr(answer, "js_object", answer), request)
