"""SQLite's failures in the platform's words, and the storage ring's own errors.

* EmulatorError
    * CommitFailed       a commit did not happen; carries what the object's callers are told
    * StorageClosedError an object's storage was used after its end

spec: storage §3.7 (message recipe), §4.4 (commit failures).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import apsw

from emulator.core.values.errors import error
from emulator.errors import EmulatorError

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.values.errors import JsException

__all__ = [
    "CommitFailed",
    "StorageClosedError",
    "commit_failure",
    "is_critical",
    "message_of",
    "translate",
]

_CONSTRAINTS_VIOLATED: Final = (
    "Durable Object was reset and rolled back to its last known good state because the "
    "application left the database in a state where constraints were violated: "
)

# SQLite rolls the whole transaction back on these; spec: storage §4.4.
_CRITICAL: Final = frozenset(
    {apsw.SQLITE_FULL, apsw.SQLITE_IOERR, apsw.SQLITE_NOMEM, apsw.SQLITE_INTERRUPT}
)


# Functions of our build that the platform's does not have, so that it does not know the name.
_UNKNOWN_FUNCTION: Final = re.compile(
    r"not authorized to use function: "
    r"(median|percentile(?:_cont|_disc)?|geopoly_\w+|offsets|matchinfo|optimize)\Z"
)


def _code_names(mapping: dict[str | int, int | str]) -> dict[int, str]:
    return {code: name for code, name in mapping.items() if isinstance(code, int)}  # type: ignore[misc]  # apsw maps both ways


_PRIMARY_NAMES: Final = _code_names(apsw.mapping_result_codes)
_EXTENDED_NAMES: Final = _code_names(apsw.mapping_extended_result_codes)


class CommitFailed(EmulatorError):  # noqa: N818  # the noun of the contract between the rings
    """The transaction is lost and the object must be reset; `error` is what its callers see."""

    def __init__(self, error: JsException) -> None:
        super().__init__(f"the commit failed, the object has to be reset: {error.message}")
        self.error = error


class StorageClosedError(EmulatorError):
    """Code of an instance that is gone touched its storage."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: the storage was closed with the instance that owned it")
        self.path = path


def message_of(exc: apsw.Error) -> str:
    """SQLite's text, the offset if known, the code, the extended code if it says more."""
    extended = getattr(exc, "extendedresult", apsw.SQLITE_ERROR)
    primary = extended & 0xFF
    offset = getattr(exc, "error_offset", -1)
    text = _UNKNOWN_FUNCTION.sub(r"no such function: \1", str(exc))
    if offset is not None and offset >= 0:
        text += f" at offset {offset}"
    text += f": {_PRIMARY_NAMES.get(primary, 'SQLITE_ERROR')}"
    if extended != primary and extended in _EXTENDED_NAMES:
        text += f" (extended: {_EXTENDED_NAMES[extended]})"
    return text


def translate(exc: apsw.Error) -> JsException:
    """What a statement of user code throws."""
    return error(message_of(exc))


def is_critical(exc: apsw.Error) -> bool:
    """Whether SQLite may have ended the transaction by itself."""
    return getattr(exc, "extendedresult", 0) & 0xFF in _CRITICAL


def commit_failure(exc: apsw.Error, internal: JsException) -> CommitFailed:
    """A constraint broken at commit is told to callers; anything else is an internal error."""
    if isinstance(exc, apsw.ConstraintError):
        return CommitFailed(error(_CONSTRAINTS_VIOLATED + message_of(exc)))
    return CommitFailed(internal)
