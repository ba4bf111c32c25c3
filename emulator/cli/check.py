"""`durable check`: what is wrong with a project, before it runs; `--deploy`, before it goes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.errors import Diagnostic
    from emulator.runtime.checking import Checked

__all__ = ["check"]


@click.command()
@click.option(
    "-c",
    "--config",
    "config_paths",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="A configuration file (default: the one that wrangler would find). Given several times, "
    "bindings between the workers are checked, too.",
)
@click.option(
    "-e",
    "--env",
    "environment",
    metavar="NAME",
    help="Check this environment only (default: the top level and every environment).",
)
@click.option(
    "--deploy", is_flag=True, help="Look also for what Python Workers on Cloudflare refuse."
)
def check(config_paths: tuple[Path, ...], environment: str | None, deploy: bool) -> None:
    """Check the configuration and the worker's classes. Nothing is run.

    Every problem is told with its file, line and column. Errors make the exit code 1; warnings do
    not.
    """
    from emulator.runtime.checking import check_project

    checked = check_project(config_paths or (None,), environment=environment, deploys=deploy)
    _print(checked.warnings, "warning", "yellow")
    _print(checked.errors, "error", "red")
    click.echo(_summary(checked))
    if checked.errors:
        raise click.exceptions.Exit(1)


def _print(items: Sequence[Diagnostic], kind: str, color: str) -> None:
    for item in items:
        click.secho(f"{kind}: ", fg=color, bold=True, nl=False)
        first, *rest = item.problem.split("\n")
        click.echo(f"{item.place}: {first}")
        lines = [item.context] if item.context is not None else []
        lines += rest
        lines += item.hint.split("\n") if item.hint is not None else []
        for line in lines:
            click.echo(f"    {line}".rstrip())


def _summary(checked: Checked) -> str:
    errors, warnings = len(checked.errors), len(checked.warnings)
    if errors or warnings:
        return f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
    return f"No problems found: {', '.join(config.name for config in checked.configs)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
