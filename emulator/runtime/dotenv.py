"""Secrets for local development: `.dev.vars`, or the `.env` family, beside the configuration file.

`.dev.vars` wins over everything, and then no `.env` file is read. Without it the `.env` files are
merged, the later over the earlier, and `${NAME}` in them is expanded. Values are always text.

Source: spec peers §5 (env files); python-surface §4.
"""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from emulator.errors import ConfigError, Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.config import Config

__all__ = ["with_secrets", "with_variables"]

_DEV_VARS: Final = ".dev.vars"
_USE_DOT_ENV: Final = "CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV"
_USE_PROCESS: Final = "CLOUDFLARE_INCLUDE_PROCESS_ENV"


def with_secrets(
    config: Config,
    process: Mapping[str, str],
    *,
    environment: str | None = None,
    env_files: Iterable[Path] = (),
) -> Config:
    """The configuration with its secrets.

    Args:
        process: the environment variables of the process.
        environment: of `--env`: `.dev.vars.<environment>` is preferred.
        env_files: of `--env-file`: these are read instead of all others.

    Raises:
        ConfigError: a file cannot be read.
    """
    folder = Path(config.path).parent if config.path is not None else Path()
    found = _read_all(folder, process, environment, tuple(env_files))
    required = config.secrets_required
    if required is None:
        return replace(config, secrets=MappingProxyType(found))
    known = {**process, **found}
    missing = [name for name in required if name not in known]
    warnings = config.warnings
    if missing:
        problem = (
            f"Missing required secrets: {', '.join(missing)}. Add them to .dev.vars, .env, or set "
            "as environment variables."
        )
        warning = Diagnostic(path=config.path or config.name, problem=problem, key="secrets")
        warnings = (*warnings, warning)
    secrets = {name: known[name] for name in required if name in known}
    return replace(config, secrets=MappingProxyType(secrets), warnings=warnings)


def with_variables(config: Config, variables: Mapping[str, str]) -> Config:
    """The configuration with the variables of `--var`, which win over everything."""
    if not variables:
        return config
    secrets = {name: value for name, value in config.secrets.items() if name not in variables}
    return replace(
        config,
        vars=MappingProxyType({**config.vars, **variables}),
        secrets=MappingProxyType(secrets),
    )


def _read_all(
    folder: Path, process: Mapping[str, str], environment: str | None, files: tuple[Path, ...]
) -> dict[str, str]:
    if not files:
        names = [f"{_DEV_VARS}.{environment}"] if environment else []
        for name in (*names, _DEV_VARS):
            if (folder / name).is_file():
                return _read(folder / name, interpolates=False)
        if process.get(_USE_DOT_ENV, "true").lower() == "false":
            return {}
        suffixes = ["", ".local"]
        if environment:
            suffixes += [f".{environment}", f".{environment}.local"]
        files = tuple(folder / f".env{suffix}" for suffix in suffixes)
        files = tuple(file for file in files if file.is_file())
    found: dict[str, str] = {}
    if process.get(_USE_PROCESS, "false").lower() == "true":
        found.update(process)
    # Read as one: a later file may name what an earlier one defines.
    found.update(_read(*files, interpolates=True))
    return found


def _read(*files: Path, interpolates: bool) -> dict[str, str]:
    if not files:
        return {}
    from dotenv import dotenv_values  # few projects have such a file

    texts = []
    for file in files:
        try:
            texts.append(file.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError.single(str(file), f"Could not read the file: {exc}.") from exc
    values = dotenv_values(stream=StringIO("\n".join(texts)), interpolate=interpolates)
    return {name: value for name, value in values.items() if value is not None}
