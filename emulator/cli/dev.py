"""`durable dev`: serve the worker of a configuration file."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from emulator.core.config import DurabilityName

__all__ = ["dev"]


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
def dev(
    config_paths: tuple[Path, ...],
    port: int | None,
    ip: str | None,
    persist_to: Path | None,
    in_memory: bool,
    durability: DurabilityName | None,
    pitr: bool | None,
) -> None:
    """Serve the worker until Ctrl-C."""
    if in_memory and persist_to is not None:
        raise click.UsageError("--in-memory and --persist-to exclude each other.")
    # Nothing that start-up makes is garbage; serving switches the collector on again.
    gc.disable()
    # The configuration first: a mistake in it is told before anything heavy is imported.
    from emulator.cli.output import print_warnings
    from emulator.runtime.config import load_config

    configs = [load_config(path) for path in config_paths or (None,)]
    for each in configs:
        print_warnings(each)
    config = configs[0]

    from emulator.cli.serving import serve_until_stopped

    serve_until_stopped(
        *configs,
        host=ip if ip is not None else config.dev.ip,
        port=port if port is not None else config.dev.port,
        persist_to=persist_to,
        in_memory=in_memory,
        durability=durability,
        pitr=pitr,
    )
