"""The sockets of the objects by number, since when they are open, and their last frames.

Frames are noted only while somebody watches. Nothing here keeps a socket alive.

Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from emulator.core.sockets import payload_bytes

if TYPE_CHECKING:
    from emulator.runtime.host import Host
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Frame", "SocketBook", "SocketNote"]

FRAMES_MAX: Final = 20
TEXT_CHARS_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message; `direction` "in" is to the object. `text` is cut to TEXT_CHARS_MAX."""

    time_ms: int
    direction: str
    kind: str
    bytes: int
    text: str
    is_cut: bool


@dataclass(slots=True)
class SocketNote:
    """What is remembered of one socket."""

    number: int
    opened_ms: int
    frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=FRAMES_MAX))


class SocketBook:
    """Every socket that was seen and is still there."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._notes: WeakKeyDictionary[WebSocketEnd, SocketNote] = WeakKeyDictionary()
        self._numbers = itertools.count(1)
        self.watchers = 0

    @property
    def is_watched(self) -> bool:
        return self.watchers > 0

    def opened(self, end: WebSocketEnd) -> SocketNote:
        """What is known of `end`; it opened now, if nothing is."""
        note = self._notes.get(end)
        if note is None:
            note = SocketNote(next(self._numbers), self._host.clock.now_ms())
            self._notes[end] = note
        return note

    def arrived(self, event: Any) -> None:
        """An event begins: if it is a socket's message, note it."""
        if event.kind == "websocket" and hasattr(event, "item"):
            self.note(event.end, "in", event.item)

    def note(self, end: WebSocketEnd, direction: str, item: Any) -> None:
        if isinstance(item, str):
            kind, text = "text", item[:TEXT_CHARS_MAX]
            is_cut = len(item) > TEXT_CHARS_MAX
        elif isinstance(item, bytes):
            kind, text = "binary", item[: TEXT_CHARS_MAX // 2].hex()
            is_cut = len(item) > TEXT_CHARS_MAX // 2
        else:
            kind, text, is_cut = "close", str(item), False
        frame = Frame(
            time_ms=self._host.clock.now_ms(),
            direction=direction,
            kind=kind,
            bytes=payload_bytes(item),
            text=text,
            is_cut=is_cut,
        )
        self.opened(end).frames.append(frame)
