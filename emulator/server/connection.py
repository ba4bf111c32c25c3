"""A taken-over WebSocket connection: frames in, frames out, and its end.

Events run straight from `data_received`. What they send is gathered and written once per socket
when the batch that was read has been dealt with; what is sent at any other time is written in the
loop's next turn. Everything that touches the transport happens in `flush`, outside every object:
the loop would run a transport's callbacks in the context that scheduled them, and an object's
gate would hold them.

Source: spec performance §3, §9; websockets §1.6, §1.7, §2.4, §4.1.
"""

from __future__ import annotations

import asyncio
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
from emulator.server.frames import FrameEncoder, close_frame, pong_frame
from emulator.server.lenient import LenientParser
from emulator.server.messages import MessageReader, Refused
from emulator.server.refusals import translate
from emulator.server.takeover import Parsers
from emulator.server.unsent import Unsent, payload_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from emulator.runtime.websocket import WebSocketEnd
    from emulator.server.handshake import Deflate
    from emulator.server.takeover import FrameParser

__all__ = ["Connection", "Connections"]

_NO_CODE: Final = 1005
_LINGER_S: Final = 1.0  # how long a client may take to end its side


class _Ending(Enum):
    """How far a connection is with its end."""

    NO = "no"
    FINISH = "finish"  # both Closes are through
    ABORT = "abort"  # there is no Close
    DONE = "done"  # the transport knows


class Connections:
    """The taken-over connections of one server: what they share, and the batch they are in."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        is_lenient: bool,
        warn: Callable[[str], None],
    ) -> None:
        """Args:
        is_lenient: bad UTF-8 and long control frames pass, as on the platform.
        warn: tells the developer of a client that does not read.
        """
        self.loop = loop
        self.is_lenient = is_lenient
        self.warn = warn
        self.encoder = FrameEncoder()
        self._parsers = Parsers(loop)
        self._open: set[Connection] = set()
        self._unflushed: list[Connection] = []
        self._is_batching = False
        self._is_scheduled = False
        # asyncio's own queue of what is due in this round; without one nothing seems to wait.
        self._ready: Sized = getattr(loop, "_ready", ())
        self._all_gone: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def open(
        self, transport: asyncio.Transport, head: bytes, end: WebSocketEnd, deflate: Deflate | None
    ) -> Connection:
        """Carry frames between `transport` and `end`, beginning with the answer `head`."""
        connection = Connection(self, transport, end, deflate)
        self._open.add(connection)
        connection.write(head)
        return connection

    def open_parser(self, on_frame: Callable[..., None], *, compresses: bool) -> FrameParser:
        if self.is_lenient:
            return LenientParser(on_frame)
        return self._parsers.open(on_frame, compresses=compresses)

    def failure_of(self, parser: object) -> BaseException:
        if isinstance(parser, LenientParser):
            return parser.failure
        return self._parsers.take_failure()

    # --- batches ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Gather what is sent, until `flush`."""
        self._is_batching = True

    def add(self, connection: Connection) -> None:
        """`connection` has something to write."""
        self._unflushed.append(connection)
        if not (self._is_batching or self._is_scheduled):
            self._is_scheduled = True
            self.loop.call_soon(self._flush_scheduled, context=Context())

    def end(self) -> None:
        """Write what was gathered, unless more has been read that is still to be dealt with.

        Then all is written after the last of it: a client that is woken for every answer by
        itself takes the processor from the server, and asks one by one.
        """
        waiting = len(self._ready) - self._is_scheduled
        if waiting <= 0:
            self.flush()
            return
        self._is_batching = False
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._flush_scheduled, context=Context())

    def flush(self) -> None:
        """Write what was gathered, once per connection."""
        self._is_batching = False
        unflushed, self._unflushed = self._unflushed, []
        for connection in unflushed:
            connection.flush()

    def _flush_scheduled(self) -> None:
        self._is_scheduled = False
        self.flush()

    # --- shutdown --------------------------------------------------------------------------

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)

    async def close(self) -> None:
        """End every connection: the server stops. aiohttp does not know them any more."""
        for connection in list(self._open):
            connection.abort()
        self.flush()
        if self._open:
            self._all_gone = self.loop.create_future()
            await asyncio.wait([self._all_gone], timeout=2 * _LINGER_S)


class Connection(asyncio.Protocol):
    """One connection; the wire of its end."""

    __slots__ = ("_deflate", "_end", "_ending", "_group", "_is_closed", "_is_ending",
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
        self._messages: MessageReader | None = MessageReader(
            deflate,
            is_lenient=group.is_lenient,
            on_message=end.peer.receive,
            on_ping=self._ping,
            on_end=self._close_received,
        )
        self._parser: FrameParser | None = group.open_parser(
            self._messages.frame, compresses=deflate is not None
        )
        self._out: list[bytes] = []
        self._ending = _Ending.NO
        self._is_ending = False  # nothing more is written
        self._is_closed = False  # the client has sent its Close: nothing more is read
        self._is_half_open = False  # ... and has ended its side
        self._is_stuck = False  # the client does not read
        self._unsent: Unsent | None = None  # of a stuck one
        self._linger: asyncio.TimerHandle | None = None
        self.close_code: int | None = None  # of the first Close, whoever sent it
        self.on_end: Callable[[int | None], None] | None = None  # the connection has ended
        # With a limit of 0 the transport says when anything is unsent, and when all is sent.
        transport.set_write_buffer_limits(high=0)

    # --- what arrives ----------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return  # what follows a Close is ignored
        group = self._group
        group.begin()
        try:
            if parser.feed_data(data)[0]:
                self._refused(group.failure_of(parser), data)
        finally:
            group.end()

    def _ping(self, payload: bytes) -> None:
        if not self._is_closed:
            self.write(pong_frame(payload))

    def _close_received(self, close: Close) -> None:
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
        self.write(close_frame(Close(found.code, found.reason)))
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
        group = self._group
        out = self._out
        if not out:
            group.add(self)
        out.append(group.encoder.encode(message, self._deflate))

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
        out, transport = self._out, self._transport
        if out:
            if not transport.is_closing():
                transport.write(out[0] if len(out) == 1 else b"".join(out))
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
            transport.close()
        self._linger = self._group.loop.call_later(_LINGER_S, transport.abort, context=Context())

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
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            Context().run(self._transport.resume_reading)
