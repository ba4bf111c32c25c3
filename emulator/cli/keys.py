"""What the hotkeys of `durable dev` do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.assembly import Emulator
    from emulator.cli.log_lines import Log

__all__ = ["HELP", "list_objects", "open_browser", "table_of_keys"]

HELP: Final = "[o] open a browser  [r] reload  [e] list objects  [l] log level  [h] help  [x] exit"
_OBJECTS_MAX: Final = 50


def table_of_keys(
    *,
    emulator: Emulator,
    log: Log,
    url: str,
    reload: Callable[[], object],
    stop: Callable[[], object],
) -> Mapping[str, Callable[[], object]]:
    """Each key with what it does; `b` and `q` are wrangler's other names for two of them."""

    def browse() -> None:
        open_browser(url)

    return {
        "o": browse,
        "b": browse,
        "r": reload,
        "e": lambda: print(list_objects(emulator), flush=True),
        "l": lambda: _change_level(log),
        "h": lambda: print(HELP, flush=True),
        "x": stop,
        "q": stop,
    }


def _change_level(log: Log) -> None:
    print(f"log level: {log.next_level()}", flush=True)


def list_objects(emulator: Emulator) -> str:
    """The objects that are awake or have sockets, one a line. Looking wakes none of them."""
    lines = []
    for worker in emulator.workers.values():
        for namespace in worker.namespaces.values():
            for container in namespace.containers.values():
                sockets = len(container.sockets)
                if container.instance is None and not sockets:
                    continue
                state = "asleep" if container.instance is None else "awake"
                name = container.name or container.id[:8]
                blockers = container.blockers()
                why = f", {blockers[0].detail}" if blockers else ""
                count = f", {sockets} socket{'s' * (sockets != 1)}" if sockets else ""
                lines.append(f"  {namespace.class_name} {name!r}  {state}{count}{why}")
    if not lines:
        return "No object is awake."
    more = len(lines) - _OBJECTS_MAX
    return "\n".join(lines[:_OBJECTS_MAX] + ([f"  ... and {more} more"] if more > 0 else []))


def open_browser(url: str) -> None:
    """Show the URL in the person's browser; starting one takes its time, so elsewhere."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
