"""Bodies that leave an object bit by bit: they keep it awake, and end when it breaks.

Source: spec lifecycle §4.2, §4.3 (abort while a response streams).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.web.readable import ReadableStream
from emulator.web.sources import Source

if TYPE_CHECKING:
    from emulator.core.values import JsValue
    from emulator.runtime.instance import Instance
    from emulator.web.response import Response

__all__ = ["watch_body"]


def watch_body(response: Response, instance: Instance | None) -> None:
    """Tie the body of a response that leaves `instance` to its life."""
    stream = response._source
    if instance is not None and not instance.is_dead and isinstance(stream, ReadableStream):
        instance.residency.add_stream(stream)
        stream._source = _Leaving(stream._source, instance, id(stream))


class _Leaving(Source):
    """The source of a body that leaves."""

    def __init__(self, inside: Source, instance: Instance, key: int) -> None:
        self._inside = inside
        self._instance = instance
        self._key = key

    async def pull(self, stream: ReadableStream) -> None:
        try:
            await self._inside.pull(stream)
        except BaseException:
            self._instance.forget_stream(self._key)
            raise
        if stream._is_over():
            self._instance.forget_stream(self._key)

    async def cancel(self, reason: JsValue) -> None:
        self._instance.forget_stream(self._key)
        await self._inside.cancel(reason)
