"""What an object keeps: looked at on a copy of what is committed, edited through the object itself.

An edit of an object that is awake is an event of it: it waits at the input gate and is part of a
commit. An object that sleeps stays asleep; its file is written through the same code and committed
at once.

Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import CodecError, JsException, JsValue, dumps, loads
from emulator.core.values.previews import preview
from emulator.core.values.typed_json import type_name, write
from emulator.errors import EmulatorError
from emulator.runtime.delivery import Delivery
from emulator.runtime.inspection.closed import edit_file
from emulator.runtime.inspection.errors import (
    NotUnderstoodError,
    ObjectFailedError,
    UnknownMemberError,
)
from emulator.runtime.storage import NS_PER_MS, ObjectStorage
from emulator.storage.reading import Reader, Rows
from emulator.storage.snapshot import SNAPSHOT_ERRORS, Snapshot
from emulator.web.host_codec import WEB_HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.inspection.objects import Inspector, Target
    from emulator.storage.actor_sqlite import ActorSqlite
    from emulator.storage.reading import Table
    from emulator.storage.sql import SqlCursor

__all__ = ["KvEntry", "KvPage", "Storage", "StoredView", "decoded", "stored_view"]

PREVIEW_CHARS_MAX: Final = 200
VALUE_BYTES_SHOWN_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KvEntry:
    """A key and its value. `json` is typed JSON (core/values/typed_json.py)."""

    key: str
    bytes: int
    type: str
    preview: str
    is_editable: bool
    json: Any
    is_omitted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KvPage:
    """Some of the keys, in their order. `cursor` is the last one if there are more."""

    entries: list[KvEntry]
    total: int
    cursor: str | None


def decoded(key: str, blob: bytes, *, is_whole: bool = True) -> KvEntry:
    """A stored value for people; one that cannot be decoded is "unreadable"."""
    try:
        value = loads(blob, host=WEB_HOST)
    except CodecError as exc:
        return KvEntry(
            key=key,
            bytes=len(blob),
            type="unreadable",
            preview=str(exc),
            is_editable=False,
            json=None,
        )
    written = write(value)
    is_omitted = not is_whole and len(blob) > VALUE_BYTES_SHOWN_MAX
    return KvEntry(
        key=key,
        bytes=len(blob),
        type=type_name(value),
        preview=preview(written.json, PREVIEW_CHARS_MAX),
        is_editable=written.is_exact,
        json=None if is_omitted else written.json,
        is_omitted=is_omitted,
    )


class StoredView:
    """What is committed in one object's file, as a copy. Looking makes no file."""

    def __init__(self, file: Path, *, is_live: bool) -> None:
        """Raises: ObjectFailedError, for a file that is no database."""
        try:
            self._snapshot = Snapshot(file, is_live=is_live)
        except SNAPSHOT_ERRORS as exc:
            raise ObjectFailedError(f"{file} cannot be read: {exc}.") from exc

    def close(self) -> None:
        self._snapshot.close()

    def page(self, *, prefix: str = "", after: str | None = None, limit: int = 100) -> KvPage:
        """Keys that begin with `prefix`, those behind `after`."""
        blobs = {k: v for k, v in self._snapshot.key_values().items() if k.startswith(prefix)}
        keys = [key for key in blobs if after is None or key > after]
        shown = keys[:limit]
        return KvPage(
            entries=[decoded(key, blobs[key], is_whole=False) for key in shown],
            total=len(blobs),
            cursor=shown[-1] if len(keys) > limit and shown else None,
        )

    def entry(self, key: str) -> KvEntry:
        """Raises: UnknownMemberError."""
        blob = self._snapshot.key_values().get(key)
        if blob is None:
            raise UnknownMemberError(f"There is no key {key!r}.")
        return decoded(key, blob)

    def key_values(self) -> dict[str, bytes]:
        return self._snapshot.key_values()

    def alarm_ms(self) -> int | None:
        alarm_ns = self._snapshot.alarm_ns()
        return None if alarm_ns is None else alarm_ns // NS_PER_MS

    def tables(self) -> list[Table]:
        return Reader(self._snapshot).tables()

    def query(
        self, sql: str, params: Sequence[Any] = (), *, rows_max: int = 1000, explain: bool = False
    ) -> Rows:
        """Raises: QueryError."""
        return Reader(self._snapshot).query(sql, params, rows_max=rows_max, explain=explain)


@contextmanager
def stored_view(target: Target) -> Iterator[StoredView]:
    """What is committed in an object's file. Raises: ObjectFailedError."""
    view = StoredView(target.file, is_live=target.is_open)
    try:
        yield view
    finally:
        view.close()


class Storage:
    """Edits of what one object keeps."""

    def __init__(self, inspector: Inspector, target: Target) -> None:
        self._inspector = inspector
        self._host = inspector.host
        self._target = target

    async def put(self, key: str, value: JsValue) -> None:
        """Raises: NotUnderstoodError for a value or key the platform refuses; ObjectFailedError."""
        await self._edit(
            f"put {key!r}",
            lambda storage: storage.put(key, value),
            lambda sqlite: sqlite.kv.put(key, dumps(value, host=WEB_HOST)),
        )

    async def delete(self, key: str) -> bool:
        """Whether the key existed. Raises: ObjectFailedError."""
        found = await self._edit(
            f"delete {key!r}",
            lambda storage: storage.delete(key),
            lambda sqlite: sqlite.kv.delete(key),
        )
        return bool(found)

    async def set_alarm(self, due_ms: int) -> None:
        """Raises: NotUnderstoodError for a class without alarm(); ObjectFailedError."""
        await self._edit(
            "set the alarm",
            lambda storage: storage.set_alarm(due_ms),
            lambda sqlite: sqlite.set_alarm_ns(due_ms * NS_PER_MS),
        )

    async def delete_alarm(self) -> None:
        """Raises: ObjectFailedError."""
        await self._edit(
            "delete the alarm",
            lambda storage: storage.delete_alarm(),
            lambda sqlite: sqlite.set_alarm_ns(None),
        )

    async def run_sql(self, sql: str, params: Sequence[Any], rows_max: int) -> Rows:
        """Run statements by the rules of `ctx.storage.sql.exec`, in one transaction.

        Raises: NotUnderstoodError with SQLite's words; ObjectFailedError.
        """

        def run(sqlite: ActorSqlite) -> Rows:
            return sqlite.transaction_sync(lambda: _drained(sqlite.exec(sql, params), rows_max))

        rows: Rows = await self._edit("sql", lambda storage: run(storage.sqlite), run)
        return rows

    async def _edit(
        self,
        what: str,
        awake: Callable[[ObjectStorage], Any],
        asleep: Callable[[ActorSqlite], Any],
    ) -> Any:
        container = self._target.container
        try:
            if container is not None and container.instance is not None:
                return await self._event(container, what, awake)
            return self._directly(asleep)
        except JsException as exc:
            if exc.message.startswith("internal error"):
                raise ObjectFailedError(str(exc)) from exc
            raise NotUnderstoodError(exc.message) from exc
        except ObjectFailedError:
            raise
        except EmulatorError as exc:
            raise ObjectFailedError(str(exc)) from exc

    async def _event(
        self, container: ActorContainer, what: str, edit: Callable[[ObjectStorage], Any]
    ) -> Any:
        """The edit as an event of the live object. Raises: JsException."""
        outcome = self._host.loop.create_future()

        def run(user: object) -> Any:
            del user
            instance = container.instance
            assert instance is not None, "an event runs in an instance"
            return edit(ObjectStorage(instance))

        def succeed(value: Any) -> None:
            if not outcome.done():
                outcome.set_result(value)

        def fail(exc: BaseException) -> None:
            if not outcome.done():
                outcome.set_exception(exc)

        container.deliver(Delivery(kind="edit", detail=what, run=run, succeed=succeed, fail=fail))
        return await outcome

    def _directly(self, edit: Callable[[ActorSqlite], Any]) -> Any:
        """The edit in the file of an object that sleeps. Raises: JsException, EmulatorError."""
        namespace = self._target.namespace
        if namespace is None:
            return edit_file(self._target, self._inspector.layout, self._host.reference, edit)
        known = namespace.find(self._target.id)
        container = known or namespace.container_of(self._target.id, self._target.name)
        try:
            if not container.sqlite.exists_on_disk:
                raise UnknownMemberError("The object has no file.")
            result = edit(container.sqlite)
            container.commit()
            return result
        except BaseException:
            container.sqlite.rollback()
            raise
        finally:
            if known is None:
                namespace.drop(container)


def _drained(cursor: SqlCursor, rows_max: int) -> Rows:
    rows: list[tuple[Any, ...]] = []
    is_truncated = False
    while (row := cursor.next_row()) is not None:
        if len(rows) < rows_max:
            rows.append(tuple(row))
        else:
            is_truncated = True
    return Rows(
        columns=list(cursor.column_names),
        rows=rows,
        is_truncated=is_truncated,
        rows_written=cursor.rows_written,
    )
