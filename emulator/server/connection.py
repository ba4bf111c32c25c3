"""A taken-over WebSocket connection: frames in, frames out, and its end.

What is read waits for the end of the loop's round, and so does what is written (connections.py).

Source: spec performance §3, §9; websockets §1.6, §1.7, §2.4, §4.1.
"""

from __future__ import annotations

import asyncio
import os
from contextvars import Context
from enum import Enum
from typing import TYPE_CHECKING, Final

from aiohttp.http_websocket import WebSocketError

from emulator.core.sockets import (
    UNSENT_BYTES_MAX,
    UNSENT_BYTES_WARN,
    Close,
    Disconnect,
    Failure,
)
from emulator.server.frames import close_frame, pong_frame
from emulator.server.messages import MessageReader, Refused
from emulator.server.reading import descriptor_of
from emulator.server.refusals import refusing_close, translate
from emulator.server.unsent import Unsent, payload_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.server.connections import Connections
    from emulator.server.handshake import Deflate
    from emulator.server.takeover import FrameParser

__all__ = ["LINGER_S", "Connection"]

MESSAGES_WAITING_MAX: Final = 1024  # of all connections
_NO_CODE: Final = 1005
LINGER_S: Final = 1.0  # how long a client may take to end its side


class _Ending(Enum):
    """How far a connection is with its end."""

    NO = "no"
    FINISH = "finish"  # both Closes are through
    ABORT = "abort"  # there is no Close
    DONE = "done"  # the transport knows


class Connection(asyncio.Protocol):
    """One connection; the wire of its end."""

    __slots__ = ("_deflate", "_encode", "_end", "_ending", "_fd", "_group", "_is_closed", "_is_ending",
                 "_is_half_open", "_is_stuck", "_linger", "_messages", "_out", "_parser", "_transport", "_unsent",
                 "close_code", "on_end")  # fmt: skip

    def __init__(
        self,
        group: Connections,
        transport: asyncio.Transport,
        end: WebSocketEnd,
        deflate: Deflate | None,
    ) -> None:
        self._group = group
        self._transport = transport
        self._end = end
        self._deflate = deflate
        self._encode = group.encoder.encode
        self._messages: MessageReader | None = MessageReader(
            deflate,
            is_lenient=group.is_lenient,
            queue=group.messages,
            end=end.peer,
            on_ping=self._ping,
            on_end=self._close_received,
        )
        self._parser: FrameParser | None = group.open_parser(
            self._messages.frame, compresses=deflate is not None
        )
        self._fd = descriptor_of(transport)
        self._out: list[bytes] = []
        self._ending = _Ending.NO
        self._is_ending = False  # nothing more is written
        self._is_closed = False  # the client has sent its Close: nothing more is read
        self._is_half_open = False  # ... and has ended its side
        self._is_stuck = transport.get_write_buffer_size() > 0  # the client does not read
        self._unsent: Unsent | None = None  # of a stuck one
        self._linger: asyncio.TimerHandle | None = None
        self.close_code: int | None = None  # of the first Close, whoever sent it
        self.on_end: Callable[[int | None], None] | None = None  # the connection has ended
        # With a limit of 0 the transport says when anything is unsent, and when all is sent.
        transport.set_write_buffer_limits(high=0)

    # --- what arrives ----------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Find the frames of what was read. Messages wait for the end of the round."""
        parser, messages = self._parser, self._group.messages
        if parser is None:
            return  # what follows a Close is ignored
        if parser.feed_data(data)[0]:
            messages.deliver()
            self._refused(self._group.failure_of(parser), data)
        elif len(messages.waiting) > MESSAGES_WAITING_MAX:
            messages.deliver()

    def data_received(self, data: bytes) -> None:
        group = self._group
        group.begin()
        try:
            self.take(data)
        finally:
            group.handle()
        # From now on; a connection that never says anything costs nothing.
        if self._transport.is_reading() and not self._is_ending:
            group.reader.watch(self._transport, self)

    def let_asyncio_read(self) -> None:
        """It finds the end of the stream, or what went wrong."""
        self._group.reader.leave(self._transport)
        self._transport.resume_reading()

    def _ping(self, payload: bytes) -> None:
        self._group.messages.deliver()
        if not self._is_closed:
            self.write(pong_frame(payload))

    def _close_received(self, close: Close) -> None:
        self._group.messages.deliver()
        if not self._is_closed:
            self._stop_reading()
            self._note(close)
            self._end.from_wire(close)

    def _note(self, close: Close) -> None:
        if self.close_code is None:
            self.close_code = _NO_CODE if close.code is None else close.code

    def _stop_reading(self) -> None:
        self._is_closed = True
        self._parser = self._messages = None

    def _refused(self, exc: BaseException, data: bytes) -> None:
        if self._is_closed:
            return
        if isinstance(exc, Refused):
            found: Close | Failure = exc.failure
        elif isinstance(exc, WebSocketError):
            assert self._messages is not None, "frames are still read"
            found = translate(exc, self._messages.room_bytes, data)
        else:
            self.abort()
            raise exc
        if isinstance(found, Close):
            self._close_received(found)
            return
        self._stop_reading()
        self.write(close_frame(refusing_close(found, is_lenient=self._group.is_lenient)))
        self._end.from_wire(found)
        self.finish()

    def eof_received(self) -> bool:
        # A client that has sent its Close may end its side and still wait for the answer.
        self._is_half_open = self._is_closed and not self._is_ending
        return self._is_half_open

    def connection_lost(self, exc: BaseException | None) -> None:
        del exc
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        group, end = self._group, self._end
        self._stop_reading()
        self._ending = _Ending.DONE
        self._is_ending = True
        self._out.clear()
        self._unsent = None
        if self._is_stuck:
            self.resume_writing()
        group.discard(self)
        group.reader.leave(self._transport)
        self._fd = None  # it will be somebody else's
        group.begin()
        try:
            end.from_wire(Disconnect())
        finally:
            group.flush()
        if self.on_end is not None:
            self.on_end(self.close_code)

    # --- what leaves -----------------------------------------------------------------------

    def send(self, message: str | bytes) -> None:
        if self._is_ending:
            return
        out = self._out
        if not out:
            self._group.add(self)
        out.append(self._encode(message, self._deflate))

    def send_close(self, close: Close) -> None:
        self._note(close)
        self.write(close_frame(close))

    def write(self, frame: bytes) -> None:
        """Have `frame` written with the batch."""
        out = self._out
        if out:
            if not self._is_ending:
                out.append(frame)
        elif not self._is_ending:
            out.append(frame)
            self._group.add(self)

    def finish(self) -> None:
        """Both Closes are through: end the connection after what is still to be written."""
        self._end_with(_Ending.FINISH)

    def abort(self) -> None:
        """End the connection without a Close frame; what was sent before still goes out."""
        self._end_with(_Ending.ABORT)

    def _end_with(self, ending: _Ending) -> None:
        if not self._is_ending:
            self._is_ending = True
            self._ending = ending
            if not self._out:
                self._group.add(self)

    def flush(self) -> None:
        """Write what is gathered. Never called from inside an object."""
        out = self._out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            # What the transport would do, where it has nothing unsent. One that has failed ignores
            # what it is given; one that we have ended gets nothing any more.
            written = 0
            if self._fd is not None and not self._is_stuck:
                try:
                    written = os.write(self._fd, data)
                except OSError:
                    written = 0  # full, or broken: the transport finds out
            if written < len(data):
                self._transport.write(memoryview(data)[written:] if written else data)
                if self._is_stuck:
                    self._count_unsent(out)
            out.clear()
        if self._is_ending:
            self._end_now()

    def _end_now(self) -> None:
        ending, self._ending = self._ending, _Ending.DONE
        transport = self._transport
        if ending is _Ending.DONE or transport.is_closing():
            return
        if ending is _Ending.FINISH and not self._is_half_open:
            # Closing at once would reset the connection if anything were unread, and the client
            # might lose the Close: it gets the end of the stream, and its time.
            try:
                transport.write_eof()
            except OSError:  # the client is gone already, and the loop will say so
                transport.abort()
                return
        else:
            self._group.reader.leave(transport)
            transport.close()
        self._linger = self._group.loop.call_later(LINGER_S, transport.abort, context=Context())

    # --- back-pressure ---------------------------------------------------------------------

    def pause_writing(self) -> None:
        self._is_stuck = True
        self._end.note_unsent(is_unsent=True)

    def resume_writing(self) -> None:
        self._is_stuck = False
        self._unsent = None
        self._end.note_unsent(is_unsent=False)

    def _count_unsent(self, frames: list[bytes]) -> None:
        """Note the frames of a write that did not go out, and hold the client to the limits."""
        if self._unsent is None:
            self._unsent = Unsent()
        written = self._unsent.add(frames)
        buffered = self._transport.get_write_buffer_size()
        if buffered > UNSENT_BYTES_MAX:
            # DIFFERS: the platform queues until the isolate is out of memory.
            self._transport.abort()
        elif buffered - written <= UNSENT_BYTES_WARN < buffered:
            self._group.warn(
                f"A WebSocket client does not read: {buffered >> 20} MiB wait for it. Its "
                f"connection is cut when it is {UNSENT_BYTES_MAX >> 20} MiB."
            )

    @property
    def unsent_bytes(self) -> int:
        """Payload bytes of the messages that are not wholly written."""
        waiting = sum(map(payload_size, self._out))
        if self._unsent is None:
            return waiting
        return waiting + self._unsent.payload_bytes(self._transport.get_write_buffer_size())

    def pause_reading(self) -> None:
        """Let the client wait: its object is busy."""
        if not self._transport.is_closing():
            self._group.reader.leave(self._transport)

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._group.reader.watch(self._transport, self)
