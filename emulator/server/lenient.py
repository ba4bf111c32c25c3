"""A frame parser as tolerant as the platform's: `[dev] lenient_frames = true`.

It takes control frames of any length and finds fault only where the platform does. It is written
in Python and meant for comparing, not for speed.

Source: spec websockets §1.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.sockets import MESSAGE_BYTES_MAX, Failure
from emulator.server.frames import BINARY, CLOSE, PONG
from emulator.server.messages import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LenientParser"]

_KNOWN: Final = frozenset({*range(BINARY + 1), *range(CLOSE, PONG + 1)})
_LENGTH_BYTES: Final = {126: 2, 127: 8}


class LenientParser:
    """Finds frames in a stream of bytes; `failure` is why it stopped."""

    def __init__(self, on_frame: Callable[[bool, int, bytes | bytearray, bool], None]) -> None:
        self._on_frame = on_frame
        self._buffer = bytearray()
        self._is_compressed = False  # of the message that the frames belong to
        self._has_failed = False
        self.failure: BaseException

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes. The first part of the answer is true once a frame was refused."""
        if not self._has_failed:
            self._buffer += data
            try:
                while self._take_frame():
                    pass
            except Exception as exc:
                self._has_failed = True
                self.failure = exc
        return self._has_failed, b""

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        first, second = buffer[0], buffer[1]
        opcode = first & 0x0F
        _check_head(first, opcode)
        length, at = second & 0x7F, 2
        extra = _LENGTH_BYTES.get(length, 0)
        if len(buffer) < at + extra:
            return False
        if extra:
            length = int.from_bytes(buffer[at : at + extra])
            at += extra
        key = b""
        if second & 0x80:
            if len(buffer) < at + 4:
                return False
            key = bytes(buffer[at : at + 4])
            at += 4
        if length > MESSAGE_BYTES_MAX:
            raise Refused(Failure(1009, f"Message is too large: {length} > {MESSAGE_BYTES_MAX}"))
        if len(buffer) < at + length:
            return False
        payload = _unmask(bytes(buffer[at : at + length]), key)
        del buffer[: at + length]
        if opcode and opcode <= BINARY:
            self._is_compressed = bool(first & 0x40)
        self._on_frame(bool(first & 0x80), opcode, payload, self._is_compressed)
        return True


def _check_head(first: int, opcode: int) -> None:
    if first & 0x30:
        raise Refused(Failure(1002, "Received frame had RSV bits 2 or 3 set"))
    if opcode not in _KNOWN:
        raise Refused(Failure(1002, f"Unknown opcode {opcode}"))
    if opcode >= CLOSE and not first & 0x80:
        raise Refused(Failure(1002, "Received fragmented control frame"))


def _unmask(payload: bytes, key: bytes) -> bytes:
    if not any(key):
        return payload
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)
