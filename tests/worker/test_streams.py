"""A worker that streams: what goes through is never there as a whole."""

from __future__ import annotations

import resource
import tracemalloc
from typing import Any

from tests.worlds import worker

MEGABYTE = 1 << 20
TOTAL = 100 * MEGABYTE

SOURCE = """
from js import ReadableStream, TransformStream, Uint8Array

CHUNK = to_js(bytes(64 * 1024))

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        left = int(request.url.rpartition("=")[2]) // CHUNK.length
        counted = [0]

        async def pull(controller):
            nonlocal left
            if left == 0:
                controller.close()
                return
            left -= 1
            controller.enqueue(CHUNK.slice())

        def transform(chunk, controller):
            counted[0] += chunk.length
            controller.enqueue(chunk)

        def flush(controller):
            controller.enqueue(to_js(f"{counted[0]:016d}".encode()))

        source = ReadableStream.new(pull=create_proxy(pull))
        through = TransformStream.new(transform=create_proxy(transform), flush=create_proxy(flush))
        return Response(source.pipeThrough(through))
"""


@worker(SOURCE)
async def test_a_hundred_megabytes_go_through_a_transform_in_bounded_memory(durable: Any) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        response = await durable.fetch(f"/?bytes={TOTAL}")
        received, last = 0, b""
        async for chunk in response.body:
            last = chunk.to_bytes()
            received += len(last)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received == TOTAL + 16
    assert int(last[-16:]) == TOTAL
    assert peak < 8 * MEGABYTE
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 64 * 1024


@worker("""
from js import TransformStream

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stream = TransformStream.new()
        writer = stream.writable.getWriter()

        async def write():
            for i in range(100):
                await writer.write(to_js(bytes([i]) * 1000))
            await writer.close()

        self.ctx.waitUntil(write())
        return Response(stream.readable)
""")
async def test_a_writer_goes_only_as_fast_as_its_reader(durable: Any) -> None:
    response = await durable.fetch("/")
    data = b""
    async for chunk in response.body:
        data += chunk.to_bytes()
    assert len(data) == 100_000
    assert data[-1] == 99
