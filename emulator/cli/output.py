"""The table of bindings that `durable dev` begins with, as wrangler prints it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.core.config import Config

__all__ = ["binding_table"]

COLUMN_GAP: Final = " " * 6
VALUE_LENGTH_MAX: Final = 40  # wrangler's; longer ones end in "..."


class _Row(NamedTuple):
    name: str
    value: str
    resource: str
    mode: str


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
