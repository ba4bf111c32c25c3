"""Texts of others on a terminal: no control character of theirs reaches it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["safe"]

# C0, DEL, C1, lone surrogates, and what turns the direction of writing.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def safe(text: str, chars_max: int | None = None) -> str:
    """The text with control characters as escapes, cut to `chars_max`."""
    shown = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    if chars_max is not None and len(shown) > chars_max:
        return f"{shown[: chars_max - 1]}…"
    return shown
