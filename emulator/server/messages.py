"""Frames on their way in: a connection's frames become messages, pings and at most one end.

Source: spec websockets §1.6; RFC 6455 §5.4, §8.1; RFC 7692 §7.2.2.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from emulator.core.sockets import MESSAGE_BYTES_MAX, Close, Failure, parse_close
from emulator.server.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT
from emulator.server.refusals import NOT_NEGOTIATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.messages import MessageQueue
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.server.handshake import Deflate

__all__ = ["BAD_UTF8", "TOO_LARGE", "MessageReader", "Refused"]

WAITING_SIZE_MAX: Final = 4096  # of a message that waits for others of the same round
_EMPTY_BLOCK: Final = b"\0\0\xff\xff"  # the end of a flush, which was not sent
BAD_UTF8: Final = Failure(1007, "Invalid UTF-8 in text frame")
TOO_LARGE: Final = Failure(1009, "Message is too large")  # once it is inflated
_NOT_STARTED: Final = Failure(1002, "Unexpected continuation frame")
_NOT_ENDED: Final = Failure(1002, "Missing continuation frame")
_BAD_DEFLATE: Final = Failure(1002, "Invalid compressed data")


class Refused(Exception):  # noqa: N818  # it is the platform's word on a frame, not a mistake
    """The peer broke the protocol. `failure` is what it is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class MessageReader:
    """Joins the frames of one connection. `frame` is called with each, unmasked.

    Messages go into the queue of all connections. Whoever is told of anything else delivers
    them first.
    """

    __slots__ = ("_add", "_deflate", "_end", "_inflater", "_is_lenient", "_on_end", "_on_ping",
                 "_opcode", "_parts", "_parts_bytes", "_queue")  # fmt: skip

    def __init__(
        self,
        deflate: Deflate | None,
        *,
        is_lenient: bool,
        queue: MessageQueue,
        end: WebSocketEnd,
        on_ping: Callable[[bytes], None],
        on_end: Callable[[Close], None],
    ) -> None:
        """Args:
        end: receives the messages.
        """
        self._deflate = deflate
        self._is_lenient = is_lenient
        self._queue = queue
        self._add = queue.waiting.append
        self._end = end
        self._on_ping = on_ping
        self._on_end = on_end
        self._inflater: Any = None
        self._opcode: int | None = None  # of a message that has begun
        self._parts: list[bytes | bytearray] | None = None
        self._parts_bytes = 0

    @property
    def room_bytes(self) -> int:
        """How large the next frame may be."""
        return MESSAGE_BYTES_MAX - self._parts_bytes

    def frame(
        self, is_final: bool, opcode: int, payload: bytes | bytearray, is_compressed: bool
    ) -> None:
        """Take one frame.

        Raises:
            Refused: it must not come here.
        """
        if opcode == TEXT and is_final and not is_compressed and self._opcode is None:
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                text = self._repaired(payload)
            self._add((self._end, text))
        elif opcode <= BINARY:
            self._data(is_final, opcode, payload, is_compressed)
        elif opcode == PING:
            self._on_ping(bytes(payload))
        elif opcode == CLOSE:
            self._on_end(parse_close(bytes(payload)))

    def _data(
        self, is_final: bool, opcode: int, payload: bytes | bytearray, is_compressed: bool
    ) -> None:
        if is_compressed and self._deflate is None:
            raise Refused(NOT_NEGOTIATED)
        if opcode == CONTINUATION:
            if self._opcode is None:
                raise Refused(_NOT_STARTED)
            opcode = self._opcode
        elif self._opcode is not None:
            raise Refused(_NOT_ENDED)
        if len(payload) > self.room_bytes:
            raise Refused(
                Failure(1009, f"Message is too large: {len(payload)} > {self.room_bytes}")
            )
        if not is_final or self._parts is not None:
            self._opcode = opcode
            if self._parts is None:
                self._parts = []
            self._parts.append(payload)
            self._parts_bytes += len(payload)
            if not is_final:
                return
            payload = b"".join(self._parts)
            self._opcode = self._parts = None
            self._parts_bytes = 0
        self._whole(opcode, self._inflated(payload) if is_compressed else payload)

    def _whole(self, opcode: int, payload: bytes | bytearray) -> None:
        message: str | bytes
        if opcode == BINARY:
            message = bytes(payload)
        else:
            try:
                message = payload.decode()
            except UnicodeDecodeError:
                message = self._repaired(payload)
        self._add((self._end, message))
        if len(message) > WAITING_SIZE_MAX:
            # A few bytes may have been inflated to many: they do not wait for more of their kind.
            self._queue.deliver()

    def _repaired(self, payload: bytes | bytearray) -> str:
        # DIFFERS: the platform puts U+FFFD in place of what is no UTF-8; RFC 6455 ends the
        # connection. The platform's way is `[dev] lenient_frames = true`.
        if not self._is_lenient:
            raise Refused(BAD_UTF8)
        return payload.decode("utf-8", "replace")

    def _inflated(self, payload: bytes | bytearray) -> bytes:
        assert self._deflate is not None, "only an agreed compression is undone"
        inflater = self._inflater
        if inflater is None:
            # The largest window reads what was written with any smaller one.
            inflater = zlib.decompressobj(wbits=-15)
            if not self._deflate.client_forgets:
                self._inflater = inflater
        try:
            message: bytes = inflater.decompress(payload + _EMPTY_BLOCK, MESSAGE_BYTES_MAX + 1)
        except zlib.error:
            raise Refused(_BAD_DEFLATE) from None
        if len(message) > MESSAGE_BYTES_MAX:
            raise Refused(TOO_LARGE)
        if inflater.eof:
            # A final block ended the stream: the next message begins another (RFC 7692 §7.2.3.5).
            self._inflater = None
        return message
