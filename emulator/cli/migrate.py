"""`durable migrate`: carry out migrations on stored objects, or show what they would do."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["migrate"]


@click.command()
@click.option(
    "-c",
    "--config",
    "config_paths",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="The configuration file, as of `durable dev` (default: the one that wrangler would find).",
)
@click.option("-e", "--env", "environment", metavar="NAME", help="The environment, as of dev.")
@click.option(
    "--persist-to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the objects' files are: DIR/v3/do (default: .wrangler/state beside the file).",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; touch nothing.")
def migrate(
    config_paths: tuple[Path, ...],
    environment: str | None,
    persist_to: Path | None,
    dry_run: bool,
) -> None:
    """Apply the migrations of the configuration to the objects on this machine.

    `durable dev` does the same when it starts. Stop it before: the files must not be in use.
    """
    import asyncio

    from emulator.errors import describe_diagnostics
    from emulator.runtime.clock import SystemClock
    from emulator.runtime.config import catalog_file, load_config, state_folder
    from emulator.runtime.migrations import Migrations

    configs = [load_config(path, environment=environment) for path in config_paths or (None,)]
    for config in configs:
        if config.warnings:
            click.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
            click.echo(describe_diagnostics(str(config.path), config.warnings), err=True)
    migrations = Migrations(
        configs=configs,
        folder=state_folder(configs[0], persist_to),
        notebook=catalog_file(configs[0], persist_to),
        clock=SystemClock(),
    )
    plan = asyncio.run(migrations.plan() if dry_run else migrations.apply())
    for note in plan.notes:
        click.secho(note, fg="yellow")
    for change in plan.changes:
        click.echo(str(change))
    if not plan.changes:
        click.echo(f"Nothing to migrate in {migrations.folder}.")
    elif dry_run:
        click.echo("Nothing was changed (--dry-run).")
