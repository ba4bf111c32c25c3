from __future__ import annotations

import gzip
from typing import Any

import pytest

from emulator.core.values import JsException, to_js
from emulator.web.compression import CompressionStream, DecompressionStream
from emulator.web.response import Response


async def through(data: bytes, *transforms: Any) -> bytes:
    stream = Response(to_js(data)).body
    for transform in transforms:
        stream = stream.pipeThrough(transform)
    return (await Response(stream).bytes()).to_bytes()


async def refused(data: bytes) -> str:
    with pytest.raises(JsException) as info:
        await through(data, DecompressionStream("gzip"))
    return str(info.value)


@pytest.mark.parametrize("format", ["gzip", "deflate", "deflate-raw"])
async def test_what_was_compressed_is_decompressed(format: str) -> None:
    data = b"hello" * 5000
    assert await through(data, CompressionStream(format), DecompressionStream(format)) == data
    assert len(await through(data, CompressionStream(format))) < 200


async def test_gzip_is_the_gzip_of_everybody() -> None:
    assert gzip.decompress(await through(b"a", CompressionStream("gzip"))) == b"a"


@pytest.mark.parametrize("format", ["brotli", "br", None])
def test_another_format_is_refused(format: Any) -> None:
    for kind in (CompressionStream, DecompressionStream):
        with pytest.raises(JsException) as info:
            kind(format)
        assert str(info.value) == (
            "TypeError: The compression format must be either 'deflate', 'deflate-raw' or 'gzip'."
        )


async def test_bad_data_is_named() -> None:
    good = gzip.compress(b"hello" * 50)
    assert await refused(b"not gzip") == "TypeError: Decompression failed."
    assert await refused(good[:-4]) == (
        "TypeError: Called close() on a decompression stream with incomplete data"
    )
    assert await refused(good + b"\0\0") == (
        "TypeError: Trailing bytes after end of compressed data"
    )


async def test_a_string_may_be_written() -> None:
    stream = CompressionStream("gzip")
    writer = stream.writable.getWriter()
    writer.write("abc")
    writer.close()
    data = (await Response(stream.readable).bytes()).to_bytes()
    assert gzip.decompress(data) == b"abc"
