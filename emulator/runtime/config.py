"""Reads the configuration file, and says where the worker and its state are.

The rules are in `emulator.core.config`; this is the part that touches the disk.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.core.config import parse_config
from emulator.errors import ConfigError
from emulator.runtime.dotenv import with_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config import Config

__all__ = ["catalog_file", "find_config", "load_config", "main_path", "state_folder"]

# Looked for in this order in a folder, then in its parents.
CONFIG_FILE_NAMES: Final = (
    "wrangler.json", "wrangler.jsonc", "wrangler.toml", "wrangler_like.toml",
)  # fmt: skip


def find_config(start: Path) -> Path | None:
    """The nearest configuration file in `start` or above it."""
    folder = start.resolve()
    for place in (folder, *folder.parents):
        for name in CONFIG_FILE_NAMES:
            if (place / name).is_file():
                return place / name
    return None


def load_config(path: str | Path | None = None) -> Config:
    """Read and check a configuration; without a path, the nearest one from the current folder up.

    Raises:
        ConfigError: the file or its `main` cannot be used; the error lists every problem.
    """
    file = Path(path) if path is not None else find_config(Path.cwd())
    if file is None:
        raise ConfigError.single(
            "wrangler.toml",
            "No configuration file was found in this folder or above it.",
            hint=f"Name one with -c FILE, or create one of {', '.join(CONFIG_FILE_NAMES)}.",
        )
    text = _read(file)
    config = parse_config(_load(file, text), path=str(file), text=text)
    if not main_path(config).is_file():
        line, column = _find_main(text)
        raise ConfigError.single(
            str(file),
            f'The entry-point file at "{config.main}" was not found.',
            key="main",
            line=line,
            column=column,
            hint=f"It was looked for at {main_path(config)}.",
        )
    return with_secrets(config, os.environ)


def main_path(config: Config) -> Path:
    """The worker's entry-point file, absolute."""
    return (_folder(config) / config.main).resolve()


def state_folder(config: Config, persist_to: Path | None = None) -> Path:
    """Where the objects' files are, as wrangler has it: `<root>/v3/do`, absolute.

    The root is `persist_to`, which counts from the current folder, else `.wrangler/state` beside
    the configuration file.
    """
    return _state_root(config, persist_to) / "v3" / "do"


def catalog_file(config: Config, persist_to: Path | None = None) -> Path:
    """The catalog of objects: in the same root, but beside what wrangler knows of."""
    return _state_root(config, persist_to) / "durable" / "catalog.sqlite"


def _state_root(config: Config, persist_to: Path | None) -> Path:
    root = persist_to if persist_to is not None else _folder(config) / ".wrangler" / "state"
    return root.resolve()


def _folder(config: Config) -> Path:
    return Path(config.path).parent if config.path is not None else Path()


def _read(file: Path) -> str:
    try:
        # A byte order mark is no part of the text; wrangler drops it, too.
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError.single(
            str(file), "There is no such file.", hint="Name another one with -c FILE."
        ) from None
    except IsADirectoryError:
        problem, hint = "This is a folder, not a configuration file.", "Name the file in it."
        raise ConfigError.single(str(file), problem, hint=hint) from None
    except OSError as exc:
        raise ConfigError.single(str(file), f"Could not read the file: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        line = file.read_bytes().count(b"\n", 0, exc.start) + 1
        raise ConfigError.single(
            str(file), "The file is not UTF-8.", line=line, hint="Save it with that encoding."
        ) from None


def _load(file: Path, text: str) -> Mapping[str, object]:
    match file.suffix:
        case ".toml":
            return _load_toml(file, text)
        case ".json" | ".jsonc":
            return _load_json(file, text)
        case suffix:
            raise ConfigError.single(
                str(file),
                f"The configuration format {suffix or 'without a suffix'} is not known.",
                hint="Use a file that ends in .toml, .json or .jsonc.",
            )


def _load_toml(file: Path, text: str) -> Mapping[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        message = str(exc)
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        line, column = text.count("\n") + 1, 1
        if place is not None:
            message = message[: place.start()]
            line, column = int(place[1] or line), int(place[2] or column)
        raise _syntax_error(file, text, f"Invalid TOML document: {message}", line, column) from None


def _load_json(file: Path, text: str) -> Mapping[str, object]:
    import json5

    try:
        document = json5.loads(text)
    except ValueError as exc:
        message = str(exc).removeprefix("<string>:")
        place = re.match(r"(\d+) ", message)
        line = int(place[1]) if place is not None else 1
        raise _syntax_error(file, text, f"Invalid JSON document: {message}", line, 1) from None
    if not isinstance(document, dict):
        problem = "The configuration must be a JSON object."
        raise ConfigError.single(str(file), problem, line=1, column=1)
    return document


def _syntax_error(file: Path, text: str, problem: str, line: int, column: int) -> ConfigError:
    """One error with the line that it is about and a caret below its column."""
    lines = text.split("\n")
    frame = None
    if line <= len(lines):
        frame = f"{line:>6} | {lines[line - 1].rstrip()}\n       | {' ' * (column - 1)}^"
    return ConfigError.single(str(file), problem, line=line, column=column, hint=frame)


def _find_main(text: str) -> tuple[int | None, int | None]:
    found = re.search(r'^[ \t]*"?(main)"?[ \t]*[=:]', text, re.MULTILINE)
    if found is None:
        return None, None
    line_start = text.rfind("\n", 0, found.start(1)) + 1
    return text.count("\n", 0, found.start(1)) + 1, found.start(1) - line_start + 1
