"""The parts of the WebSocket handshake that are rules: the key's answer, and compression.

Source: RFC 6455 §4.2.2, RFC 7692 §7; spec websockets §1.5 (permessage-deflate as measured).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Deflate", "accept_key", "negotiate_deflate"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Deflate:
    """An agreed permessage-deflate: the header to answer, and how the server compresses."""

    answer: str
    window_bits: int
    without_takeover: bool


def accept_key(key: str) -> str:
    """The value of Sec-WebSocket-Accept."""
    digest = hashlib.sha1(key.encode("utf-8", "surrogateescape") + _GUID).digest()  # noqa: S324
    return base64.b64encode(digest).decode()


def negotiate_deflate(headers: Iterable[str]) -> Deflate | None:
    """The first offer that can be taken as it is; an offer with an unknown parameter is not."""
    for header in headers:
        for offer in header.split(","):
            agreed = _agree(offer)
            if agreed is not None:
                return agreed
    return None


def _agree(offer: str) -> Deflate | None:
    name, *parameters = (part.strip() for part in offer.split(";"))
    if name != "permessage-deflate":
        return None
    answer = ["permessage-deflate"]
    bits, without_takeover = 15, False
    for parameter in parameters:
        key, _, value = (text.strip().strip('"') for text in parameter.partition("="))
        if key == "client_max_window_bits":
            answer.append(f"client_max_window_bits={value or 15}")
        elif key == "server_max_window_bits" and value.isdigit() and 9 <= int(value) <= 15:
            bits = int(value)
            answer.append(f"server_max_window_bits={bits}")
        elif key == "server_no_context_takeover" and not value:
            without_takeover = True
            answer.append(key)
        elif key == "client_no_context_takeover" and not value:
            answer.append(key)
        else:
            return None
    return Deflate("; ".join(answer), bits, without_takeover)
