"""What a client that does not read has not been sent yet, message by message.

Source: spec websockets §1.7 (`bufferedAmount` counts a message until it is wholly written).
"""

from __future__ import annotations

from collections import deque

__all__ = ["Unsent", "payload_size"]


class Unsent:
    """The frames written since the client stopped reading, each with where it ends."""

    __slots__ = ("_frames", "_written_bytes")

    def __init__(self) -> None:
        self._frames: deque[tuple[int, int]] = deque()  # where a frame ends, its payload
        self._written_bytes = 0  # whatever came before is gone

    def add(self, frames: list[bytes]) -> int:
        """Note frames that were handed to the transport; how many bytes they are."""
        before = self._written_bytes
        for frame in frames:
            self._written_bytes += len(frame)
            self._frames.append((self._written_bytes, payload_size(frame)))
        return self._written_bytes - before

    def payload_bytes(self, buffered_bytes: int) -> int:
        """The payloads of the messages that are not wholly gone, with so much in the buffer."""
        frames = self._frames
        gone = self._written_bytes - buffered_bytes
        while frames and frames[0][0] <= gone:
            frames.popleft()
        return sum(size for _, size in frames)


def payload_size(frame: bytes) -> int:
    """The bytes of a message in its frame, as it is sent; a control frame has none."""
    if frame[0] & 0x08:
        return 0
    length = frame[1]
    return len(frame) - (2 if length < 126 else 4 if length == 126 else 10)
