"""Storages in a temporary folder, ended after the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.storage.actor_sqlite import ActorSqlite
from emulator.storage.database import Durability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emulator.storage.databases import Databases

REFERENCE = "r" * 24


class Turn:
    """What a runtime would know: how often a turn's transaction was opened."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self) -> None:
        self.opened += 1


@pytest.fixture
def turn() -> Turn:
    return Turn()


@pytest.fixture
def make_storage(tmp_path: Path, turn: Turn) -> Iterator[Callable[..., ActorSqlite]]:
    """A storage by file name; the same name twice is the same file."""
    made: list[ActorSqlite] = []

    def make(
        name: str = "object",
        *,
        sql_enabled: bool = True,
        durability: Durability = Durability.OFF,
        databases: Databases | None = None,
    ) -> ActorSqlite:
        storage = ActorSqlite(
            tmp_path / f"{name}.sqlite",
            durability=durability,
            on_first_write=turn,
            sql_enabled=sql_enabled,
            reference=lambda: REFERENCE,
            databases=databases,
        )
        made.append(storage)
        return storage

    yield make
    for storage in made:
        storage.close()


@pytest.fixture
def storage(make_storage: Callable[..., ActorSqlite]) -> ActorSqlite:
    return make_storage()
