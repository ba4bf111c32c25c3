"""The page that a browser gets instead of "Internal Server Error": what failed, in whose line.

Everything on it was written by somebody else and is escaped. It exists for requests to this
machine by its own names only: a foreign page that rebinds a DNS name does not get to read it.
"""

from __future__ import annotations

import contextlib
import html
import linecache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from emulator.cli.tracebacks import Trace, is_users, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.cli.tracebacks import Frame

__all__ = ["error_page"]

_CONTEXT_LINES: Final = 4
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:2rem;color:#222;background:#fafafa}
h1{font-size:1.3rem;white-space:pre-wrap;color:#b00020;margin:.2rem 0 1rem}
h2{font-size:1rem;font-weight:600;margin:1.4rem 0 .3rem}
p,summary{color:#666}
pre{background:#fff;border:1px solid #ddd;border-radius:6px;padding:.6rem;overflow:auto;margin:0}
pre b{display:block;background:#fde8ea;font-weight:inherit}
@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}
pre{background:#222;border-color:#444}pre b{background:#5a1f28}h1{color:#ff8a95}}
"""


def error_page(text: str, method: str, url: str, roots: Sequence[str]) -> str | None:
    """The page about an uncaught error; None if the request did not come by a local name.

    Args:
        text: the error as it is printed: a traceback, or one line.
        roots: the folders of the workers' code.
    """
    parts = urlsplit(url)
    if not _is_local(parts.hostname or ""):
        return None
    traces = parse(text) or [Trace((), text)]
    last = traces[-1]
    title = html.escape(last.message or "Internal Server Error")
    body = [f"<p>{html.escape(f'{method} {parts.path}')} failed</p>", f"<h1>{title}</h1>"]
    for number, trace in enumerate(reversed(traces)):
        if number:
            body.append(f"<h2>caused by {html.escape(trace.message)}</h2>")
        body += _frames(trace, roots)
    body.append(f"<details><summary>The whole traceback</summary><pre>{html.escape(text)}</pre>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>{''.join(body)}</details></html>\n"
    )


def _frames(trace: Trace, roots: Sequence[str]) -> list[str]:
    own = [frame for frame in trace.frames if is_users(frame, roots)]
    return [_frame(frame) for frame in reversed(own or trace.frames)]


def _frame(frame: Frame) -> str:
    within = f" in {frame.function}" if frame.function else ""
    heading = html.escape(f"{frame.file}:{frame.line}{within}")
    linecache.checkcache(frame.file)
    lines = []
    first = max(1, frame.line - _CONTEXT_LINES)
    for number in range(first, frame.line + _CONTEXT_LINES + 1):
        source = linecache.getline(frame.file, number)
        if source:
            shown = html.escape(f"{number:5}  {source.rstrip()}")
            lines.append(f"<b>{shown}</b>" if number == frame.line else f"{shown}\n")
    code = "".join(lines) or html.escape(frame.source)
    return f"<h2>{heading}</h2><pre>{code}</pre>"


def _is_local(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
