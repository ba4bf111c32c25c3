"""Reads the connections of one server, all that have something in one callback of the loop.

asyncio has a callback, a handle and five frames for every socket that can be read. These sockets are
watched by an epoll of their own, which the loop watches as if it were a socket: a round reads one
after the other, and then handles what came. Their transports are paused for asyncio meanwhile. The
end of a stream and whatever goes wrong is left to asyncio, by letting it read again.

Where there is no epoll, asyncio reads.

Source: spec performance §3, §9.
"""

from __future__ import annotations

import contextlib
import os
import select
from contextvars import Context
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.server.connection import Connection

__all__ = ["Reader", "descriptor_of"]

READ_BYTES: Final = 1 << 16
READS_MAX: Final = 256  # of one round
EPOLL: Final = getattr(select, "epoll", None)
_READABLE: Final = getattr(select, "EPOLLIN", 0)


class Reader:
    """Hands what arrives to `Connection.take`, and says when a round begins and is over."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        begin: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._begin = begin
        self._end = end
        self._connections: dict[int, Connection] = {}
        self._epoll = None if EPOLL is None else EPOLL()
        if self._epoll is not None:
            Context().run(loop.add_reader, self._epoll.fileno(), self._read_round)

    def close(self) -> None:
        """Read nothing more."""
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def watch(self, transport: asyncio.Transport, connection: Connection) -> None:
        """Read `transport` from now on."""
        fd = descriptor_of(transport)
        if self._epoll is None or fd is None:
            if not transport.is_reading():
                Context().run(transport.resume_reading)
            return
        if transport.is_reading():
            transport.pause_reading()
        self._connections[fd] = connection
        with contextlib.suppress(FileExistsError):  # it is read already
            self._epoll.register(fd, _READABLE)

    def leave(self, transport: asyncio.Transport) -> None:
        """Do not read `transport` any more."""
        fd = descriptor_of(transport)
        if (
            fd is not None
            and self._connections.pop(fd, None) is not None
            and self._epoll is not None
        ):
            with contextlib.suppress(OSError):  # it was closed already
                self._epoll.unregister(fd)
        elif transport.is_reading():
            transport.pause_reading()

    def _read_round(self) -> None:
        assert self._epoll is not None, "the loop watches it"
        connections = self._connections
        self._begin()
        try:
            for fd, _ in self._epoll.poll(0, READS_MAX):
                connection = connections.get(fd)
                if connection is None:
                    continue  # one that was read before has ended it
                try:
                    data = os.read(fd, READ_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if data:
                    connection.take(data)
                else:
                    connection.let_asyncio_read()
        finally:
            self._end()


def descriptor_of(transport: asyncio.Transport) -> int | None:
    """The socket's; None if what it carries is not what is read and written, or if it is closed."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    sock = transport.get_extra_info("socket")
    fd: int = -1 if sock is None else sock.fileno()
    return None if fd < 0 else fd
