"""The value encoding: what storage, attachments and RPC keep of a JavaScript value.

`dumps` and `loads` are bit-identical to V8's structured clone, version 15, with the runtime's host
objects. They work on proxies directly: no Python containers in between.

Source: spec storage §7.3, §1.3; performance §5. Proved by tests/core/values/test_codec.py.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from emulator.core.values.codec_read import read_blob
from emulator.core.values.codec_tags import CodecError, HostCodec, HostSink, HostSource
from emulator.core.values.codec_write import Writer, write_scalar
from emulator.core.values.errors import range_error

if TYPE_CHECKING:
    from emulator.core.values.proxies import JsValue

__all__ = ["CodecError", "HostCodec", "HostSink", "HostSource", "dumps", "loads"]

# What the readers run into when a blob is not what it says (codec_read.py).
_DAMAGE: Final = (IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error)


def dumps(value: JsValue, *, native_errors: bool = True, host: HostCodec | None = None) -> bytes:
    """Encode a JavaScript value.

    Args:
        native_errors: write errors whole (compatibility dates from 2026-04-21), not in V8's form.
        host: writes the platform's own classes; without it they are refused.

    Raises:
        JsException: a DataCloneError, if something in `value` cannot be cloned; a RangeError, if
            it is nested too deeply.
    """
    blob = write_scalar(value)
    if blob is not None:
        return blob
    writer = Writer(host, native_errors)
    try:
        writer.value(value)
    except RecursionError:
        raise range_error("Maximum call stack size exceeded") from None
    return writer.finish()


def loads(blob: bytes, *, host: HostCodec | None = None) -> JsValue:
    """Decode what `dumps` or the platform wrote; a new value each time. Later bytes are ignored.

    Raises:
        CodecError: the blob is empty, damaged, or has something that cannot be read back.
    """
    try:
        return read_blob(blob, host)
    except CodecError:
        raise
    except _DAMAGE as exc:
        raise CodecError(f"damaged value: {exc!r}") from exc
    except RecursionError:
        raise CodecError("the value is nested too deeply") from None
