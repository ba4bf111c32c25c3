"""The direct way of a small answer: head and body in one piece, known before aiohttp's task wakes.

Most answers are known when the request has been parsed: user code did not have to wait, the body
is a few bytes. They are written at once, as aiohttp would have written them, byte for byte. Every
other answer is aiohttp's to write.

Source: spec performance §6. Proved by tests/server/test_direct.py.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp.http import SERVER_SOFTWARE

from emulator.web.response import status_phrase
from emulator.web.url import parse_request_url

if TYPE_CHECKING:
    from emulator.core.clock import Clock
    from emulator.runtime.worker import Invocation
    from emulator.web.response import Response

__all__ = ["Begun", "HeadWriter", "request_url"]

_BODY_BYTES_MAX: Final = 1 << 16
_SILENT: Final = frozenset({204, 205, 304})  # statuses without a body
_END_LINES: Final = 3  # Date, Server and the empty line come with the last line, in its string
# Headers that aiohttp would write otherwise than it was given them, or leave out.
_SPECIAL: Final = frozenset(
    {"connection", "transfer-encoding", "keep-alive", "upgrade", "content-length", "date", "server"}
)
# A URL that normalising would leave as it is: no default port, no dots, nothing to encode.
_PLAIN_URL: Final = re.compile(
    r"https?://[a-z0-9.-]+(?::(?!80/|443/)[1-9]\d*)?/(?:[\w~/-]|\.(?![./]))*(?:\?[\w.~/:@!$&()*+,;=%-]*)?\Z",
    re.ASCII,
).match


class Begun:
    """A request whose worker was started as soon as it had been parsed, for aiohttp's task to end.

    `outcome` is the response, or the task that will have it; `failure` is what was raised instead.
    """

    __slots__ = ("_failure", "_outcome", "invocation")

    def __init__(self, outcome: Any, failure: BaseException | None, invocation: Invocation) -> None:
        self._outcome = outcome
        self._failure = failure
        self.invocation = invocation

    async def response(self) -> Any:
        """The JavaScript Response. Raises whatever the worker raised."""
        if self._failure is not None:
            raise self._failure
        if isinstance(self._outcome, asyncio.Task):
            return await self._outcome
        return self._outcome

    def abandon(self) -> None:
        """The client is gone before aiohttp's task came to it: the worker runs on, unheard."""
        if isinstance(self._outcome, asyncio.Task):
            self._outcome.add_done_callback(_hear)


def _hear(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


class HeadWriter:
    """Writes whole answers. The date is made once a second."""

    __slots__ = ("_clock", "_end", "_second")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._end = ""

    def write(self, response: Response) -> bytes | None:
        """The answer as bytes, for a connection that stays open; None if it is aiohttp's to write.

        Those are streams, large bodies, sockets, bodies that were read, and whatever needs a
        header of aiohttp's own.
        """
        source, status = response._source, response._status
        body = b"" if source is None else source
        if (
            type(body) is not bytes
            or response._is_used
            or response._web_socket is not None
            or len(body) > _BODY_BYTES_MAX
            or not 200 <= status <= 599
            or status in _SILENT
        ):
            return None
        has_type = not body
        lines = [_status_line(status, response._status_text)]
        for name, value in response._headers._pairs:
            key = name.lower()
            if key in _SPECIAL:
                return None
            if key == "content-type":
                has_type = True
            lines.append(f"{name}: {value}")
        lines.append(self._ending(len(body)))
        text = "\r\n".join(lines)
        # As many lines as were meant, and a content type: aiohttp refuses or adds to others.
        if not has_type or text.count("\n") != len(lines) + _END_LINES:
            return None
        try:
            answer = text.encode() + body
        except UnicodeEncodeError:
            return None
        response._is_used = source is not None
        return answer

    def _ending(self, length: int) -> str:
        second = int(self._clock.now_ms() // 1000)
        if second != self._second:
            self._second = second
            date = email.utils.formatdate(second, usegmt=True)
            self._end = f"\r\nDate: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
        return f"Content-Length: {length}{self._end}"


def _status_line(status: int, text: str) -> str:
    return f"HTTP/1.1 {status} {text or status_phrase(status)}"


@functools.lru_cache(maxsize=256)
def request_url(host: str, target: str) -> str | None:
    """The URL as the platform hands it over: normalised, without its fragment; None for none.

    Args:
        host: scheme and authority.
    """
    target = target.partition("#")[0]
    # A client of a proxy sends the whole URL.
    is_whole = target.startswith(("http://", "https://"))
    url = target if is_whole else host + target
    return url if _PLAIN_URL(url) else parse_request_url(url)
