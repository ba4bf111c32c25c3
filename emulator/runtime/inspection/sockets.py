"""The sockets of one object: what they are, and speaking on them for a developer.

Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emulator.core.sockets import (
    CLOSE_REASON_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    Close,
    payload_bytes,
)
from emulator.core.values import JsException
from emulator.runtime.inspection.errors import NotUnderstoodError, UnknownMemberError
from emulator.runtime.inspection.storage import KvEntry, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.frames import Frame, SocketBook
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Direction", "SocketView", "Sockets"]

type Direction = Literal["to_client", "from_client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketView:
    """One socket of an object, as it is now. `held_by` is object (hibernatable) or code."""

    number: int
    tags: tuple[str, ...]
    attachment: KvEntry | None
    ready_state: int
    opened_ms: int
    auto_response_ms: int | None
    held_by: str
    waiting: int
    unsent_bytes: int
    frames: list[Frame]


class Sockets:
    """The sockets of one object in memory."""

    def __init__(self, container: ActorContainer | None, book: SocketBook) -> None:
        self._container = container
        self._book = book

    def _ends(self) -> Iterator[tuple[WebSocketEnd, str]]:
        container = self._container
        if container is None:
            return
        for end in reversed(container.sockets.sockets()):
            yield end, "object"
        if container.instance is not None:
            for end in list(container.instance.residency.sockets):
                yield end, "code"

    def views(self) -> list[SocketView]:
        """Every socket, oldest first."""
        return [self._view(end, held_by) for end, held_by in self._ends()]

    def _view(self, end: WebSocketEnd, held_by: str) -> SocketView:
        note = self._book.opened(end)
        return SocketView(
            number=note.number,
            tags=end.tags,
            attachment=None if end.attachment is None else decoded("", end.attachment),
            ready_state=int(end.ready_state),
            opened_ms=note.opened_ms,
            auto_response_ms=end.auto_response_ms,
            held_by=held_by,
            waiting=len(end.inbox or ()),
            unsent_bytes=end.unsent_bytes,
            frames=list(note.frames),
        )

    def _find(self, number: int) -> WebSocketEnd:
        for end, _ in self._ends():
            if self._book.opened(end).number == number:
                return end
        raise UnknownMemberError(f"The object has no socket {number}.")

    def send(self, number: int, message: str | bytes, direction: Direction) -> None:
        """Send as the object would, or as its client would.

        Raises: UnknownMemberError; NotUnderstoodError for a socket that cannot send any more.
        """
        end = self._find(number)
        if payload_bytes(message) > MESSAGE_BYTES_MAX:
            raise NotUnderstoodError(f"A message has at most {MESSAGE_BYTES_MAX} bytes.")
        if direction == "from_client":
            if end.is_over:
                raise NotUnderstoodError("The client has closed the socket.")
            end.receive(message)
            return
        if not end.can_send:
            raise NotUnderstoodError("The socket is closed.")
        if self._book.is_watched and end.registry is None:
            self._book.note(end, "out", message)
        try:
            end.send(message)
        except JsException as exc:
            raise NotUnderstoodError(exc.message) from exc

    def close(self, number: int, code: int, reason: str) -> None:
        """Close as the object would. Raises: UnknownMemberError, NotUnderstoodError."""
        end = self._find(number)
        if not (code == 1000 or 3000 <= code <= 4999):  # RFC 6455 §7.4
            raise NotUnderstoodError("The code must be 1000 or 3000 to 4999.")
        if len(reason.encode("utf-8", "replace")) > CLOSE_REASON_BYTES_MAX:
            raise NotUnderstoodError(f"The reason has at most {CLOSE_REASON_BYTES_MAX} bytes.")
        try:
            end.close(Close(code, reason))
        except JsException as exc:
            raise NotUnderstoodError(exc.message) from exc
