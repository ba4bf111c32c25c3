"""Edits in the file of an object that no worker declares, or no server runs: nobody has it open.

Proof: tests/runtime/test_inspection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.runtime.inspection.errors import UnknownMemberError
from emulator.storage.actor_sqlite import ActorSqlite
from emulator.storage.database import Durability
from emulator.storage.metadata import AlarmIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.inspection.objects import Target
    from emulator.storage.layout import StateLayout

__all__ = ["edit_file"]


def edit_file[T](
    target: Target,
    layout: StateLayout,
    reference: Callable[[], str],
    edit: Callable[[ActorSqlite], T],
) -> T:
    """Run `edit` on the object's storage and commit, its alarm with it.

    Raises: JsException, UnknownMemberError, EmulatorError. Nothing is written then.
    """
    sqlite = ActorSqlite(
        target.file,
        durability=Durability.FULL,
        on_first_write=lambda: None,
        sql_enabled=True,
        reference=reference,
    )
    try:
        if not sqlite.exists_on_disk:
            raise UnknownMemberError("The object has no file.")
        result = edit(sqlite)
        if sqlite.is_alarm_changed:
            _commit_alarm(sqlite, target, layout)
        elif sqlite.is_dirty:
            sqlite.commit()
        return result
    finally:
        sqlite.close()


def _commit_alarm(sqlite: ActorSqlite, target: Target, layout: StateLayout) -> None:
    alarm_ns = sqlite.get_alarm_ns()
    index = AlarmIndex(layout.metadata_file(target.unique_key), durability=Durability.FULL)
    try:
        index.before_commit(target.id, alarm_ns, target.name)
        sqlite.commit()
        index.after_commit(target.id, alarm_ns, target.name)
    finally:
        index.close()
