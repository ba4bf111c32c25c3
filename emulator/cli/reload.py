"""Reload: what the workers were made of is watched, and a save is new code.

What counts is what a file says, not that it was touched: a save that changes nothing reloads
nothing, and a broken save is told of once. The folders of the code are watched, not what lies
below them (state, environments, node_modules).
"""

from __future__ import annotations

import os
import threading
import time
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import EmulatorError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence

    from emulator.assembly import Emulator
    from emulator.cli.log_lines import Log
    from emulator.core.config import Config
    from emulator.runtime.reload import ReloadMode
    from emulator.worker.code import Reloaded

__all__ = ["Reloader", "restart_hints"]

STEP_MS: Final = 40  # a burst of changes is over when nothing has changed for so long
BURST_MS: Final = 400  # ... or has lasted so long
# How soon is noticed what no event tells: a save before the folder was watched, a late import.
LOOK_MS: Final = 400
MISSING_S: Final = 0.25  # how long a file may be away: editors write another and rename it
NAMES_MAX: Final = 4

type Content = bytes | None
"""What a file says; None if there is none."""


class Reloader:
    """Watches the files of one emulator, in a thread, and reloads on its loop."""

    def __init__(
        self,
        emulator: Emulator,
        configs: Sequence[Config],
        load: Callable[[], Sequence[Config]],
        mode: ReloadMode,
        log: Log,
    ) -> None:
        """Args:
        configs: what the emulator was made from.
        load: reads them anew. Raises: ConfigError.
        """
        self._emulator = emulator
        self._configs = configs
        self._load = load
        self._mode = mode
        self._log = log
        self._config_files = frozenset(_config_files(configs))
        self._is_broken = False
        self._is_config_due = False
        self._missing_since: float | None = None
        self._stats: dict[str, Any] = {}
        self._seen: dict[str, Content] = {path: self._read(path) for path in self._config_files}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1)

    def reload_now(self) -> None:
        """Reload everything, changed or not."""
        for path in self._paths():
            self._seen[path] = self._read(path)
        self._is_config_due = True
        self._attempt([])

    # --- the thread ------------------------------------------------------------------------

    def _watch(self) -> None:
        # Only now: nobody needs it before the server is ready.
        from watchfiles import watch

        while not self._stop.is_set():
            folders = self._folders()
            changes = watch(
                *folders, watch_filter=None, step=STEP_MS, debounce=BURST_MS, recursive=False,
                rust_timeout=LOOK_MS, yield_on_timeout=True, raise_interrupt=False,
                stop_event=self._stop,
            )  # fmt: skip
            try:
                for _ in changes:
                    self._call(self._look)
                    if self._folders() != folders:
                        break
            except OSError:  # a folder went between the two lines above
                continue

    def _folders(self) -> list[str]:
        folders = {folder for modules in self._emulator.modules for folder in modules.folders}
        folders |= {os.path.dirname(path) for path in self._config_files}
        return sorted(folder for folder in folders if os.path.isdir(folder))

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function, context=Context())
        except RuntimeError:  # the loop is closed: nobody serves any more
            self._stop.set()

    # --- the loop --------------------------------------------------------------------------

    def _look(self) -> None:
        """Reload if a file says something else than it did."""
        if self._stop.is_set():
            return
        changed = [path for path in self._paths() if self._read(path) != self._known(path)]
        if not changed:
            self._missing_since = None
        elif not self._may_come_back(changed):
            self._missing_since = None
            for path in changed:
                self._seen[path] = self._read(path)
            self._is_config_due |= not self._config_files.isdisjoint(changed)
            self._attempt(changed)

    def _may_come_back(self, changed: Iterable[str]) -> bool:
        """Whether a file is away and may be back soon; another look is arranged then."""
        if all(self._read(path) is not None for path in changed):
            return False
        now = self._loop.time()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since >= MISSING_S:
            return False
        self._loop.call_later(MISSING_S / 4, self._look, context=Context())
        return True

    def _paths(self) -> set[str]:
        paths = {path for modules in self._emulator.modules for path in modules.sources}
        if self._is_broken:  # perhaps a module is missing that is written now
            for folder in {folder for m in self._emulator.modules for folder in m.folders}:
                paths |= {str(path) for path in Path(folder).glob("*.py")}
        return paths | self._seen.keys()

    def _known(self, path: str) -> Content:
        if path not in self._seen:
            sources = (modules.sources.get(path) for modules in self._emulator.modules)
            self._seen[path] = next((found for found in sources if found is not None), None)
        return self._seen[path]

    def _read(self, path: str) -> Content:
        try:
            status = os.stat(path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self._stats.get(path)
            if known is None or known[0] != stamp:
                known = self._stats[path] = (stamp, Path(path).read_bytes())
        except OSError:
            return None
        content: bytes = known[1]
        return content

    def _attempt(self, changed: Sequence[str]) -> None:
        started = time.perf_counter()
        try:
            configs = self._load() if self._is_config_due else self._configs
            reloaded = self._emulator.reload(configs, changed, self._mode)
        except EmulatorError as exc:
            self._is_broken = True
            for path in self._paths():
                self._seen.setdefault(path, self._read(path))
            text = f"error: {exc}\nThe old code goes on."
            self._log.say(text, level="error", kind="reload_failed", text=str(exc))
            return
        self._is_broken = self._is_config_due = False
        before, self._configs = self._configs, configs
        self._tell(reloaded, changed, (time.perf_counter() - started) * 1000)
        for old, new in zip(before, configs, strict=True):
            if new.warnings != old.warnings:
                self._log.warn_of(new)
        for hint in restart_hints(before, configs):
            self._log.say(f"warning: {hint}", level="warn", kind="restart_needed", text=hint)

    def _tell(self, reloaded: Reloaded, changed: Sequence[str], duration_ms: float) -> None:
        objects = reloaded.objects
        names = [os.path.basename(path) for path in changed if path in self._config_files]
        what = _some([*names, *reloaded.modules]) or "everything"
        parts = [f"Reloaded {what} in {duration_ms:.0f} ms"]
        if objects.objects:
            verb = "reset" if self._mode == "deploy" else "replaced"
            parts.append(f"{_some(objects.objects)} {verb}")
        if objects.sockets_closed or objects.sockets_kept:
            kept = objects.sockets_kept
            parts.append(f"{kept} sockets kept" if kept else f"{objects.sockets_closed} closed")
        text = "; ".join(parts) + "."
        for line in objects.waiting[:NAMES_MAX]:
            text += f"\n  still on the old code: {line}"
        if len(objects.waiting) > NAMES_MAX:
            text += f"\n  ... and {len(objects.waiting) - NAMES_MAX} more"
        self._log.say(
            text, kind="reload", mode=self._mode, modules=reloaded.modules, configs=names,
            duration_ms=duration_ms, objects=objects.objects, waiting=objects.waiting,
            sockets_closed=objects.sockets_closed, sockets_kept=objects.sockets_kept,
        )  # fmt: skip


def restart_hints(before: Sequence[Config], now: Sequence[Config]) -> list[str]:
    """What changed in the configurations and counts from the next start only."""
    hints = []
    for old, new in zip(before, now, strict=True):
        keys = [key for key in old.dev.__slots__ if getattr(old.dev, key) != getattr(new.dev, key)]
        if old.compatibility_date != new.compatibility_date:
            keys.append("compatibility_date")
        elif old.compatibility_flags != new.compatibility_flags:
            keys.append("compatibility_flags")
        hints += [_hint(new, key) for key in keys]
    return hints


def _hint(config: Config, key: str) -> str:
    name = key if key.startswith("compat") else f"dev.{key}"
    extent = "" if name.startswith("dev.") else " in full"
    return f"{config.path}: {name} has changed; it counts{extent} when `durable dev` is restarted."


def _config_files(configs: Iterable[Config]) -> Iterable[str]:
    """The configurations, and what their secrets come from, be it there or not."""
    for config in configs:
        if config.path is None:
            continue
        path = Path(config.path).resolve()
        yield str(path)
        ends = ["", ".local"]
        if config.environment:
            ends += [f".{config.environment}", f".{config.environment}.local"]
        yield from (str(path.parent / f".env{end}") for end in ends)
        yield from (str(path.parent / f".dev.vars{end}") for end in ends)


def _some(names: Sequence[str]) -> str:
    """A few of the names, and how many more there are."""
    shown = ", ".join(names[:NAMES_MAX])
    more = len(names) - NAMES_MAX
    return f"{shown} and {more} more" if more > 0 else shown
