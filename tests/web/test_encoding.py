from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsException, JsObject, Uint8Array, jsnull, to_js
from emulator.web.encoding import (
    TextDecoder,
    TextDecoderStream,
    TextEncoder,
    TextEncoderStream,
    atob,
    btoa,
)
from emulator.web.encoding_labels import LABELS

INVALID = (
    "InvalidCharacterError: atob() called with invalid base64-encoded data. (Only whitespace, "
    "'+', '/', alphanumeric ASCII, and up to two terminal '=' signs when the input data length "
    "is divisible by 4 are allowed.)"
)


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def fatal(label: str) -> TextDecoder:
    return TextDecoder(label, JsObject({"fatal": True}))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("é\ud800x", b"\xc3\xa9\xef\xbf\xbdx"),
        (None, b""),
        (jsnull, b"null"),
        (5, b"5"),
        ("\ud83d\ude00", b"\xf0\x9f\x98\x80"),
    ],
)
def test_text_becomes_utf_8(text: Any, data: bytes) -> None:
    assert TextEncoder().encode(text).to_bytes() == data
    assert TextEncoder().encoding == "utf-8"


def test_encode_into_writes_whole_characters() -> None:
    target: Uint8Array = to_js(bytes(4))
    result = TextEncoder().encodeInto("aé😀", target)
    assert (result.read, result.written, target.to_bytes()) == (2, 3, b"a\xc3\xa9\0")
    assert refused(lambda: TextEncoder().encodeInto("a", "x")) == (
        "TypeError: Failed to execute 'encodeInto' on 'TextEncoder': "
        "parameter 2 is not of type 'Uint8Array'."
    )
    assert "parameter 1" in refused(lambda: TextEncoder().encodeInto())


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        (None, "utf-8"),
        (" UTF8 ", "utf-8"),
        ("latin1", "windows-1252"),
        ("ascii", "windows-1252"),
        ("utf-16", "utf-16le"),
        ("sjis", "shift_jis"),
        ("x-user-defined", "x-user-defined"),
    ],
)
def test_labels_name_encodings(label: Any, encoding: str) -> None:
    assert TextDecoder(label).encoding == encoding


def test_every_label_can_be_decoded() -> None:
    for label in LABELS:
        assert isinstance(TextDecoder(label).decode(to_js(b"A")), str)


@pytest.mark.parametrize("label", ["replacement", "foo", "", jsnull])
def test_an_unknown_label_is_a_range_error(label: Any) -> None:
    shown = "null" if label is jsnull else label
    assert refused(lambda: TextDecoder(label)) == (
        f'RangeError: "{shown}" is not a valid encoding.'
    )


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("latin1", b"\x80\x9f\xe9\x81", "€Ÿé\x81"),
        ("utf-8", b"\xf0\x9f\x98A\xc0\x80\xed\xa0\x80", "\ufffdA" + "\ufffd" * 5),
        ("utf-16", b"A\0=\xd8", "A\ufffd"),
        ("shift_jis", b"\x82\xa0", "あ"),
        ("x-user-defined", b"A\x80", "A\uf780"),
        ("windows-1251", b"\xcf", "П"),
        ("gbk", b"\xc4\xe3", "你"),
    ],
)
def test_bytes_become_text(label: str, data: bytes, text: str) -> None:
    assert TextDecoder(label).decode(to_js(data)) == text


@pytest.mark.parametrize(
    ("label", "data"),
    [
        ("utf-8", b"\xff"),
        ("utf-8", b"\xe2\x82"),
        ("utf-16le", b"A"),
        ("iso-8859-3", b"\xa5"),
    ],
)
def test_a_fatal_decoder_refuses_what_is_no_text(label: str, data: bytes) -> None:
    decoder = fatal(label)
    assert decoder.fatal
    assert refused(lambda: decoder.decode(to_js(data))) == "TypeError: Failed to decode input."
    assert decoder.decode(to_js(b"")) == ""


def test_the_byte_order_mark_is_taken_off_once() -> None:
    mark = b"\xef\xbb\xbf"
    assert TextDecoder().decode(to_js(mark + b"A")) == "A"
    assert TextDecoder().decode(to_js(mark + mark + b"A")) == "\ufeffA"
    keeping = TextDecoder("utf-8", JsObject({"ignoreBOM": True}))
    assert (keeping.decode(to_js(mark + b"A")), keeping.ignoreBOM) == ("\ufeffA", True)


def test_a_stream_of_pieces_is_one_text() -> None:
    decoder = TextDecoder()
    assert decoder.decode(to_js(b"\xe2\x82"), stream=True) == ""
    assert decoder.decode(to_js(b"\xac"), {"stream": True}) == "€"
    assert decoder.decode(to_js(b"\xe2"), stream=True) == ""
    assert decoder.decode() == "\ufffd"
    assert decoder.decode(to_js(b"\xef\xbb\xbfB")) == "B"


@pytest.mark.parametrize("data", ["x", [1], jsnull, b"bytes are a proxy"])
def test_a_decoder_takes_buffers_only(data: Any) -> None:
    assert refused(lambda: TextDecoder().decode(data)) == (
        "TypeError: Failed to execute 'decode' on 'TextDecoder': "
        "parameter 1 is not of type 'Array'."
    )


async def collect(stream: Any, *chunks: Any) -> list[Any]:
    writer = stream.writable.getWriter()
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    return [
        part.to_bytes() if hasattr(part, "to_bytes") else part async for part in stream.readable
    ]


async def test_an_encoder_stream_joins_halves_of_a_pair() -> None:
    assert await collect(
        TextEncoderStream(),
        "é",
        "\ud83d",
        "\ude00x",
        "\ud83d",
    ) == [
        "é".encode(),
        "😀x".encode(),
        "\ufffd".encode(),
    ]
    assert await collect(TextEncoderStream(), 5) == [b"5"]
    assert TextEncoderStream().encoding == "utf-8"


async def test_a_decoder_stream_joins_pieces() -> None:
    pieces = [to_js(piece) for piece in (b"\xc3", b"\xa9", b"x", b"\xe2")]
    assert await collect(TextDecoderStream(), *pieces) == ["é", "x", "\ufffd"]
    stream = TextDecoderStream("latin1", JsObject({"fatal": True, "ignoreBOM": True}))
    assert (stream.encoding, stream.fatal, stream.ignoreBOM) == ("windows-1252", True, True)


async def test_a_decoder_stream_takes_buffers_only() -> None:
    with pytest.raises(JsException) as info:
        await collect(TextDecoderStream(), "x")
    assert str(info.value) == (
        "TypeError: This TransformStream is being used as a byte stream, but received a value "
        "that is not a BufferSource."
    )


@pytest.mark.parametrize(
    ("text", "encoded"), [("abc", "YWJj"), ("", ""), ("é", "6Q=="), (5, "NQ==")]
)
def test_btoa(text: Any, encoded: str) -> None:
    assert btoa(text) == encoded


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("YWJj", "abc"),
        (" YW Jj\n", "abc"),
        ("YQ", "a"),
        ("YQ==", "a"),
        ("", ""),
        (jsnull, "\x9eée"),
    ],
)
def test_atob(encoded: Any, text: str) -> None:
    assert atob(encoded) == text


@pytest.mark.parametrize("encoded", ["a", "YQ=", "Y!==", "-_", "===="])
def test_bad_base64_is_an_invalid_character(encoded: str) -> None:
    assert refused(lambda: atob(encoded)) == INVALID


def test_btoa_takes_bytes_only() -> None:
    assert refused(lambda: btoa("☃")) == (
        "InvalidCharacterError: btoa() can only operate on characters in the Latin1 "
        "(ISO/IEC 8859-1) range."
    )
    assert "parameter 1 is not of type 'String'" in refused(btoa)
    assert "parameter 1 is not of type 'string'" in refused(atob)
