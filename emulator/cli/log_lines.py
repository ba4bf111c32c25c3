"""The log of `durable dev`: what happened as lines, for people or, as JSON, for programs.

Lines of user code go where a program's own would: `log`, `info` and `debug` to stdout, `warn` and
`error` to stderr. Text that came from a client or an object's name cannot move the cursor. The
requests of one round of the loop are written at once: under load a write for each would cost more
than answering some of them.

Proof: tests/cli/test_log_lines.py.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import sys
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import click

from emulator.core.events import (
    AlarmRan,
    ConsoleMessage,
    RequestServed,
    SocketEnded,
    StateMigrated,
    WorkerError,
)
from emulator.errors import describe_diagnostics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.config import Config
    from emulator.core.events import Event

__all__ = ["LEVELS", "READY", "Level", "Log"]

type Level = Literal["debug", "log", "info", "warn", "error", "none"]

LEVELS: Final[tuple[Level, ...]] = ("debug", "log", "info", "warn", "error", "none")  # wrangler's
READY: Final = "ready"  # the message that programs wait for: it is said at every level
PATH_LENGTH_MAX: Final = 200
_SECOND_MS: Final = 1000
_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Log:
    """The listener of `durable dev`, and the voice of its own messages."""

    def __init__(
        self, *, level: Level = "log", is_json: bool = False, roots: Sequence[str] = ()
    ) -> None:
        """Args:
        roots: the folders of the workers' code: whose frames come first in an error.
        """
        self.level: Level = level
        self.is_json = is_json
        self.roots = roots
        self._colours = _has_colours(sys.stdout)
        self._served: list[RequestServed] = []  # in this round of the loop

    def __call__(self, event: Event) -> None:
        match event:
            case RequestServed():
                self._request(event)
            case SocketEnded():
                self._event("info", event, lambda: _socket(event, self._colours))
            case AlarmRan():
                self._event("info", event, lambda: _alarm(event, self._colours))
            case ConsoleMessage(level=level, text=text):
                self._event(level, event, lambda: text)
            case StateMigrated(text=text):
                self._event("info", event, lambda: text)
            case WorkerError():
                self._event("error", event, lambda: self._error(event))
            case _:
                return  # other records are for other listeners

    def say(
        self, text: str, /, *, level: Level = "info", kind: str = "message", **fields: Any
    ) -> None:
        """A message of our own; `fields` are what a program gets instead of the text."""
        if not self._shows(level) and kind != READY:
            return
        if self._served:
            self._flush()
        stream = sys.stderr if level in ("warn", "error") else sys.stdout
        if self.is_json:
            _write(stream, _json({"type": kind, "level": level, **(fields or {"text": text})}))
        else:
            _write(stream, text)

    def warn_of(self, config: Config) -> None:
        """What is odd in the configuration but does not stop it."""
        if config.warnings:
            path = config.path or config.name
            text = describe_diagnostics(path, config.warnings)
            label = _styled("warning:", _has_colours(sys.stderr), fg="yellow", bold=True)
            self.say(f"{label} {text}", level="warn", kind="config_warning", text=text)

    def next_level(self) -> Level:
        """Take the next of the levels, after the last one the first."""
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]
        return self.level

    def _shows(self, level: Level) -> bool:
        return LEVELS.index(level) >= LEVELS.index(self.level)

    def _request(self, event: RequestServed) -> None:
        if not self._shows("info"):
            return
        self._served.append(event)
        if len(self._served) == 1:
            asyncio.get_running_loop().call_soon(self._flush, context=Context())

    def _flush(self) -> None:
        """Write the lines of the requests of this round."""
        served, self._served = self._served, []
        if served and self.is_json:
            _write(sys.stdout, "\n".join([self._as_json("info", event) for event in served]))
        elif served:
            colours = self._colours
            _write(sys.stdout, "\n".join([_request(event, colours) for event in served]))

    def _event(self, level: Level, event: Event, text: Any) -> None:
        if self._shows(level):
            stream = sys.stderr if level in ("warn", "error") else sys.stdout
            if self._served:
                self._flush()  # what was before comes before
            _write(stream, self._as_json(level, event) if self.is_json else text())

    @staticmethod
    def _as_json(level: Level, event: Event) -> str:
        kind = _WORD.sub("_", type(event).__name__).lower()
        return _json({"type": kind, "level": level} | dataclasses.asdict(event))

    def _error(self, event: WorkerError) -> str:
        from emulator.cli.tracebacks import fold

        where = "" if event.object is None else f" in {_plain(event.object)}"
        text = event.trace or event.text
        if LEVELS.index(self.level) > 0:  # at "debug", everything
            text = fold(text, self.roots)
        return f"{_styled(f'error{where}:', _has_colours(sys.stderr), fg='red')} {text}"


def _request(event: RequestServed, colours: bool) -> str:
    path = event.path
    if len(path) > PATH_LENGTH_MAX:
        path = f"{path[:PATH_LENGTH_MAX]}..."
    status = _styled(str(event.status), colours, fg=_colour(event.status))
    line = f"{event.method} {_plain(path)} {status}"
    return f"{line}{_target(event.object)}  {_duration(event.duration_ms, colours)}"


def _socket(event: SocketEnded, colours: bool) -> str:
    path = event.path[:PATH_LENGTH_MAX]
    how = "lost" if event.code is None else f"closed {event.code}"
    line = f"WS {_plain(path)} {how}"
    return f"{line}{_target(event.object)}  {_duration(event.duration_ms, colours)}"


def _alarm(event: AlarmRan, colours: bool) -> str:
    how = _styled("failed", colours, fg="red") if event.has_failed else "ok"
    if event.retry_in_ms is not None:
        how += f", again in {_duration(event.retry_in_ms, False)}"
    return f"ALARM {how}{_target(event.object)}  {_duration(event.duration_ms, colours)}"


def _target(name: str | None) -> str:
    return "" if name is None else f" → {_plain(name)}"


def _duration(ms: float, colours: bool) -> str:
    text = f"{ms:.0f} ms" if ms < 10 * _SECOND_MS else f"{ms / _SECOND_MS:.1f} s"
    return _styled(text, colours, dim=True)


def _colour(status: int) -> str:
    if status < 400:
        return "green" if status < 300 else "cyan"
    return "yellow" if status < 500 else "red"


def _styled(text: str, colours: bool, **style: Any) -> str:
    return click.style(text, **style) if colours else text


def _has_colours(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False


def _plain(text: str) -> str:
    """Text of a client's as one line without control characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, default=str)


def _write(stream: TextIO, line: str) -> None:
    # Written in one piece: whoever reads a pipe sees whole lines as they happen.
    try:
        try:
            stream.write(f"{line}\n")
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        # The reader of our output is gone (`durable dev | head`), which is no reason to stop
        # serving; there is nobody left to tell, either.
        return
