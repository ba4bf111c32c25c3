"""What happens, handed out in batches as it happens.

Nobody waits for a watcher: it reads the timeline at its own pace, at most ten times a second, and
what has left the timeline meanwhile is counted as dropped.

Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from emulator.runtime.inspection.objects import Inspector, ObjectView
    from emulator.runtime.recording import Entry, Key

__all__ = ["Batch", "LiveFeed", "Watcher"]

BATCH_S: Final = 0.1
WATCHERS_MAX: Final = 16
ENTRIES_MAX: Final = 500
LINES_MAX: Final = 200
OBJECTS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What happened since the batch before. `dropped` entries are missing in it."""

    seq: int
    entries: list[Entry]
    lines: list[Entry]
    objects: list[ObjectView]
    gone: list[Key]
    dropped: int


class LiveFeed:
    """Wakes its watchers; its clock runs only while there are any."""

    def __init__(self, inspector: Inspector) -> None:
        self.inspector = inspector
        self._watchers: set[Watcher] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_full(self) -> bool:
        return len(self._watchers) >= WATCHERS_MAX

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        self.inspector.recorder.sockets.watchers = len(self._watchers)
        if self._timer is None:
            self._wait()

    def remove(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        self.inspector.recorder.sockets.watchers = len(self._watchers)
        if not self._watchers and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """The server ends: every watcher is told."""
        for watcher in list(self._watchers):
            watcher.end()

    def _wait(self) -> None:
        self._timer = self.inspector.host.later(BATCH_S, self._tick)

    def _tick(self) -> None:
        last_seq = self.inspector.recorder.timeline.last_seq
        for watcher in list(self._watchers):
            watcher.tick(last_seq)
        self._wait()


class Watcher:
    """One who watches. Use it as a context manager."""

    def __init__(
        self, feed: LiveFeed, since: int | None, is_gone: Callable[[], bool] = lambda: False
    ) -> None:
        """Args:
        since: the number of the last entry that is known; None for everything from now on.
        is_gone: whether the watcher has left without a word.
        """
        self._is_gone = is_gone
        self._feed = feed
        timeline = feed.inspector.recorder.timeline
        self._timeline = timeline
        # A number from before a restart is none of ours.
        self.seq = timeline.last_seq if since is None or since > timeline.last_seq else since
        self._news = asyncio.Event()
        self._pending: dict[Key, None] = {}  # objects that are still to be told of
        self.is_ended = False

    def __enter__(self) -> Watcher:
        self._feed.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feed.remove(self)

    def tick(self, last_seq: int) -> None:
        """A tenth of a second has passed."""
        if self._is_gone():
            self.end()
        elif last_seq > self.seq or self._pending:
            self._news.set()

    def end(self) -> None:
        self.is_ended = True
        self._news.set()

    async def wait(self, timeout_s: float) -> bool:
        """Until there is something new, at most `timeout_s` seconds; whether there is."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def batch(self) -> Batch:
        """Everything new, as far as it fits."""
        timeline = self._timeline
        since = self.seq
        dropped = max(0, timeline.first_seq - 1 - since)
        entries = list(timeline.entries(since))
        if len(entries) > ENTRIES_MAX:
            dropped += len(entries) - ENTRIES_MAX
            entries = entries[-ENTRIES_MAX:]
        gone = timeline.gone(since)
        for key in timeline.touched(since):
            self._pending[key] = None
        for key in gone:
            self._pending.pop(key, None)
        chosen = list(self._pending)[:OBJECTS_MAX]
        for key in chosen:
            del self._pending[key]
        self.seq = timeline.last_seq
        inspector = self._feed.inspector
        return Batch(
            seq=self.seq,
            entries=entries,
            lines=timeline.lines(since)[-LINES_MAX:],
            objects=[inspector.view(*key) for key in chosen],
            gone=gone,
            dropped=dropped,
        )
