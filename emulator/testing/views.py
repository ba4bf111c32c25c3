"""What a test sees of an object without waking it: its storage, and its sockets.

Everything is a copy as plain Python values: looking changes nothing.

Source: spec storage §7; websockets §3; peers §2. Proof: tests/testing/test_views.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core.values import JsNull, JsProxy
from emulator.core.values.codec import loads
from emulator.storage.snapshot import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.values import JsValue
    from emulator.runtime.websocket import WebSocketEnd

__all__ = ["Change", "SocketView", "StorageDiff", "StorageView", "TableDiff", "socket_view"]

NS_PER_MS = 1_000_000


class StorageView:
    """The committed contents of one object, as they were when the view was made."""

    def __init__(self, path: Path) -> None:
        self._snapshot = Snapshot(path)
        self.kv: dict[str, Any] = {
            key: to_python(loads(blob)) for key, blob in self._snapshot.key_values().items()
        }
        alarm_ns = self._snapshot.alarm_ns()
        self.alarm_ms: int | None = None if alarm_ns is None else alarm_ns // NS_PER_MS
        self.size_bytes: int = self._snapshot.size_bytes

    @property
    def tables(self) -> list[str]:
        """The names of the tables that the object made itself."""
        return self._snapshot.tables()

    def sql(self, query: str, *bindings: Any) -> list[dict[str, Any]]:
        """The rows of a query by column name. It runs on a copy: writing leads nowhere."""
        return self._snapshot.execute(query, *bindings)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table, in the order of the table."""
        name = table.replace('"', '""')
        return self.sql(f'SELECT * FROM "{name}"')  # noqa: S608  # a quoted name

    def close(self) -> None:
        self._snapshot.close()

    def __repr__(self) -> str:
        return f"StorageView(kv={self.kv!r}, tables={self.tables!r}, alarm_ms={self.alarm_ms!r})"


@dataclass(frozen=True, slots=True)
class Change[T]:
    """A value before and after; None where there was or is none."""

    before: T | None
    after: T | None


@dataclass(frozen=True, slots=True)
class TableDiff:
    """The rows of one table that came and that went; a changed row did both."""

    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]


@dataclass(slots=True)
class StorageDiff:
    """What changed in an object's committed storage during a block.

        with durable.diff(stub) as changed:
            await stub.rename("new")
        assert changed.kv == {"name": Change("old", "new")}

    The fields are filled when the block ends.
    """

    kv: dict[str, Change[Any]] = field(default_factory=dict)
    tables: dict[str, TableDiff] = field(default_factory=dict)
    alarm_ms: Change[int] | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.kv or self.tables or self.alarm_ms)

    def fill(self, before: StorageView, after: StorageView) -> None:
        for key in {**before.kv, **after.kv}:
            old, new = before.kv.get(key), after.kv.get(key)
            if old != new or (key in before.kv) is not (key in after.kv):
                self.kv[key] = Change(old, new)
        for table in dict.fromkeys([*before.tables, *after.tables]):
            change = _rows_changed(
                before.rows(table) if table in before.tables else [],
                after.rows(table) if table in after.tables else [],
            )
            if change.added or change.removed:
                self.tables[table] = change
        if before.alarm_ms != after.alarm_ms:
            self.alarm_ms = Change(before.alarm_ms, after.alarm_ms)


def _rows_changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> TableDiff:
    removed = list(before)
    added = []
    for row in after:
        if row in removed:
            removed.remove(row)
        else:
            added.append(row)
    return TableDiff(added, removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketView:
    """One socket in the object's keeping. `auto_response_ms`: when it was last answered for."""

    tags: tuple[str, ...]
    attachment: Any
    ready_state: int
    auto_response_ms: int | None


def socket_view(end: WebSocketEnd) -> SocketView:
    attachment = None if end.attachment is None else to_python(loads(end.attachment))
    return SocketView(
        tags=end.tags,
        attachment=attachment,
        ready_state=int(end.ready_state),
        auto_response_ms=end.auto_response_ms,
    )


def to_python(value: JsValue) -> Any:
    """A JavaScript value as Python's own: objects and maps as dicts, null as None."""
    return _without_null(value.to_py() if isinstance(value, JsProxy) else value)


def _without_null(value: Any) -> Any:
    if isinstance(value, JsNull):
        return None
    if isinstance(value, list):
        return [_without_null(member) for member in value]
    if isinstance(value, dict):
        return {key: _without_null(member) for key, member in value.items()}
    return value
