"""The files of the explorer's page, and the headers they go out with.

The page has no external resource and no inline code: the content security policy allows its own
origin and nothing else, so that not even a hostile key or message could do anything.

Proof: tests/server/test_explorer.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

__all__ = ["HEADERS", "PageFile", "page_file"]

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_MODULES: Final = (
    *("api", "console", "dom", "events", "list", "main", "overview", "sockets", "sql", "storage"),
    "timeline",
)
_NAMES: Final = frozenset(
    {"index.html", "explorer.css", "icon.svg", *(f"{module}.js" for module in _MODULES)}
)
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "connect")),
        "img-src 'self' data:",
        *(f"{kind} 'none'" for kind in ("base-uri", "form-action", "frame-ancestors")),
    )
)
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    content_type: str
    body: bytes


def page_file(name: str) -> PageFile | None:
    """A file of the page, by its name ("" is the page itself); None if there is no such file."""
    name = name or "index.html"
    if name not in _NAMES:
        return None
    body = files(__package__).joinpath(name).read_bytes()
    return PageFile(_TYPES[name.rpartition(".")[2]], body)
