"""Who may use the control API: this machine, and pages that this server itself served.

A name that an attacker's DNS points to 127.0.0.1 arrives with that name in Host; a page of another
site arrives with its Origin, or a Sec-Fetch-Site. Neither gets anything (docs/control-api.md).

Proof: tests/server/test_control_access.py.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_loopback", "refusal"]

_PORT: Final = re.compile(r":\d{1,5}\Z")
_SITES: Final = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, means this machine."""
    name = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refusal(headers: Mapping[str, str], *, is_open: bool) -> str | None:
    """Why a request is refused, None if it is not.

    Args:
        is_open: the developer asked for the API on an address that others can reach: any address
            is taken as Host then, but no name, for a name is what DNS rebinding needs.
    """
    host = headers.get("Host", "")
    name = _PORT.sub("", host)
    if not (is_loopback(name) or (is_open and _is_address(name))):
        return "The Host header does not name this machine."
    origin = headers.get("Origin")
    if origin is not None and not _is_same(origin, host):
        return "Pages of other origins get nothing."
    if headers.get("Sec-Fetch-Site", "none").lower() not in _SITES:
        return "Pages of other sites get nothing."
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
