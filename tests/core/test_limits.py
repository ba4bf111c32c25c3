"""The limits of production's key-value engine, spec storage §1.7."""

from __future__ import annotations

import pytest

from emulator.core.limits import check_legacy_count, check_legacy_key, check_legacy_value
from emulator.core.values import JsException


@pytest.mark.parametrize("key", ["", "k" * 600, "k" * 2048, "é" * 1024, "\ud800" * 682])
def test_a_key_of_2048_bytes_is_taken(key):
    check_legacy_key(key)


@pytest.mark.parametrize(("key", "size"), [("k" * 2049, 2049), ("é" * 1025, 2050)])
def test_a_longer_one_is_not(key, size):
    text = f"Keys cannot be larger than 2048 bytes. A key of size {size} was provided."
    with pytest.raises(JsException) as raised:
        check_legacy_key(key)
    assert str(raised.value) == f"RangeError: {text}"


def test_a_value_has_a_little_more_for_its_encoding():
    check_legacy_value(bytes(131_106))
    with pytest.raises(JsException, match="A value of size 131107 was provided"):
        check_legacy_value(bytes(131_107))


def test_a_call_takes_128():
    check_legacy_count(range(128))
    with pytest.raises(JsException, match=r"pairs is 128\. 129 pairs were"):
        check_legacy_count(range(129))
