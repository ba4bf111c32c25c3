"""The files of the explorer's page, by name: nothing else is served, wherever a name leads.

Proof: tests/server/test_control.py.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

from aiohttp import web

from emulator.server.control_answers import HEADERS

__all__ = ["find_file"]

_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def find_file(name: str) -> web.Response | None:
    """The file of the page, None if it has no such file."""
    content_type = _TYPES.get(name.rpartition(".")[2])
    if content_type is None:
        return None
    folder = resources.files("emulator.server") / "explorer"
    # The name is compared with those that exist, not made into a path.
    for file in folder.iterdir():
        if file.name == name:
            return web.Response(
                body=file.read_bytes(),
                content_type=content_type,
                charset="utf-8",
                headers={
                    **HEADERS,
                    "Cache-Control": "no-cache",
                    "Content-Security-Policy": _POLICY,
                },
            )
    return None
