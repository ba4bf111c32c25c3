"""The configuration: what wrangler's file says, as values, and every mistake in it by name.

Pure: the file is read elsewhere (`emulator.runtime.config`). Rules and words: spec: peers §5.
"""

from __future__ import annotations

from emulator.core.config.model import (
    COMPATIBILITY_DATE_DEFAULT,
    AbsentBinding,
    Assets,
    Binding,
    Config,
    Create,
    Delete,
    DevOptions,
    DurabilityName,
    Migration,
    MigrationStep,
    Rename,
    Service,
    StorageKind,
    Transfer,
)
from emulator.core.config.parse import parse_config
from emulator.errors import Diagnostic

__all__ = [
    "COMPATIBILITY_DATE_DEFAULT",
    "AbsentBinding",
    "Assets",
    "Binding",
    "Config",
    "Create",
    "Delete",
    "DevOptions",
    "Diagnostic",
    "DurabilityName",
    "Migration",
    "MigrationStep",
    "Rename",
    "Service",
    "StorageKind",
    "Transfer",
    "parse_config",
]
