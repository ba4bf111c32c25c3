from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import ArrayBuffer, JsArray, JsDate, JsException, JsObject, jsnull, to_js
from emulator.web.blob import Blob, File


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def blob(*parts: Any, **options: Any) -> Blob:
    return Blob(JsArray(list(parts)), JsObject(options))


async def test_parts_are_joined() -> None:
    made = blob("é", to_js(b"\1\2"), ArrayBuffer(bytearray(3)), blob("zz"), 1, jsnull)
    assert (made.size, len(made)) == (14, 14)
    assert (await made.bytes()).to_bytes() == b"\xc3\xa9\1\2\0\0\0zz1null"
    assert (await made.arrayBuffer()).byteLength == 14


def test_an_empty_blob_is_false_in_python() -> None:
    assert (Blob().size, Blob().type, bool(Blob())) == (0, "", False)


@pytest.mark.parametrize(
    ("given", "kind"),
    [("Text/HTML", "text/html"), ("a\nb", ""), ("é", ""), (jsnull, "null"), (None, "")],
)
def test_a_type_is_lower_case_ascii(given: Any, kind: str) -> None:
    assert blob(type=given).type == kind


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ("abcdef", "")),
        ((1, 3), ("bc", "")),
        ((-2,), ("ef", "")),
        ((3, 1), ("", "")),
        ((0, 99), ("abcdef", "")),
        ((1, -1, "A/B"), ("bcde", "a/b")),
        ((None, 2), ("ab", "")),
        ((1.5,), ("bcdef", "")),
        (("2",), ("cdef", "")),
    ],
)
async def test_a_slice_has_no_type_of_its_own(
    arguments: tuple[Any, ...], expected: tuple[str, str]
) -> None:
    part = blob("abcdef", type="x/y").slice(*arguments)
    assert (await part.text(), part.type) == expected


async def test_the_text_keeps_its_byte_order_mark() -> None:
    assert await blob("\ufeffé", to_js(b"\xff")).text() == "\ufeffé\ufffd"


async def test_a_blob_streams() -> None:
    assert [chunk.to_bytes() async for chunk in blob("abc").stream()] == [b"abc"]


@pytest.mark.parametrize("parts", ["abc", jsnull, JsObject()])
def test_parts_are_an_array(parts: Any) -> None:
    assert refused(lambda: Blob(parts)) == (
        "TypeError: Failed to construct 'Blob': constructor parameter 1 is not of type 'Array'."
    )


def test_options_are_checked() -> None:
    assert refused(lambda: Blob(JsArray(), 5)) == (
        "TypeError: Failed to construct 'Blob': constructor parameter 2 is not of type 'Options'."
    )
    assert refused(lambda: blob(endings="native")) == (
        "Error: The 'endings' field on 'Options' is not implemented."
    )
    assert Blob(JsArray(), jsnull).size == 0
    assert blob(endings=None).size == 0


def test_a_file_has_a_name_and_a_date() -> None:
    made = File(JsArray(["a"]), "n.txt", JsObject({"type": "t/p", "lastModified": 5}))
    assert (made.name, made.lastModified, made.type, made.size) == ("n.txt", 5, "t/p", 1)
    assert (made.constructor.name, made.slice(0).constructor.name) == ("File", "Blob")
    dated = File(JsArray(), 5, JsObject({"lastModified": JsDate(7)}))
    assert (dated.name, dated.lastModified) == ("5", 7)
    assert File(JsArray(), "x", now_ms=1234).lastModified == 1234


def test_a_file_needs_a_name() -> None:
    assert refused(lambda: File(JsArray())) == (
        "TypeError: Failed to construct 'File': constructor parameter 2 is not of type 'string'."
    )
    assert refused(lambda: File(jsnull, "x")) == (
        "TypeError: Failed to construct 'File': constructor parameter 1 is not of type 'Array'."
    )
