"""A look with Python's own `sqlite3` into the folder of a running `durable dev`: design §3."""

from __future__ import annotations

import sqlite3
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.dev_server import dev_server
from tests.worlds import write_worker

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
class Box(DurableObject):
    async def fetch(self, request):
        import pathlib, sqlite3

        await self.ctx.storage.put("k", 1)
        await self.ctx.storage.sync()
        [path] = pathlib.Path({folder!r}).rglob(f"{{self.ctx.id.toString()}}.sqlite")
        try:
            sqlite3.connect(path)
        except Exception as exc:
            return Response(str(exc))
        return Response("not refused")
"""


@pytest.mark.timeout(60)
def test_it_is_refused_in_the_process_and_free_for_others(tmp_path: Path) -> None:
    config = write_worker(tmp_path, SOURCE.format(folder=str(tmp_path / "state")))
    with dev_server("--persist-to", str(tmp_path / "state"), config=str(config)) as server:
        url = f"http://127.0.0.1:{server.port}/box/a"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        assert "sqlite3.connect was refused, for the folder is open here." in text
        [path] = [p for p in (tmp_path / "state").rglob("*.sqlite") if len(p.stem) == 64]
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT key FROM _cf_KV").fetchall() == [("k",)]
