"""`durable dev`: serve the worker of a configuration file."""

from __future__ import annotations

import functools
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config import Config

__all__ = ["dev"]


def parse_variables(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str]:
    """`K:V` texts as a table. Raises: BadParameter."""
    variables = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not (name and colon):
            raise click.BadParameter(f"{text!r} is not of the form NAME:VALUE.")
        variables[name] = value
    return variables


@click.command()
@click.option(
    "-c",
    "--config",
    "config_paths",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="The configuration file (default: the nearest wrangler file from this folder up). Given "
    "again, it adds a worker that the first one's bindings can name.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="The port to listen on; 0 takes a free one (default: dev.port of the file, else 8787).",
)
@click.option(
    "--ip",
    metavar="A",
    help="The address to listen on (default: dev.ip of the file, else localhost).",
)
@click.option(
    "--persist-to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the objects' files in DIR/v3/do (default: .wrangler/state beside the file).",
)
@click.option(
    "--in-memory", is_flag=True, help="Keep the objects' files in a temporary folder only."
)
@click.option(
    "--durability",
    type=click.Choice(["full", "normal"]),
    help="What a commit survives: full, the machine's death; normal, the process's (default: "
    "dev.durability of the file, else full).",
)
@click.option(
    "--pitr",
    is_flag=True,
    default=None,
    help="Keep the objects' past, so that bookmarks restore it (default: dev.pitr of the file).",
)
@click.option(
    "-e", "--env", "environment", metavar="NAME", help="Use [env.NAME] of the configuration."
)
@click.option(
    "--env-file",
    "env_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Read secrets from FILE instead of .dev.vars and .env.",
)
@click.option(
    "--var",
    "variables",
    metavar="K:V",
    multiple=True,
    callback=parse_variables,
    help="A variable for env; it wins over the file's.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "log", "info", "warn", "error", "none"]),
    default="log",
    show_default=True,
    help="What is printed, and everything to the right of it.",
)
@click.option("--json-log", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--reload-mode",
    type=click.Choice(["deploy", "hibernate", "off"]),
    default="deploy",
    show_default=True,
    help="What a saved file does: deploy resets the objects and ends their sockets, hibernate "
    "lets objects change over when they may sleep and keeps sockets, off waits for a restart.",
)
@click.option(
    "--explorer/--no-explorer",
    "explorer",
    default=None,
    help="Whether there is the explorer with its API (default: on a loopback address only).",
)
@click.option("--open", "opens_browser", is_flag=True, help="Open a browser when it is ready.")
def dev(
    config_paths: tuple[Path, ...],
    environment: str | None,
    env_files: tuple[Path, ...],
    variables: Mapping[str, str],
    ip: str | None,
    port: int | None,
    reload_mode: Any,
    **options: Any,
) -> None:
    """Serve the worker until Ctrl-C."""
    if options["in_memory"] and options["persist_to"] is not None:
        raise click.UsageError("--in-memory and --persist-to exclude each other.")
    # Nothing that start-up makes is garbage; serving switches the collector on again.
    gc.disable()
    # The configuration first: a mistake in it is told before anything heavy is imported.
    load = functools.partial(load_all, config_paths, environment, env_files, variables)
    configs = load()
    from emulator.cli.serving import Options, serve_until_stopped

    settings = Options(
        host=ip if ip is not None else configs[0].dev.ip,
        port=port if port is not None else configs[0].dev.port,
        reload_mode=None if reload_mode == "off" else reload_mode,
        **options,
    )
    serve_until_stopped(configs, settings, load)


def load_all(
    paths: tuple[Path, ...],
    environment: str | None,
    env_files: tuple[Path, ...],
    variables: Mapping[str, str],
) -> list[Config]:
    """The configurations; without a path, the one that wrangler would find. Raises: ConfigError."""
    from emulator.runtime.config import load_config

    return [
        load_config(path, environment=environment, env_files=env_files, variables=variables)
        for path in paths or (None,)
    ]
