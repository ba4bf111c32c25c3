"""Frames on their way out: headers, compression, and the one encoding of a broadcast.

The last message is kept with its frame: a loop that sends the same text to a thousand sockets
encodes and compresses it once. That is only right because messages are immutable.

Source: RFC 6455 §5.2, RFC 7692 §7.2.1; spec performance §3, §6.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

from emulator.core.sockets import encode_text

if TYPE_CHECKING:
    from emulator.core.sockets import Close
    from emulator.server.handshake import Deflate

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "FrameEncoder",
    "close_frame",
    "pong_frame",
]

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
_EMPTY_BLOCK: Final = b"\0\0\xff\xff"  # the end of a flush, which is not sent
_NO_MESSAGE: Final = object()
_SHORT_TEXT: Final = tuple(bytes((_FINAL | TEXT, size)) for size in range(126))


class FrameEncoder:
    """Turns messages into frames for every connection of a server."""

    __slots__ = ("_compressed", "_compressors", "_frame", "_message")

    def __init__(self) -> None:
        self._message: object = _NO_MESSAGE
        self._frame = b""
        self._compressed: dict[int, bytes] = {}  # by window bits, of the same message
        self._compressors: dict[int, Any] = {}

    def encode(self, message: str | bytes, deflate: Deflate | None) -> bytes:
        """The frame of `message`, compressed if that was agreed."""
        if deflate is None:
            if message is self._message:
                return self._frame or self._plain(message)
            # In line, without calls: every message that is no broadcast passes here.
            self._message = message
            if self._compressed:
                self._compressed.clear()
            if type(message) is str:
                try:
                    payload = message.encode()
                except UnicodeEncodeError:
                    payload = encode_text(message)
                size = len(payload)
                if size < 126:
                    self._frame = frame = _SHORT_TEXT[size] + payload
                    return frame
            return self._plain(message)
        self._remember(message)
        packed = self._compressed.get(deflate.window_bits)
        if packed is None:
            packed = self._compress(message, deflate.window_bits)
            self._compressed[deflate.window_bits] = packed
        return packed

    def _plain(self, message: str | bytes) -> bytes:
        opcode, payload = _payload(message)
        self._frame = frame = _head(_FINAL | opcode, len(payload)) + payload
        return frame

    def _remember(self, message: str | bytes) -> None:
        if message is not self._message:
            self._message = message
            self._frame = b""
            if self._compressed:
                self._compressed.clear()

    def _compress(self, message: str | bytes, window_bits: int) -> bytes:
        compressor = self._compressors.get(window_bits)
        if compressor is None:
            compressor = zlib.compressobj(level=zlib.Z_BEST_SPEED, wbits=-window_bits)
            self._compressors[window_bits] = compressor
        opcode, payload = _payload(message)
        # A full flush forgets what came before, so one compressor serves every connection: no
        # message refers back to another.
        packed = compressor.compress(payload) + compressor.flush(zlib.Z_FULL_FLUSH)
        packed = packed.removesuffix(_EMPTY_BLOCK) or b"\0"
        return _head(_FINAL | _COMPRESSED | opcode, len(packed)) + packed


def _payload(message: str | bytes) -> tuple[int, bytes]:
    return (TEXT, encode_text(message)) if isinstance(message, str) else (BINARY, message)


def close_frame(close: Close) -> bytes:
    """The frame of a Close. A reason may be longer than 123 bytes on older dates (spec §1.7)."""
    payload = b""
    if close.code is not None:
        payload = struct.pack("!H", close.code) + encode_text(close.reason)
    return _head(_FINAL | CLOSE, len(payload)) + payload


def pong_frame(payload: bytes) -> bytes:
    return _head(_FINAL | PONG, len(payload)) + payload


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)
