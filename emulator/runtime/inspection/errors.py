"""What a request about an object can fail with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.runtime.eviction import Blocker

__all__ = [
    "InspectionError",
    "NotUnderstoodError",
    "ObjectBusyError",
    "ObjectFailedError",
    "UnknownMemberError",
    "UnknownNamespaceError",
    "UnknownObjectError",
]


class InspectionError(EmulatorError):
    """Base: the text says what is wrong."""


class UnknownNamespaceError(InspectionError):
    """No worker declares the class, and the state folder has none of its objects."""

    def __init__(self, unique_key: str) -> None:
        super().__init__(f"Durable Object namespace ID '{unique_key}' not found.")


class UnknownObjectError(InspectionError):
    """The object is not in memory and has no file."""

    def __init__(self, unique_key: str, object_id: str) -> None:
        super().__init__(f"{unique_key} has no object {object_id}.")


class UnknownMemberError(InspectionError):
    """The object has no such key, socket or alarm."""


class NotUnderstoodError(InspectionError):
    """The request makes no sense."""


class ObjectBusyError(InspectionError):
    """Something keeps the object from it. `blockers` says what."""

    def __init__(self, text: str, blockers: Sequence[Blocker] = ()) -> None:
        super().__init__(text)
        self.blockers = list(blockers)


class ObjectFailedError(InspectionError):
    """The object, its code or its file failed."""
