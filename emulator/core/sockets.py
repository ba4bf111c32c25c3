"""Rules of WebSockets that need no socket: tags, close codes, limits, texts, ready states.

Source: spec websockets §1.2, §1.3, §1.4, §1.6, §1.7, §1.8, §3.3, §3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from emulator.core.values.errors import dom_exception, error, range_error

__all__ = [
    "ATTACHMENT_BYTES_MAX",
    "DISCONNECTED",
    "MESSAGE_BYTES_MAX",
    "SOCKETS_PER_OBJECT_MAX",
    "AutoResponse",
    "Close",
    "Disconnect",
    "Failure",
    "ReadyState",
    "check_attachment",
    "check_close",
    "check_tags",
    "close_event",
    "encode_text",
    "parse_close",
    "payload_bytes",
    "ready_state",
    "standard_ready_state",
]

SOCKETS_PER_OBJECT_MAX: Final = 32_768
TAGS_MAX: Final = 10
TAG_BYTES_MAX: Final = 256
ATTACHMENT_BYTES_MAX: Final = 16_384
AUTO_RESPONSE_BYTES_MAX: Final = 2_048
MESSAGE_BYTES_MAX: Final = 33_554_432
CLOSE_REASON_BYTES_MAX: Final = 123
# A client that sends while its object is busy is not read any further from here on (spec §4.3).
WAITING_MESSAGES_MAX: Final = 256
# The platform queues for ever for a client that does not read. What an isolate may hold in memory
# is the end of it there, too.
UNSENT_BYTES_MAX: Final = 134_217_728
UNSENT_BYTES_WARN: Final = 16_777_216

NO_STATUS: Final = 1005  # what an empty Close is read as
DISCONNECTED: Final = "WebSocket disconnected without sending Close frame."
SEND_AFTER_CLOSE: Final = "Can't call WebSocket send() after close()."
SEND_BEFORE_ACCEPT: Final = (
    "You must call one of accept() or state.acceptWebSocket() on this WebSocket "
    "before sending messages."
)
ACCEPTED_TWICE: Final = (
    "Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`"
)
PEER_TAKEN: Final = (
    "Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been "
    "accepted or used in a Response."
)
ACCEPT_AFTER_HIBERNATION: Final = "Can't accept() WebSocket after enabling hibernation."
ACCEPT_AFTER_RESPONSE: Final = "Can't accept() WebSocket that was already used in a response."
NO_ACCEPT_OF_OUTGOING: Final = (
    "Websockets obtained from the 'new WebSocket()' constructor cannot call accept"
)
RETURNED_ACCEPTED: Final = "Can't return WebSocket in a Response after calling accept()."
RETURNED_HIBERNATABLE: Final = (
    "Can't return WebSocket in a Response after calling acceptWebSocket()."
)
RETURNED_TWICE: Final = "Can't return WebSocket that was already used in a response."
RETURNED_OUTGOING: Final = (
    "Can't return WebSocket in a Response if it was created with `new WebSocket()`"
)
NO_UPGRADE: Final = (
    "Worker tried to return a WebSocket in a response to a request which did not contain the "
    'header "Upgrade: websocket".'
)
FAILED_TO_CONNECT: Final = "Failed to establish websocket connection"
EVENT_TIMED_OUT: Final = "Actor exceeded event execution time and was disconnected."
NO_TAGS_BEFORE_ACCEPT: Final = (
    "you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket."
)
NO_TAGS_STANDARD: Final = "only hibernatable websockets can have tags."


class ReadyState(IntEnum):
    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class Close:
    """A Close frame. `code` is None for an empty one, which is read as 1005."""

    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The connection ended without a Close frame."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The peer broke the protocol: what it is told, and what the object is told."""

    code: int
    reason: str

    @property
    def message(self) -> str:
        return (
            f"WebSocket protocol error; protocolError.statusCode = {self.code}; "
            f"protocolError.description = {self.reason}"
        )


@dataclass(frozen=True, slots=True)
class AutoResponse:
    """A request that is answered without waking the object."""

    request: str
    response: str

    def __post_init__(self) -> None:
        for kind, text in (("Request", self.request), ("Response", self.response)):
            size = len(text.encode("utf-8", "surrogatepass"))
            if size > AUTO_RESPONSE_BYTES_MAX:
                raise range_error(
                    f"{kind} cannot be larger than {AUTO_RESPONSE_BYTES_MAX} bytes. "
                    f"A {kind.lower()} of size {size} was provided."
                )


def check_tags(tags: list[str]) -> tuple[str, ...]:
    """The tags without duplicates, first seen first.

    Raises:
        JsException: more than ten, or one longer than 256 UTF-8 bytes.
    """
    kept: dict[str, None] = {}
    for tag in tags:
        if len(kept) >= TAGS_MAX:  # sic: before the current one is known to be a duplicate
            raise error("a Hibernatable WebSocket cannot have more than 10 tags")
        if len(tag.encode("utf-8", "surrogatepass")) > TAG_BYTES_MAX:
            raise error(f'"{tag}" is longer than the max tag length ({TAG_BYTES_MAX} characters).')
        kept[tag] = None
    return tuple(kept)


def check_close(code: int | None, reason: str | None, *, reason_is_limited: bool) -> Close:
    """The Close that `close(code, reason)` asks for.

    Raises:
        JsException: InvalidAccessError or SyntaxError (DOMException).
    """
    if code is None:
        if reason is not None:
            raise dom_exception(
                "InvalidAccessError",
                "If you specify a WebSocket close reason, you must also specify a code.",
            )
        return Close()
    if not 1000 <= code < 5000 or code in (1004, 1005, 1006, 1015):
        raise dom_exception("InvalidAccessError", f"Invalid WebSocket close code: {code}.")
    text = reason or ""
    size = len(text.encode("utf-8", "replace"))
    if reason_is_limited and size > CLOSE_REASON_BYTES_MAX:
        raise dom_exception(
            "SyntaxError",
            "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.",
        )
    return Close(code, text)


def payload_bytes(frame: object) -> int:
    """The bytes that a message has as a frame's payload; what is no message counts nothing."""
    if isinstance(frame, str):
        return len(frame) if frame.isascii() else len(encode_text(frame))
    return len(frame) if isinstance(frame, bytes) else 0


def parse_close(payload: bytes) -> Close:
    """The Close that a frame carries. Any code is taken; a single byte is none (spec §1.6)."""
    if len(payload) < 2:
        return Close()
    code = int.from_bytes(payload[:2])
    reason = payload[2:].decode("utf-8", "replace")
    return Close(None if code == NO_STATUS else code, reason)


def ready_state(
    *,
    close_sent: bool,
    close_received: bool,
    was_closed_first: bool,
    is_gone: bool,
    is_failed: bool,
) -> ReadyState:
    """readyState of a hibernatable end (spec §1.8). `is_gone`: the connection ended without Close."""
    if close_sent and (close_received or (was_closed_first and is_gone)):
        return ReadyState.CLOSED
    if close_sent or close_received or is_gone or is_failed:
        return ReadyState.CLOSING
    return ReadyState.OPEN


def standard_ready_state(
    *, close_sent: bool, close_received: bool, is_gone: bool, is_failed: bool, is_told: bool
) -> ReadyState:
    """readyState of an end accepted with accept() (spec §1.8).

    Args:
        is_told: the last event has been handled; a lost connection shows only then.
    """
    if is_failed or (close_sent and (close_received or is_gone)):
        return ReadyState.CLOSED
    if close_sent or close_received or (is_gone and is_told):
        return ReadyState.CLOSING
    return ReadyState.OPEN


def check_attachment(blob: bytes) -> bytes:
    """A serialized attachment, if it is not too large.

    Raises:
        JsException: Error, more than 16,384 serialized bytes.
    """
    if len(blob) > ATTACHMENT_BYTES_MAX:
        raise error(
            f"A WebSocket 'attachment' cannot be larger than {ATTACHMENT_BYTES_MAX} bytes."
            f"'attachment' was {len(blob)} bytes."
        )
    return blob


def encode_text(text: str) -> bytes:
    """The UTF-8 bytes of a message: a lone surrogate is three U+FFFD, as its three bytes were."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def close_event(item: Close | Disconnect) -> tuple[int, str, bool]:
    """The arguments of webSocketClose: code, reason, wasClean."""
    if isinstance(item, Disconnect):
        return 1006, DISCONNECTED, False
    return (NO_STATUS if item.code is None else item.code), item.reason, True
