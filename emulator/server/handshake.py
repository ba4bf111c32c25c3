"""The WebSocket handshake: what is refused, the answer's head, and the agreed compression.

Source: RFC 6455 §4.2.2, RFC 7692 §7; spec websockets §1.5 (permessage-deflate as measured).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Deflate", "Handshake", "accept_key", "handshake_refusal", "negotiate_deflate"]

# What the runtime itself decides about a 101 response (spec websockets §1.4).
_OVERWRITTEN: Final = frozenset(
    {
        "connection",
        "upgrade",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "content-length",
        "transfer-encoding",
    }
)
_CLIENT_WINDOW_BITS: Final = ("", *map(str, range(8, 16)))
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Deflate:
    """An agreed permessage-deflate.

    answer: the header's value.
    window_bits: the largest window that the server may compress with.
    server_forgets, client_forgets: each message of that side is compressed for itself.
    """

    answer: str
    window_bits: int
    server_forgets: bool
    client_forgets: bool


@dataclass(frozen=True, slots=True)
class Handshake:
    """An upgrade that is answered: the head of the 101 response."""

    headers: list[tuple[str, str]]
    deflate: Deflate | None

    @classmethod
    def of(
        cls, request: web.BaseRequest, headers: list[tuple[str, str]], *, compresses: bool
    ) -> Handshake:
        """Answer `request` with the code's own `headers` and the runtime's."""
        deflate = None
        if compresses:
            deflate = negotiate_deflate(request.headers.getall("Sec-WebSocket-Extensions", ()))
        answer = [(k, v) for k, v in headers if k.lower() not in _OVERWRITTEN]
        answer += [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept_key(request.headers["Sec-WebSocket-Key"])),
        ]
        if deflate is not None:
            answer.append(("Sec-WebSocket-Extensions", deflate.answer))
        return cls(answer, deflate)

    def head(self) -> bytes:
        """The bytes of the response, neither Date nor Server among them."""
        lines = ["HTTP/1.1 101 Switching Protocols", *(f"{k}: {v}" for k, v in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def handshake_refusal(request: web.BaseRequest) -> web.Response | None:
    """What is wrong with a handshake, in the platform's order; None if nothing is.

    The platform looks only after user code answered 101 (spec §1.5).
    """
    if request.method != "GET":
        return web.Response(
            status=400, text="ERROR: WebSocket must be initiated with a GET request."
        )
    if request.headers.get("Sec-WebSocket-Version") != "13":
        return web.Response(
            status=426,
            text="ERROR: The requested WebSocket version is not supported.",
            headers={"Sec-WebSocket-Version": "13"},
        )
    if "Sec-WebSocket-Key" not in request.headers:
        return web.Response(status=400, text="ERROR: Missing Sec-WebSocket-Key")
    return None


def accept_key(key: str) -> str:
    """The value of Sec-WebSocket-Accept."""
    digest = hashlib.sha1(key.encode("utf-8", "surrogateescape") + _GUID).digest()
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
    bits = 15
    server_forgets = client_forgets = False
    for parameter in parameters:
        key, _, value = (text.strip().strip('"') for text in parameter.partition("="))
        if key == "client_max_window_bits" and value in _CLIENT_WINDOW_BITS:
            answer.append(f"client_max_window_bits={value or 15}")
        elif key == "server_max_window_bits" and value.isdigit() and 9 <= int(value) <= 15:
            bits = int(value)
            answer.append(f"server_max_window_bits={bits}")
        elif key == "server_no_context_takeover" and not value:
            server_forgets = True
            answer.append(key)
        elif key == "client_no_context_takeover" and not value:
            client_forgets = True
            answer.append(key)
        else:
            return None
    return Deflate("; ".join(answer), bits, server_forgets, client_forgets)
