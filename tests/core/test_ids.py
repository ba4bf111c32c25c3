"""Ids: the runtime's own vectors, spec storage §8, lifecycle §1.1, §1.2."""

from __future__ import annotations

import pytest

from emulator.core.ids import NAME_BYTES_MAX, IdFactory, unique_key
from emulator.core.values import JsException

# worker, class, name, id: each made by the real runtime.
VECTORS = [
    ("my-worker", "Counter", "room-1", "17b9c02dbda6e9c745127ef7d9696c3635c42bb3ccac1167181fd5ab69d1ca32"),
    ("my-worker", "Legacy", "room-1", "3262b05fd8e99eec72f2fd9aa8ca6ec43347005ee628c06bb8aa24cf89ca46be"),
    ("", "Counter", "room-1", "45e5e89ab11851fb14473efd1f89207734b9b8fb9c834dfc03f829a1b9fdaa18"),
    ("wr-worker", "Counter", "room-1", "25c9a88df618e105a3792940a42bedd88729b93e91b77837ec0b0d74e8d20344"),
    ("myworker", "T", "", "9fdea54a8afdb3def2b962033de2c593da94bb5936482310fc0129444d4f5a30"),
    ("myworker", "T", "日本語", "075db6bb3426e152960eab9f67a430b3bcc9b0a23f21ae8fba2a288e45f2914a"),
    ("myworker", "T", "\ud800", "323923d18306bd18df7b0acbb5f026a355e31cd1411dee3bae8c11d194764d93"),
    ("myworker", "T", "a\0b", "22fa075b1143c7ed40b3de6cedd6fb8a9cec4462980b72f3097c9dc73e5ce26b"),
]  # fmt: skip
UNIQUE = "2c62773cdc140d000561926f37d7ed524f654457737739c0bfbbc7ff616622cc"
INVALID = "TypeError: Invalid Durable Object ID: must be 64 hex digits"
NOT_OURS = "TypeError: Durable Object ID is not valid for this namespace."


@pytest.fixture
def ids() -> IdFactory:
    return IdFactory(unique_key("myworker", "T"))


@pytest.mark.parametrize(("worker", "cls", "name", "expected"), VECTORS)
def test_a_named_id_is_the_runtimes(worker, cls, name, expected):
    ids = IdFactory(unique_key(worker, cls))
    assert ids.from_name(name) == expected
    assert ids.from_name(name) == expected  # from the cache, too
    assert ids.from_string(expected) == expected


def test_the_unique_key_is_the_worker_and_the_class():
    assert unique_key("my-worker", "Counter") == "my-worker-Counter"


def test_a_unique_id_of_the_runtime_is_accepted(ids):
    assert ids.from_string(UNIQUE) == UNIQUE


def test_a_unique_id_is_its_sixteen_bytes_and_their_seal(ids):
    assert ids.unique(bytes.fromhex(UNIQUE[:32])) == UNIQUE


def test_a_unique_id_takes_sixteen_bytes(ids):
    with pytest.raises(AssertionError, match="16 random bytes"):
        ids.unique(b"short")


def test_an_id_in_capitals_is_accepted_and_printed_small(ids):
    assert ids.from_string(UNIQUE.upper()) == UNIQUE


@pytest.mark.parametrize("text", ["", "abc", UNIQUE[:-1], UNIQUE + "0", "g" * 64, "ä" * 64])
def test_text_that_is_not_64_hex_digits_is_no_id(ids, text):
    with pytest.raises(JsException) as caught:
        ids.from_string(text)
    assert str(caught.value) == INVALID


def test_digits_of_other_scripts_are_no_hex_digits(ids):
    with pytest.raises(JsException) as caught:
        ids.from_string("٣" * 64)
    assert str(caught.value) == INVALID


@pytest.mark.parametrize("text", [UNIQUE[:-1] + "0", "0" * 64, VECTORS[0][3]])
def test_an_id_with_another_seal_belongs_to_another_namespace(ids, text):
    with pytest.raises(JsException) as caught:
        ids.from_string(text)
    assert str(caught.value) == NOT_OURS


def test_names_are_not_normalised(ids):
    assert ids.from_name("é") != ids.from_name("e\u0301")


def test_the_cache_of_names_is_bounded_and_names_beyond_it_work(ids):
    for number in range(4097):
        ids.from_name(f"n{number}")
    assert ids.from_name("n4096") == IdFactory("myworker-T").from_name("n4096")


def test_the_longest_name_an_object_knows_has_1024_bytes():
    assert NAME_BYTES_MAX == 1024
