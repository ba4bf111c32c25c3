"""Numbers in the value encoding, as texts of one character a byte.

Source: spec storage §7.3; V8 keeps an integral number of 31 bits as an integer, any other as a
double.
"""

from __future__ import annotations

import struct
from typing import Final

from emulator.core.values.codec_tags import SMALL_MAX, SMALL_MIN

__all__ = ["SMALLS", "bigint", "double", "floating", "integer", "is_small", "varint"]

_PACK: Final = struct.Struct("<cd").pack


def varint(number: int) -> str:
    """LEB128 of a number that is not negative."""
    if number < 128:
        return chr(number)
    digits = []
    while number > 127:
        digits.append(chr(number & 127 | 128))
        number >>= 7
    digits.append(chr(number))
    return "".join(digits)


def is_small(number: float) -> bool:
    """Whether V8 keeps the number as a small integer. Minus zero is none."""
    if not SMALL_MIN <= number <= SMALL_MAX:
        return False
    if type(number) is int or number:
        return number == int(number)
    return str(number)[0] != "-"


def _small(number: int) -> str:
    return "I" + varint(number << 1 if number >= 0 else (-number << 1) - 1)


SMALLS: Final = {number: _small(number) for number in range(-128, 1024)}


def integer(number: int) -> str:
    if SMALL_MIN <= number <= SMALL_MAX:
        return _small(number)
    return str(_PACK(b"N", number), "latin-1")


def double(number: float) -> str:
    if number != number:
        return "N\0\0\0\0\0\0\xf8\x7f"  # one NaN, whatever its bits are here
    return str(_PACK(b"N", number), "latin-1")


def floating(number: float) -> str:
    """A number that happens to be a float here."""
    return _small(int(number)) if is_small(number) else double(number)


def bigint(number: int) -> str:
    """Sign, length (a multiple of 8 bytes) and digits of a BigInt."""
    size = (abs(number).bit_length() + 63) // 64 * 8
    digits = abs(number).to_bytes(size, "little")
    return varint(size << 1 | (number < 0)) + str(digits, "latin-1")
