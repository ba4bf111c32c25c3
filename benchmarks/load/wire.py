"""Bytes of the load client: WebSocket frames and HTTP answers. Pure."""

from __future__ import annotations

from typing import Final

TEXT: Final = 0x81
BINARY: Final = 0x82
CLOSE: Final = 0x88


class LoadError(Exception):
    """The server did what it should not; the load is worthless."""


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One final frame, masked as a client's must be.

    The key is zero, which leaves the payload as it is: the server unmasks at full cost, and the
    client can send the same bytes again and again.
    """
    size = len(payload)
    if size < 126:
        head = bytes((opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((opcode, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((opcode, 0x80 | 127)) + size.to_bytes(8)
    return head + b"\0\0\0\0" + payload


def header(buffer: bytes, start: int) -> tuple[int, int] | None:
    """The payload's start and end of the server's frame at `start`; None if bytes are missing."""
    available = len(buffer) - start
    if available < 2:
        return None
    size = buffer[start + 1]
    if size < 126:
        begin = start + 2
    elif size == 126:
        begin = start + 4
        size = int.from_bytes(buffer[start + 2 : begin])
    else:
        begin = start + 10
        size = int.from_bytes(buffer[start + 2 : begin])
    if available < begin - start + size:
        return None
    return begin, begin + size


def count_frames(buffer: bytes, expected: bytes) -> tuple[int, int]:
    """How many whole data frames the buffer starts with, and how many bytes they are.

    The first one must begin with `expected`; looking at each would cost more than it tells.
    Raises: LoadError.
    """
    first = header(buffer, 0)
    if first is None:
        return 0, 0
    begin, position = first
    if not buffer.startswith(expected, begin):
        raise LoadError(f"expected {expected!r} ..., got {buffer[:position][:200]!r}")
    count, end = 1, len(buffer)
    while position < end:
        if buffer[position] not in (TEXT, BINARY):
            raise LoadError(f"unexpected frame {buffer[position : position + 40]!r}")
        # The short header in line: this loop is the client's cost per message.
        if position + 1 < end and (size := buffer[position + 1]) < 126:
            after = position + 2 + size
            if after > end:
                break
        else:
            later = header(buffer, position)
            if later is None:
                break
            after = later[1]
        position = after
        count += 1
    return count, position


def take_frame(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """The first whole frame as first byte, payload, rest; None if bytes are missing."""
    found = header(buffer, 0)
    if found is None:
        return None
    begin, end = found
    return buffer[0], buffer[begin:end], buffer[end:]


def answer_size(buffer: bytes) -> int | None:
    """The size of the HTTP answer at the start of the buffer; None if bytes are missing.

    Raises: LoadError for a status other than 2xx and for an answer whose end cannot be told.
    """
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    if not buffer.startswith(b"HTTP/1.1 2"):
        raise LoadError(f"unexpected answer {buffer[:200]!r}")
    head = buffer[: head_end + 2].lower()
    body = head_end + 4
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        size = body + int(head[at + 17 : head.index(b"\r\n", at + 17)])
        return size if len(buffer) >= size else None
    if b"\r\ntransfer-encoding: chunked" in head:
        end = buffer.find(b"\r\n0\r\n\r\n", body - 2)
        return None if end < 0 else end + 7
    raise LoadError(f"an answer without length: {buffer[:200]!r}")
