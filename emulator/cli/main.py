"""The command `durable`: one group, its commands imported when they are asked for.

`durable --help` and completion must be quick, and `durable dev` must not pay for other commands, so
nothing heavier than click is imported here, and nothing heavier than options in a command's module.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from emulator.errors import EmulatorError

__all__ = ["durable", "main"]

COMMANDS: Final = {
    "check": "emulator.cli.check:check",
    "dev": "emulator.cli.dev:dev",
    "migrate": "emulator.cli.migrate:migrate",
    "new": "emulator.cli.new:new",
    "objects": "emulator.cli.objects:objects",
}


class CommandFailedError(click.ClickException):
    """An error of ours on its way to the terminal: its own words, exit code 1, no traceback."""

    def show(self, file: Any = None) -> None:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True, file=file)
        click.echo(self.message, err=True, file=file)


class LazyGroup(click.Group):
    """Finds the commands in COMMANDS, and turns an EmulatorError into a message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), f"{cmd_name} must name a click command"
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EmulatorError as exc:
            raise CommandFailedError(str(exc)) from exc


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="durable-emulator", prog_name="durable")
def durable() -> None:
    """Cloudflare Durable Objects for Python Workers, on this machine."""


def main() -> None:
    """The console script; also `python -m emulator`."""
    durable(prog_name="durable")
