"""The fetch family, as `js` offers it: the classes of the web ring with their constructors.

Source: spec python-surface §2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import JsClass, JsFunction, JsObject, JsValue, type_error
from emulator.web.headers import Headers
from emulator.web.request import Request
from emulator.web.response import (
    Response,
    response_error,
    response_json,
    response_redirect,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.host import Host

__all__ = ["web_globals"]


def web_globals(host: Callable[[], Host]) -> dict[str, Any]:
    return {
        "Headers": JsClass("Headers", Headers),
        "Request": JsClass("Request", Request),
        "Response": JsClass(
            "Response",
            Response,
            json=JsFunction("json", response_json),
            redirect=JsFunction("redirect", response_redirect),
            error=JsFunction("error", response_error),
        ),
        "fetch": JsFunction("fetch", _no_fetch),
        "crypto": JsObject({"randomUUID": JsFunction("randomUUID", lambda: random_uuid(host()))}),
    }


def _no_fetch(*args: JsValue) -> JsValue:
    del args
    raise type_error("The emulator does not offer outgoing fetch() yet.")


def random_uuid(host: Host) -> str:
    """A version 4 UUID from the emulator's dice."""
    bits = host.random.getrandbits(128)
    bits = bits & ~(0xF000 << 64) | 0x4000 << 64
    bits = bits & ~(0xC000 << 48) | 0x8000 << 48
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
