"""The part of `durable dev` that waits: build, announce, serve, stop.

"Ready" is printed only once connections are accepted.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import click

from emulator.assembly import Emulator, run, serve
from emulator.cli.output import binding_table, print_event
from emulator.cli.signals import stop_signals

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.config import Config, DurabilityName

__all__ = ["serve_until_stopped"]


def serve_until_stopped(
    config: Config,
    *others: Config,
    host: str,
    port: int,
    persist_to: Path | None,
    in_memory: bool,
    durability: DurabilityName | None,
    pitr: bool | None,
) -> None:
    """Serve until a signal asks to stop.

    Raises:
        EmulatorError: the worker does not load, the port is taken, the state folder is unusable.
    """
    click.echo(binding_table(config, [other.name for other in others]))
    click.echo()
    emulator = Emulator.from_config(
        config,
        *others,
        persist_to=persist_to,
        in_memory=in_memory,
        durability=durability,
        pitr=pitr,
        listener=print_event,
    )
    run(_serve(emulator, host=host, port=port))


async def _serve(emulator: Emulator, *, host: str, port: int) -> None:
    stop = asyncio.Event()
    with stop_signals(asyncio.get_running_loop(), stop.set):
        async with emulator:
            server = await serve(emulator, host=host, port=port)
            gc.freeze()
            gc.enable()
            try:
                click.echo(f"Ready on {server.urls[0]}")
                await stop.wait()
                click.echo("Shutting down; Ctrl-C again ends at once.")
            finally:
                await server.close()
