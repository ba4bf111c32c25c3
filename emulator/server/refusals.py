"""What aiohttp's frame parser refuses, in the platform's words: the one table.

aiohttp's parser is stricter than the platform's, and says so in its own words. What it refuses
becomes the platform's close reason, or the Close that it was.

Source: spec websockets §1.6, §10.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from emulator.core.sockets import MESSAGE_BYTES_MAX, NO_STATUS, Close, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.http_websocket import WebSocketError

__all__ = ["NOT_NEGOTIATED", "PARSER_LIMIT", "refusing_close", "translate"]

# Measured: aiohttp refuses a plain frame whose size equals its limit, so the limit is one more.
PARSER_LIMIT: Final = MESSAGE_BYTES_MAX + 1

NOT_NEGOTIATED: Final = Failure(
    1002,
    "Received a WebSocket frame whose compression bit was set, but the compression extension "
    "was not negotiated for this connection.",
)
_RESERVED_BITS: Final = Failure(1002, "Received frame had RSV bits 2 or 3 set")
_REASON_BYTES_MAX: Final = 123  # RFC 6455 §5.5: 125 with the code
_COMPRESSED: Final = 0x40
_RESERVED: Final = 0x70

type _Refusal = tuple[re.Pattern[str], Callable[[re.Match[str], int], Close | Failure]]


def _bad_close(match: re.Match[str], room: int) -> Close:
    del room
    code = int(match[1])
    return Close(None if code == NO_STATUS else code)


def _failure(reason: str) -> Callable[[re.Match[str], int], Failure]:
    return lambda match, _: Failure(1002, match.expand(reason))


_REFUSALS: Final[tuple[_Refusal, ...]] = (
    (re.compile(r"Invalid close code: (\d+)"), _bad_close),
    (re.compile(r"Invalid close frame"), lambda *_: Close()),
    (re.compile(r"Unexpected opcode=(\d+)"), _failure(r"Unknown opcode \1")),
    (
        re.compile(r"Message size (\d+) exceeds limit"),
        lambda match, room: Failure(1009, f"Message is too large: {match[1]} > {room}"),
    ),
    (
        re.compile(r"Decompressed message|deflate members"),
        lambda *_: Failure(1009, "Message is too large"),
    ),
    (
        re.compile(r"Continuation frame for non started"),
        _failure("Unexpected continuation frame"),
    ),
    (re.compile(r"The opcode in non-fin frame"), _failure("Missing continuation frame")),
    (re.compile(r"Received fragmented control frame"), _failure(r"\g<0>")),
    (
        re.compile(r"non-zero reserved bits"),
        lambda *_: _RESERVED_BITS,
    ),
)


def translate(
    refusal: WebSocketError, room_bytes: int = MESSAGE_BYTES_MAX, data: bytes = b""
) -> Close | Failure:
    """What the platform makes of a frame that aiohttp refuses.

    Args:
        room_bytes: how large the frame may have been.
        data: what the parser was fed with when it refused.
    """
    text = str(refusal)
    for pattern, make in _REFUSALS:
        match = pattern.search(text)
        if match is not None:
            found = make(match, room_bytes)
            return NOT_NEGOTIATED if found == _RESERVED_BITS and _only_compressed(data) else found
    return Failure(int(refusal.code), text)


def refusing_close(failure: Failure, *, is_lenient: bool) -> Close:
    """The Close that answers a broken frame.

    DIFFERS: the platform's reason for a compression bit makes a frame that is too long itself, and
    which a client of RFC 6455 refuses. It is cut; `[dev] lenient_frames = true` sends all of it.
    """
    reason = failure.reason if is_lenient else failure.reason[:_REASON_BYTES_MAX]
    return Close(failure.code, reason)


def _only_compressed(data: bytes) -> bool:
    """Whether the first frame with a reserved bit has the compression bit alone.

    aiohttp does not tell the bits apart. It is known only where `data` begins with a frame, which
    is as good as always; otherwise the reason names the wrong bits.
    """
    at = 0
    while at + 1 < len(data):
        if data[at] & _RESERVED:
            return data[at] & _RESERVED == _COMPRESSED
        length, second = data[at + 1] & 0x7F, data[at + 1]
        extra = 2 if length == 126 else 8 if length == 127 else 0
        if extra:
            length = int.from_bytes(data[at + 2 : at + 2 + extra])
        at += 2 + extra + (4 if second & 0x80 else 0) + length
    return False
