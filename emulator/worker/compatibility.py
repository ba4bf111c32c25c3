"""What the compatibility date and flags of a worker decide at the boundary.

Source: spec python-surface §2.6; the runtime's table of flags.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.core.config import Config

__all__ = ["Generation", "enabled_flags", "generation_of", "handler_prefix", "is_enabled"]


@dataclass(frozen=True, slots=True)
class _Flag:
    """A flag: how it is switched off, and since which date it is on."""

    disable: str
    since: str


FLAGS: Final[dict[str, _Flag]] = {
    "python_no_global_handlers": _Flag("disable_python_no_global_handlers", "2025-08-14"),
    "python_request_headers_preserve_commas": _Flag(
        "disable_python_request_headers_preserve_commas", "2026-02-17"
    ),
    "python_workflows_implicit_dependencies": _Flag(
        "no_python_workflows_implicit_dependencies", "2026-02-25"
    ),
    "websocket_standard_binary_type": _Flag("no_websocket_standard_binary_type", "2026-03-17"),
    "web_socket_auto_reply_to_close": _Flag("web_socket_manual_reply_to_close", "2026-04-07"),
}


def is_enabled(config: Config, flag: str) -> bool:
    """Whether a flag of `FLAGS` is on: switched on or off by name, else by the date."""
    known = FLAGS[flag]
    return config.is_enabled(flag, known.disable, since=known.since)


def enabled_flags(config: Config) -> list[str]:
    """Every flag that is on: those that are named, and those of `FLAGS` that the date brings."""
    return [*config.compatibility_flags, *(f for f in FLAGS if is_enabled(config, f))]


def handler_prefix(config: Config) -> str:
    """What stands before the names of handlers: before 2025-08-14 they are `on_fetch`, ..."""
    return "" if is_enabled(config, "python_no_global_handlers") else "on_"


@dataclass(frozen=True, slots=True)
class Generation:
    """One version of the Python runtime, as far as user code can tell.

    version: `pyodide.__version__`.
    dicts_are_maps: `to_js(dict)` without a converter gives a Map; from 314 on a plain Object.
    has_jsnull: `pyodide.ffi.jsnull` exists.
    """

    version: str
    dicts_are_maps: bool
    has_jsnull: bool


OLDEST: Final = Generation("0.26.0a2", dicts_are_maps=True, has_jsnull=False)
MIDDLE: Final = Generation("0.28.2", dicts_are_maps=True, has_jsnull=True)
NEWEST: Final = Generation("314.0.7", dicts_are_maps=False, has_jsnull=True)

# From the newest on: the flags that choose a generation, and the date that does.
_GENERATIONS: Final = (
    (NEWEST, ("python_workers_314", "python_workers_20260610"), "2026-09-08"),
    (MIDDLE, ("python_workers_20250116",), "2025-09-29"),
)


def generation_of(config: Config) -> Generation:
    """The generation that a worker runs on."""
    for generation, flags, since in _GENERATIONS:
        if any(flag in config.compatibility_flags for flag in flags):
            return generation
        if config.compatibility_date >= since:
            return generation
    return OLDEST
