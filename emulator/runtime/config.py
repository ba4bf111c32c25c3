"""Reads the configuration file, and says where the worker and its state are.

The rules are in `emulator.core.config`; this is the part that touches the disk.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.core.config import parse_config
from emulator.core.config.positions import json_positions, toml_positions
from emulator.core.config.syntax import show_line, toml_problem
from emulator.errors import ConfigError, Diagnostic
from emulator.runtime.dotenv import with_secrets, with_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.config import Config
    from emulator.core.config.positions import Position

__all__ = ["catalog_file", "find_config", "load_config", "main_path", "state_folder"]

ENVIRONMENT_VARIABLE: Final = "CLOUDFLARE_ENV"  # what --env is by default
# In the order in which they are looked for.
CONFIG_FILE_NAMES: Final = (
    "wrangler.json", "wrangler.jsonc", "wrangler.toml", "wrangler_like.toml",
)  # fmt: skip


def find_config(start: Path) -> Path | None:
    """The configuration file for `start`, found as wrangler finds it.

    Each name is looked for in the folder and all above it before the next name is: a
    `wrangler.json` in a parent folder wins over a `wrangler.toml` in the folder itself.
    """
    folder = start.resolve()
    for name in CONFIG_FILE_NAMES:
        for place in (folder, *folder.parents):
            if (place / name).is_file():
                return place / name
    return None


def load_config(
    path: str | Path | None = None,
    *,
    environment: str | None = None,
    env_files: Iterable[Path] = (),
    variables: Mapping[str, str] | None = None,
) -> Config:
    """Read and check a configuration; without a path, the one that wrangler would find.

    Args:
        environment: the `[env.NAME]` to use; by default that of CLOUDFLARE_ENV, if it is set. An
            empty one is the top level.
        env_files: files of secrets that are read instead of `.dev.vars` and the `.env` family.
        variables: texts for `env`, which win over all others.

    Raises:
        ConfigError: the file or its `main` cannot be used; the error lists every problem.
    """
    if environment is None:
        environment = os.environ.get(ENVIRONMENT_VARIABLE)
    environment = environment or None
    file = Path(path) if path is not None else find_config(Path.cwd())
    if file is None:
        raise ConfigError.single(
            "wrangler.toml",
            "No configuration file was found in this folder or above it.",
            hint=f"Name one with -c FILE, or create one of {', '.join(CONFIG_FILE_NAMES)}.",
        )
    text = _read(file)
    config = parse_config(_load(file, text), path=str(file), text=text, environment=environment)
    if not main_path(config).is_file():
        line, column = _find_main(file, text, environment) or (None, None)
        raise ConfigError.single(
            str(file),
            f'The entry-point file at "{config.main}" was not found.',
            key="main",
            line=line,
            column=column,
            hint=f"It was looked for at {main_path(config)}.",
        )
    if path is None and (nearer := _nearer_file(file)) is not None:
        config = replace(config, warnings=(*config.warnings, nearer))
    return with_variables(
        with_secrets(config, os.environ, environment=environment, env_files=env_files),
        variables or {},
    )


def _nearer_file(found: Path) -> Diagnostic | None:
    """A warning, if a file that stands nearer lost against the one that was found."""
    for place in (folder := Path.cwd().resolve(), *folder.parents):
        if place == found.parent:
            return None
        for name in CONFIG_FILE_NAMES:
            if (place / name).is_file():
                return Diagnostic(
                    path=str(found),
                    problem=f"It is used instead of the nearer {place / name}, as wrangler does: "
                    f"{found.name} is looked for first, in all folders above.",
                    hint="Name the file that you mean with -c FILE.",
                )
    return None


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
        raise _syntax_error(file, text, *toml_problem(str(exc), text)) from None


def _load_json(file: Path, text: str) -> Mapping[str, object]:
    import json

    try:
        document = json.loads(text)
    except ValueError:
        document = _load_jsonc(file, text)  # comments, trailing commas, or a mistake
    if not isinstance(document, dict):
        problem = "The configuration must be a JSON object."
        raise ConfigError.single(str(file), problem, line=1, column=1)
    return document


def _load_jsonc(file: Path, text: str) -> object:
    import json5

    try:
        return json5.loads(text)
    except ValueError as exc:
        message = str(exc).removeprefix("<string>:")
        place = re.match(r"(\d+) (.*?)(?: at column (\d+))?$", message, re.DOTALL)
        line, column = text.count("\n") + 1, 1
        if place is not None:
            line, message, column = int(place[1]), place[2], int(place[3] or 1)
        problem = f"Invalid JSON document: {message}"
        raise _syntax_error(file, text, problem, line, column) from None


def _syntax_error(file: Path, text: str, problem: str, line: int, column: int) -> ConfigError:
    """One error with the line that it is about and a caret below its column."""
    hint = show_line(text, line, column)
    return ConfigError.single(str(file), problem, line=line, column=column, hint=hint)


def _find_main(file: Path, text: str, environment: str | None) -> Position | None:
    find = toml_positions if file.suffix == ".toml" else json_positions
    places = find(text).places
    return places.get(f"env.{environment}.main") or places.get("main")
