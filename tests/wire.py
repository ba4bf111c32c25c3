"""A WebSocket and HTTP client that hides nothing: raw frames over asyncio streams.

Ordinary clients answer pings, check close codes and refuse to send broken frames. This one sends
what it is told and reports what came, so that a test can claim the exact bytes of both directions.
Everything that waits has a time limit in seconds and raises TimeoutError when it has passed.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

TIMEOUT_S: Final = 5.0
MASK: Final = b"\x37\xfa\x21\x3d"  # RFC 6455's example; a client's frames must be masked
KEY: Final = base64.b64encode(b"a sixteen b key!").decode()
DEFLATE_TAIL: Final = b"\x00\x00\xff\xff"  # RFC 7692 §7.2.1: left out on the wire
FIN: Final = 0x80
RSV1: Final = 4  # of the three reserved bits, read as one number


class Opcode(IntEnum):
    """The opcodes of RFC 6455 §5.2."""

    CONT = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """One received frame. `payload` is inflated when the frame came compressed (rsv is 4)."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def text(self) -> str:
        return self.payload.decode()

    @property
    def close_code(self) -> int | None:
        """The code of a Close frame; None when it is empty."""
        return int.from_bytes(self.payload[:2]) if self.payload else None

    @property
    def close_reason(self) -> str:
        return self.payload[2:].decode()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status line, the headers and, unless the connection was upgraded, the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case; None if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        return self.body.decode()


def pack_frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A masked frame as bytes; nothing is checked."""
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return pack_header(opcode, len(payload), fin=fin, rsv=rsv) + masked


def pack_header(opcode: int, payload_bytes: int, *, fin: bool = True, rsv: int = 0) -> bytes:
    """A masked frame's header, its mask included, for a payload of that size."""
    first = (FIN if fin else 0) | rsv << 4 | opcode
    if payload_bytes < 126:
        size = struct.pack("!BB", first, 0x80 | payload_bytes)
    elif payload_bytes < 65536:
        size = struct.pack("!BBH", first, 0x80 | 126, payload_bytes)
    else:
        size = struct.pack("!BBQ", first, 0x80 | 127, payload_bytes)
    return size + MASK


def pack_close(code: int | None, reason: str = "") -> bytes:
    """A Close frame's payload; without a code it is empty."""
    return b"" if code is None else code.to_bytes(2) + reason.encode()


class WireSocket:
    """A connection that asked for an upgrade. `answer` says what the server made of that.

    Use `connect()` to make one. If the answer's status is not 101 the body has been read and the
    connection is closed; otherwise frames may be sent and received.
    """

    def __init__(
        self, answer: HttpAnswer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.answer = answer
        self._reader = reader
        self._writer = writer
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def send_bytes(self, data: bytes) -> None:
        """Puts bytes on the wire as they are."""
        self._writer.write(data)

    def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0
    ) -> None:
        self._writer.write(pack_frame(opcode, payload, fin=fin, rsv=rsv))

    def send_header(self, opcode: int, payload_bytes: int) -> None:
        """Announces a frame of that size and sends none of it."""
        self._writer.write(pack_header(opcode, payload_bytes))

    def send_text(self, text: str, *, compress: bool = False) -> None:
        payload = text.encode()
        if compress:
            packed = self._deflater.compress(payload) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
            self.send_frame(Opcode.TEXT, packed.removesuffix(DEFLATE_TAIL), rsv=RSV1)
        else:
            self.send_frame(Opcode.TEXT, payload)

    def send_binary(self, payload: bytes) -> None:
        self.send_frame(Opcode.BINARY, payload)

    def send_close(self, code: int | None = None, reason: str = "") -> None:
        self.send_frame(Opcode.CLOSE, pack_close(code, reason))

    def send_ping(self, payload: bytes = b"") -> None:
        self.send_frame(Opcode.PING, payload)

    async def next_frame(self, timeout_s: float = TIMEOUT_S) -> Frame | None:
        """The next frame, of whatever kind; None when the server has ended the connection."""
        async with asyncio.timeout(timeout_s):
            try:
                return await self._read_frame()
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def drain(self) -> None:
        """Wait until the server has taken most of what was sent."""
        await self._writer.drain()

    def half_close(self) -> None:
        """Ends our direction (FIN) and keeps reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Drops the connection with an RST, as a crashed client's machine would."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def aclose(self) -> None:
        """Closes the TCP connection without a Close frame. Any number of times."""
        await _aclose(self._writer)

    async def _read_frame(self) -> Frame:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self._reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self._reader.readexactly(8))
        assert second < 0x80, "a server's frames are not masked"
        payload = await self._reader.readexactly(size)
        rsv = first >> 4 & 7
        if rsv == RSV1:
            payload = self._inflater.decompress(payload + DEFLATE_TAIL)
        return Frame(first & 0x0F, payload, fin=first >= FIN, rsv=rsv)


async def connect(
    host: str,
    port: int,
    path: str,
    *,
    method: str = "GET",
    upgrade: str = "websocket",
    version: str = "13",
    key: str | None = KEY,
    headers: tuple[tuple[str, str], ...] = (),
    timeout_s: float = TIMEOUT_S,
) -> WireSocket:
    """Asks for an upgrade, in good or (with the options) in bad form. A key of None is left out.

    Raises: OSError if nobody listens; TimeoutError.
    """
    asked = [("Upgrade", upgrade), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", version)]
    if key is not None:
        asked.append(("Sec-WebSocket-Key", key))
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(_pack_request(host, port, method, path, (*asked, *headers)))
            answer = await _read_answer(reader, has_body=method != "HEAD")
        except BaseException:
            await _aclose(writer)
            raise
        if answer.status != 101:
            await _aclose(writer)
        return WireSocket(answer, reader, writer)


async def request(
    host: str,
    port: int,
    method: str,
    path: str,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> HttpAnswer:
    """One plain HTTP request on a connection of its own.

    Raises: OSError if nobody listens; TimeoutError.
    """
    length = (("Content-Length", str(len(body))),) if body or method == "POST" else ()
    asked = (("Connection", "close"), *length, *headers)
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(_pack_request(host, port, method, path, asked) + body)
            return await _read_answer(reader, has_body=method != "HEAD")
        finally:
            await _aclose(writer)


def _pack_request(
    host: str, port: int, method: str, path: str, headers: tuple[tuple[str, str], ...]
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_answer(reader: asyncio.StreamReader, *, has_body: bool) -> HttpAnswer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    answer = HttpAnswer(int(status_line.split(" ")[1]), headers)
    if answer.status == 101 or not has_body:
        return answer
    return HttpAnswer(answer.status, headers, await _read_body(reader, answer))


async def _read_body(reader: asyncio.StreamReader, answer: HttpAnswer) -> bytes:
    length = answer.header("Content-Length")
    if length is not None:
        return await reader.readexactly(int(length))
    if answer.header("Transfer-Encoding") != "chunked":
        return await reader.read()
    chunks: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    return b"".join(chunks)


async def _aclose(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return  # The other side was quicker: closed is closed.
