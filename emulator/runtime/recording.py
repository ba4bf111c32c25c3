"""What happened lately, for people who watch: a bounded timeline, console lines, who was touched.

`LiveRecorder` is the recorder of a server. The frequent records (handlers, commits, frames, gate
waits) have a budget; once it is spent the recorder rests until the next one, so that a busy server
pays nothing for what nobody could read. What changes an object's life is always kept.

Invariants, proved in tests/runtime/test_recording.py:

  1. Every list is bounded; the oldest go first, and what a reader misses can be counted.
  2. Sequence numbers grow by one and are shared by events and console lines.
  3. Nothing but the loop's clock is read, and no object is held on to.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from emulator.core.events import (
    ConsoleMessage,
    Event,
    GateWaited,
    HandlerEnded,
    HandlerStarted,
    RequestServed,
    StorageCommitted,
    WorkerError,
)
from emulator.runtime.events import Recorder
from emulator.runtime.frames import SocketBook
from emulator.runtime.gates import current_gate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.core.events import Listener
    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.delivery import Deliverable
    from emulator.runtime.host import Host
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Entry", "LiveRecorder", "Timeline"]

ENTRIES_MAX: Final = 20_000
LINES_MAX: Final = 2_000
OBJECT_LINES_MAX: Final = 200
OBJECTS_MAX: Final = 20_000  # of which something is remembered
OPEN_MAX: Final = 10_000  # handlers whose start is remembered
BUDGET: Final = 100
BUDGET_S: Final = 0.1
_WAIT_MIN_S: Final = 0.000_5  # shorter waits at the gate are the loop's own

type Key = tuple[str, str]
"""An object: the unique key of its class, and its id."""


@dataclass(slots=True, frozen=True)
class Entry:
    """One record in its place. `span` is the number of the start, on a start and its end."""

    seq: int
    time_s: float  # the loop's
    event: Event
    key: Key | None
    span: int | None = None
    duration_s: float | None = None
    data: dict[str, Any] = field(default_factory=dict)


class Timeline:
    """The last entries of one emulator."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self._lines: deque[Entry] = deque(maxlen=LINES_MAX)
        self._object_lines: OrderedDict[Key, deque[Entry]] = OrderedDict()
        self._last: OrderedDict[Key, Entry] = OrderedDict()  # by when they were touched
        self._gone: deque[tuple[int, Key]] = deque(maxlen=1000)
        self.last_seq = 0
        self.dropped = 0
        self._base_ms = host.clock.now_ms() - host.loop.time() * 1000

    @property
    def first_seq(self) -> int:
        return self._entries[0].seq if self._entries else self.last_seq + 1

    def wall_ms(self, time_s: float) -> float:
        """When that was, in milliseconds since the epoch, with its microseconds."""
        return round(self._base_ms + time_s * 1000, 3)

    def add(
        self,
        event: Event,
        key: Key | None,
        *,
        span: int | None = None,
        duration_s: float | None = None,
        data: dict[str, Any] | None = None,
    ) -> int:
        """Note `event`; its number. `span` 0 makes it the start of one."""
        self.last_seq = seq = self.last_seq + 1
        entry = Entry(
            seq,
            self._host.loop.time(),
            event,
            key,
            seq if span == 0 else span,
            duration_s,
            data or {},
        )
        self._entries.append(entry)
        if key is not None:
            self._last[key] = entry
            self._last.move_to_end(key)
            if len(self._last) > OBJECTS_MAX:
                self._last.popitem(last=False)
        if isinstance(event, (ConsoleMessage, WorkerError)):
            self._add_line(entry)
        return seq

    def _add_line(self, entry: Entry) -> None:
        self._lines.append(entry)
        if entry.key is not None:
            lines = self._object_lines.setdefault(entry.key, deque(maxlen=OBJECT_LINES_MAX))
            lines.append(entry)
            self._object_lines.move_to_end(entry.key)
            if len(self._object_lines) > LINES_MAX:
                self._object_lines.popitem(last=False)

    def forget(self, key: Key) -> None:
        """The object is deleted."""
        self.last_seq += 1
        self._gone.append((self.last_seq, key))
        self._last.pop(key, None)
        self._object_lines.pop(key, None)

    def entries(self, since: int = 0, key: Key | None = None) -> Iterator[Entry]:
        """Those after number `since`, oldest first; of one object if `key` is given."""
        skipped = 0
        if self._entries and since >= self._entries[0].seq:
            # Numbers have gaps, but few: look from a little before where it must be.
            behind = sum(1 for _ in self._newer(since))
            skipped = len(self._entries) - behind
        for entry in islice(self._entries, skipped, None):
            if key is None or entry.key == key:
                yield entry

    def _newer(self, since: int) -> Iterator[Entry]:
        for entry in reversed(self._entries):
            if entry.seq <= since:
                return
            yield entry

    def lines(self, since: int = 0, key: Key | None = None) -> list[Entry]:
        """Console lines and errors after number `since`, oldest first."""
        found = self._lines if key is None else self._object_lines.get(key, ())
        return [entry for entry in found if entry.seq > since]

    def touched(self, since: int) -> Iterator[Key]:
        """The objects that something happened to after number `since`, the latest first."""
        for key, entry in reversed(self._last.items()):
            if entry.seq <= since:
                return
            yield key

    def gone(self, since: int) -> list[Key]:
        return [key for seq, key in self._gone if seq > since]

    def last_of(self, key: Key) -> Entry | None:
        """The last thing that happened to an object, as far as remembered."""
        return self._last.get(key)


@dataclass(slots=True, frozen=True)
class _Open:
    """A handler that has not ended."""

    seq: int
    since_s: float
    record: HandlerStarted
    key: Key | None


class LiveRecorder(Recorder):
    """Keeps the timeline of a server up to date; also the listener around its terminal."""

    def __init__(self, host: Host, listener: Listener | None) -> None:
        self.timeline = Timeline(host)
        super().__init__(host.clock, self._note)
        self._host = host
        self._terminal = listener
        self._budget = BUDGET
        self._is_refilling = False
        self._is_closed = False
        self._is_telling = False
        self._key: Key | None = None
        self._open: dict[int, _Open] = {}  # by the id of what was let in
        self._arrived: dict[int, float] = {}
        self._commit_s = 0.0
        self.sockets = SocketBook(host)

    def close(self) -> None:
        """Nothing is recorded any more."""
        self._is_closed = True
        self._host.recorder = self._host.chronicle = None
        self._host.listener = self._terminal

    # --- the budget ------------------------------------------------------------------------

    def _is_spent(self) -> bool:
        if self._budget <= 0:
            self.timeline.dropped += 1
            self._rest()
            return True
        self._budget -= 1
        if not self._is_refilling:
            self._is_refilling = True
            self._host.later(BUDGET_S, self._refill)
        return False

    def _rest(self) -> None:
        """Hear nothing of events until the budget is new; those that run are followed no further."""
        self._host.recorder = None
        self._arrived.clear()
        for event in list(self._open):
            self._end(self._open.pop(event), None, data={"followed": False})

    def _refill(self) -> None:
        self._is_refilling = False
        self._budget = BUDGET
        if not self._is_closed:
            self._host.recorder = self

    # --- records ---------------------------------------------------------------------------

    def listen(self, event: Event) -> None:
        """The emulator's listener: requests, console lines and errors that nobody caught."""
        if self._terminal is not None:
            self._is_telling = True  # what the terminal prints is told already
            try:
                self._terminal(event)
            finally:
                self._is_telling = False
        if isinstance(event, RequestServed):
            if not self._is_spent():
                self.timeline.add(event, None, duration_s=event.duration_ms / 1000)
            return
        data, key = _writer(event)
        self.timeline.add(event, key, data=data)

    def printed(self, line: str, is_error: bool) -> None:
        """User code printed a line (runtime/prints.py)."""
        if self._is_telling:
            return
        event = ConsoleMessage(
            time_ms=self._host.clock.now_ms(), level="error" if is_error else "log", text=line
        )
        data, key = _writer(event)
        self.timeline.add(event, key, data=data)

    def _note(self, event: Event) -> None:
        self.timeline.add(event, self._key)

    def _where(self, container: ActorContainer) -> Any:
        self._key = key_of(container)
        return super()._where(container)

    def queued(self, container: ActorContainer, event: Deliverable) -> None:
        del container
        if len(self._arrived) >= OPEN_MAX:
            self._arrived.clear()  # of events that never began
        self._arrived[id(event)] = self._host.loop.time()

    def started(self, container: ActorContainer, event: Deliverable) -> None:
        arrived_s = self._arrived.pop(id(event), None) if self._arrived else None
        if self.sockets.is_watched:
            self.sockets.arrived(event)
        if self._is_spent():
            return
        data: dict[str, Any] = {}
        now_s = self._host.loop.time()
        where = self._where(container)
        key = self._key
        if arrived_s is not None and now_s - arrived_s >= _WAIT_MIN_S:
            data["waited_ms"] = round((now_s - arrived_s) * 1000, 3)
            waited = GateWaited(**where, kind=event.kind, detail=event.detail)
            self.timeline.add(waited, key, duration_s=now_s - arrived_s)
        caller = _caller(event)
        if caller is not None and caller is not container:
            data["caller"] = _name_of(caller)
        record = HandlerStarted(**where, kind=event.kind, detail=event.detail)
        seq = self.timeline.add(record, key, span=0, data=data)
        if len(self._open) < OPEN_MAX:
            self._open[id(event)] = _Open(seq, now_s, record, key)

    def ended(
        self, container: ActorContainer, event: Deliverable, failure: BaseException | None
    ) -> None:
        found = self._open.pop(id(event), None) if self._open else None
        if found is None:
            if failure is not None and not self._is_spent():
                super().ended(container, event, failure)
            return
        self._end(found, None if failure is None else self.text_of(failure))

    def _end(self, found: _Open, error: str | None, data: dict[str, Any] | None = None) -> None:
        begun = found.record
        record = HandlerEnded(
            time_ms=self._host.clock.now_ms(),
            class_name=begun.class_name,
            id=begun.id,
            name=begun.name,
            kind=begun.kind,
            detail=begun.detail,
            error=error,
        )
        duration_s = self._host.loop.time() - found.since_s
        self.timeline.add(record, found.key, span=found.seq, duration_s=duration_s, data=data)

    def _end_all(self, container: ActorContainer, error: str) -> None:
        """The instance is gone, and what ran in it."""
        key = key_of(container)
        for event in [event for event, found in self._open.items() if found.key == key]:
            self._end(self._open.pop(event), error)

    def slept(self, container: ActorContainer, cut_off: int) -> None:
        if cut_off:
            self._end_all(container, "cut off: the instance was evicted")
        super().slept(container, cut_off)

    def broke(self, container: ActorContainer, reason: BaseException) -> None:
        self._end_all(container, self.text_of(reason))
        super().broke(container, reason)

    def committing(self, container: ActorContainer) -> None:
        del container
        self._commit_s = self._host.loop.time()

    def committed(self, container: ActorContainer) -> None:
        if not self._is_spent():
            where = self._where(container)
            took_s = self._host.loop.time() - self._commit_s
            self.timeline.add(StorageCommitted(**where), self._key, duration_s=took_s)

    def accepted(
        self, container: ActorContainer, tags: Sequence[str], end: WebSocketEnd | None = None
    ) -> None:
        if end is not None:
            self.sockets.opened(end)
        super().accepted(container, tags, end)

    def sent(self, container: ActorContainer, frame: Any, end: WebSocketEnd | None = None) -> None:
        if end is not None and self.sockets.is_watched:
            self.sockets.note(end, "out", frame)
        if not self._is_spent():
            super().sent(container, frame, end)


def key_of(container: ActorContainer) -> Key:
    return container.namespace.unique_key, container.id


def _writer(event: Event) -> tuple[dict[str, Any], Key | None]:
    """Whose code runs now: who wrote a console line."""
    gate = current_gate.get()
    if gate is None or not isinstance(event, (ConsoleMessage, WorkerError)):
        return {}, None
    container: ActorContainer = gate.owner.container
    return _name_of(container), key_of(container)


def _name_of(container: ActorContainer) -> dict[str, Any]:
    return {
        "class": container.namespace.class_name,
        "namespace": container.namespace.unique_key,
        "id": container.id,
        "name": container.name,
    }


def _caller(event: Deliverable) -> ActorContainer | None:
    """The object whose code calls, if it is known: the one that waits, or the one that runs."""
    if event.kind not in ("rpc", "fetch"):
        return None
    waiter = getattr(event, "waiter", None)
    if waiter is None:
        gate = current_gate.get()
        waiter = None if gate is None else gate.owner
    if waiter is None:
        return None
    container: ActorContainer = waiter.container
    return container
