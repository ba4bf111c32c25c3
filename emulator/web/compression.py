"""CompressionStream and DecompressionStream.

Source: Compression standard; texts measured on workerd. Proved by tests/web/test_compression.py.
"""

from __future__ import annotations

import zlib
from typing import Final

from emulator.core.values import JsValue, to_string, type_error
from emulator.web.transform import ByteTransformer, TransformStream

__all__ = ["CompressionStream", "DecompressionStream"]

# The format's window bits for zlib: the sign and the 16 choose the wrapper.
_FORMATS: Final = {"gzip": 31, "deflate": 15, "deflate-raw": -15}


def _window_bits(format: JsValue) -> int:
    bits = _FORMATS.get(to_string(format))
    if bits is None:
        raise type_error(
            "The compression format must be either 'deflate', 'deflate-raw' or 'gzip'."
        )
    return bits


class _Compressor(ByteTransformer):
    def __init__(self, bits: int) -> None:
        self._zlib = zlib.compressobj(wbits=bits)

    def convert(self, data: bytes) -> bytes:
        return self._zlib.compress(data)

    def finish(self) -> bytes:
        return self._zlib.flush()


class _Decompressor(ByteTransformer):
    def __init__(self, bits: int) -> None:
        self._zlib = zlib.decompressobj(wbits=bits)

    def convert(self, data: bytes) -> bytes:
        if self._zlib.eof and data:
            raise type_error("Trailing bytes after end of compressed data")
        try:
            result = self._zlib.decompress(data)
        except zlib.error:
            raise type_error("Decompression failed.") from None
        if self._zlib.unused_data:
            raise type_error("Trailing bytes after end of compressed data")
        return result

    def finish(self) -> bytes:
        if not self._zlib.eof:
            raise type_error("Called close() on a decompression stream with incomplete data")
        return b""


class CompressionStream(TransformStream, js_name="CompressionStream"):
    def __init__(self, format: JsValue = None) -> None:
        self._setup(_Compressor(_window_bits(format)))


class DecompressionStream(TransformStream, js_name="DecompressionStream"):
    def __init__(self, format: JsValue = None) -> None:
        self._setup(_Decompressor(_window_bits(format)))
