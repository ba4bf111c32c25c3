"""The part of `durable dev` that waits: build, announce, serve, stop.

"Ready" is printed only once connections are accepted; what nobody needs before is loaded after.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from emulator.assembly import Emulator, run, serve
from emulator.cli.log_lines import READY, Log
from emulator.cli.output import binding_table
from emulator.cli.reload import Reloader
from emulator.cli.signals import stop_signals
from emulator.runtime.config import main_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emulator.cli.log_lines import Level
    from emulator.core.config import Config, DurabilityName
    from emulator.runtime.reload import ReloadMode

__all__ = ["Options", "serve_until_stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of `durable dev`, beside the configurations. `reload_mode` None: never."""

    host: str
    port: int
    persist_to: Path | None = None
    in_memory: bool = False
    durability: DurabilityName | None = None
    pitr: bool | None = None
    log_level: Level = "log"
    json_log: bool = False
    reload_mode: ReloadMode | None = "deploy"
    opens_browser: bool = False
    explorer: bool | None = None


def serve_until_stopped(
    configs: Sequence[Config], options: Options, load: Callable[[], Sequence[Config]]
) -> None:
    """Serve until a signal asks to stop. `load` reads the configurations anew.

    Raises:
        EmulatorError: the worker does not load, the port is taken, the state folder is unusable.
    """
    roots = tuple(str(main_path(config).parent) for config in configs)
    log = Log(level=options.log_level, is_json=options.json_log, roots=roots)
    for config in configs:
        log.warn_of(config)
    if not options.json_log:
        click.echo(binding_table(configs[0], [other.name for other in configs[1:]]))
        click.echo()
    emulator = Emulator.from_config(
        *configs,
        persist_to=options.persist_to,
        in_memory=options.in_memory,
        durability=options.durability,
        pitr=options.pitr,
        listener=log,
    )
    # It looks at the files before anybody is told that they may be changed.
    reloader = Reloader(emulator, configs, load, options.reload_mode or "deploy", log)
    run(_serve(emulator, options, log, reloader))


async def _serve(emulator: Emulator, options: Options, log: Log, reloader: Reloader) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    with stop_signals(loop, stop.set):
        async with emulator:
            page = functools.partial(_error_page, tuple(log.roots))
            server = await serve(
                emulator,
                host=options.host,
                port=options.port,
                error_page=page,
                explorer=options.explorer,
            )
            gc.freeze()
            gc.enable()
            try:
                url = server.urls[0]
                log.say(f"Ready on {url}", kind=READY, url=url)
                with contextlib.ExitStack() as stack:
                    if options.reload_mode is not None:
                        reloader.start(loop)
                        stack.callback(reloader.stop)
                    _listen(stack, emulator, options, log, url, reloader, stop.set)
                    await stop.wait()
                log.say("Shutting down; Ctrl-C again ends at once.", kind="stopping")
            finally:
                await server.close()


def _listen(
    stack: contextlib.ExitStack,
    emulator: Emulator,
    options: Options,
    log: Log,
    url: str,
    reloader: Reloader,
    stop: Callable[[], object],
) -> None:
    """Listen to the keys of the person at the terminal, and open the browser."""
    from emulator.cli.hotkeys import Keyboard, can_type
    from emulator.cli.keys import HELP, open_browser, table_of_keys

    if not options.json_log and can_type():
        keys = table_of_keys(
            emulator=emulator, log=log, url=url, reload=reloader.reload_now, stop=stop
        )
        stack.enter_context(Keyboard(asyncio.get_running_loop(), keys))
        log.say(HELP)
    if options.opens_browser:
        open_browser(url)


def _error_page(roots: tuple[str, ...], text: str, method: str, url: str) -> str | None:
    from emulator.cli.error_page import error_page

    return error_page(text, method, url, roots)
