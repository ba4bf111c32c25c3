"""A native CPython emulator of Cloudflare Durable Objects for Python Workers.

The names below are the public API; each is imported when it is first used, so that importing the
package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from emulator.assembly import Emulator
    from emulator.core.config import Config
    from emulator.errors import CompatWarning, ConfigError, EmulatorError
    from emulator.runtime.config import load_config

__all__ = [
    "CompatWarning",
    "Config",
    "ConfigError",
    "Emulator",
    "EmulatorError",
    "load_config",
]

_HOMES: Final = {
    "CompatWarning": "emulator.errors",
    "Config": "emulator.core.config",
    "ConfigError": "emulator.errors",
    "Emulator": "emulator.assembly",
    "EmulatorError": "emulator.errors",
    "load_config": "emulator.runtime.config",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
