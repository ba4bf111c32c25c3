"""The limits of production's key-value engine, which classes of `new_classes` have there.

Local development keeps such classes in SQLite, without them; `dev.legacy_kv` brings them back.

Source: spec storage §1.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.values.errors import range_error

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["check_legacy_count", "check_legacy_key", "check_legacy_value"]

KEY_BYTES_MAX: Final = 2048
VALUE_BYTES_MAX: Final = 131_072
VALUE_BYTES_SLACK: Final = 34  # for the header of the encoding
PAIRS_MAX: Final = 128


def check_legacy_key(key: str) -> None:
    """Raises: JsException (RangeError), for a key of too many UTF-8 bytes."""
    if len(key) * 3 <= KEY_BYTES_MAX:
        return
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > KEY_BYTES_MAX:
        raise range_error(
            f"Keys cannot be larger than {KEY_BYTES_MAX} bytes. A key of size {size} was provided."
        )


def check_legacy_value(encoded: bytes) -> None:
    """Raises: JsException (RangeError), for a value that is too big when it is encoded."""
    if len(encoded) > VALUE_BYTES_MAX + VALUE_BYTES_SLACK:
        raise range_error(
            f"Values cannot be larger than {VALUE_BYTES_MAX} bytes. "
            f"A value of size {len(encoded)} was provided."
        )


def check_legacy_count(items: Sized) -> None:
    """Raises: JsException (RangeError), for too many keys or pairs in one call."""
    if len(items) > PAIRS_MAX:
        raise range_error(
            f"Maximum number of key value pairs is {PAIRS_MAX}. {len(items)} pairs were provided."
        )
