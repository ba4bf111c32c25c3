"""Ids of objects: 32 bytes, printed as 64 lower-case hex digits, byte-equal to the platform's.

`key = SHA256(unique key)`, `base = HMAC(key, name)[:16]` or 16 random bytes,
`id = base + HMAC(key, base)[:16]`. The unique key of a class is `<worker name>-<ClassName>`.

Source: spec storage §8, lifecycle §1.1.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from emulator.core.values.errors import type_error

__all__ = ["NAME_BYTES_MAX", "IdFactory", "unique_key"]

NAME_BYTES_MAX: Final = 1024  # a longer name is not known inside the object; spec lifecycle §1.4
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def unique_key(worker_name: str, class_name: str) -> str:
    return f"{worker_name}-{class_name}"


class IdFactory:
    """Makes and checks the ids of one namespace."""

    __slots__ = ("_by_name", "_key")

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(key.encode()).digest()
        self._by_name: dict[str, str] = {}

    def from_name(self, name: str) -> str:
        found = self._by_name.get(name)
        if found is None:
            base = hmac.digest(self._key, name.encode("utf-8", "surrogatepass"), "sha256")[:16]
            found = self._seal(base)
            if len(self._by_name) < 4096:  # a cache, not a register
                self._by_name[name] = found
        return found

    def unique(self, entropy: bytes) -> str:
        """An id of its own, from 16 random bytes."""
        assert len(entropy) == 16, "an id has 16 random bytes"
        return self._seal(entropy)

    def from_string(self, text: str) -> str:
        """Check an id given as text.

        Raises:
            JsException: TypeError, if it has no 64 hex digits or was not made for this namespace.
        """
        if len(text) != 64 or not _HEX.issuperset(text):
            raise type_error("Invalid Durable Object ID: must be 64 hex digits")
        lower = text.lower()
        if self._seal(bytes.fromhex(lower[:32])) != lower:
            raise type_error("Durable Object ID is not valid for this namespace.")
        return lower

    def _seal(self, base: bytes) -> str:
        return (base + hmac.digest(self._key, base, "sha256")[:16]).hex()
