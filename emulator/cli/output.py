"""What `durable dev` prints: warnings, the binding table, one line per request, console output.

Lines of user code go where a program's own would: `log`, `info` and `debug` to stdout, `warn` and
`error` to stderr. Nothing here reads stdin or replaces stdout, so `breakpoint()` has the terminal.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

import click

from emulator.core.events import ConsoleMessage, RequestServed, WorkerError
from emulator.errors import describe_diagnostics

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.core.config import Config
    from emulator.core.events import Event

__all__ = ["binding_table", "print_event", "print_warnings", "request_line"]

COLUMN_GAP: Final = " " * 6
VALUE_LENGTH_MAX: Final = 40  # wrangler's; longer ones end in "..."
PATH_LENGTH_MAX: Final = 200


class _Row(NamedTuple):
    name: str
    value: str
    resource: str
    mode: str


def print_warnings(config: Config) -> None:
    """What is odd in the configuration but does not stop it, on stderr."""
    if config.warnings:
        click.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
        click.echo(describe_diagnostics(config.path or config.name, config.warnings), err=True)


def binding_table(config: Config, connected: Collection[str] = ()) -> str:
    """The names in `env`, as wrangler lists them; `connected` are the other workers that run."""
    rows = [
        *_durable_object_rows(config, connected),
        *_service_rows(config, connected),
        *_variable_rows(config),
    ]
    if not rows:
        return "No bindings found."
    lines = [(f"env.{row.name} ({row.value})", row.resource, row.mode) for row in rows]
    # The first column fits the longest name and the longest value, even if they do not meet.
    first = (
        len("env. ()") + max(len(row.name) for row in rows) + max(len(row.value) for row in rows)
    )
    second = max(len(row.resource) for row in rows)
    return "\n".join(
        [
            "Your Worker has access to the following bindings:",
            *(
                f"{name:{first}}{COLUMN_GAP}{resource:{second}}{COLUMN_GAP}{mode}"
                for name, resource, mode in [("Binding", "Resource", "Mode"), *lines]
            ),
        ]
    )


def _durable_object_rows(config: Config, connected: Collection[str]) -> list[_Row]:
    rows = []
    for binding in config.bindings:
        value, mode = binding.class_name, "local"
        if binding.script_name not in {None, config.name}:
            value += f", defined in {binding.script_name}"
            mode += " [connected]" if binding.script_name in connected else " [not connected]"
        rows.append(_Row(binding.name, value, "Durable Object", mode))
    return rows


def _service_rows(config: Config, connected: Collection[str]) -> list[_Row]:
    rows = []
    for service in config.services:
        known = service.service in connected or service.service == config.name
        value = f"{service.service}#{service.entrypoint}" if service.entrypoint else service.service
        mode = "local [connected]" if known else "local [not connected]"
        rows.append(_Row(service.name, value, "Worker", mode))
    rows += [_Row(a.name, a.field, a.product, "not part of this emulator") for a in config.absent]
    if config.assets is not None and config.assets.binding is not None:
        rows.append(_Row(config.assets.binding, config.assets.directory, "Assets", "local"))
    return rows


def _variable_rows(config: Config) -> list[_Row]:
    rows = []
    for name, value in config.vars.items():
        if name in config.secrets:
            continue
        if isinstance(value, str):
            shown = f'"{_shorten(value)}"'
        else:
            shown = _shorten(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
        rows.append(_Row(name, shown, "Environment Variable", "local"))
    rows += [_Row(n, '"(hidden)"', "Environment Variable", "local") for n in config.secrets]
    return rows


def _shorten(text: str) -> str:
    return text if len(text) < VALUE_LENGTH_MAX else f"{text[: VALUE_LENGTH_MAX - 3]}..."


def print_event(event: Event) -> None:
    """The listener of `durable dev`."""
    match event:
        case RequestServed():
            _write_line(sys.stdout, request_line(event))
        case ConsoleMessage(level="warn" | "error", text=text):
            _write_line(sys.stderr, text)
        case ConsoleMessage(text=text):
            _write_line(sys.stdout, text)
        case WorkerError(object=None, text=text):
            _write_line(sys.stderr, f"error: {text}")
        case WorkerError(object=name, text=text):
            _write_line(sys.stderr, f"error in {name}: {text}")
        case _:
            return  # other records are for other listeners


def request_line(event: RequestServed) -> str:
    """`GET /ws 101 Switching Protocols (8ms)`; a path of a thousand characters is cut."""
    path = event.path
    if len(path) > PATH_LENGTH_MAX:
        path = f"{path[:PATH_LENGTH_MAX]}..."
    status = f"{event.status} {event.reason}".rstrip()
    return f"{event.method} {path} {status} ({event.duration_ms:.0f}ms)"


def _write_line(stream: TextIO, line: str) -> None:
    # Written in one piece and at once: whoever reads a pipe sees whole lines as they happen.
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except (OSError, ValueError):
        # The reader of our output is gone (`durable dev | head`), which is no reason to stop
        # serving; there is nobody left to tell, either.
        return
