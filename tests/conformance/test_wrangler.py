"""Real wrangler takes the project's own configuration and code."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.wrangler import wrangler

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

ROOT: Final = Path(__file__).parents[2]


def test_it_would_deploy_wrangler_like_toml(tmp_path):
    shutil.copy(ROOT / "wrangler_like.toml", tmp_path)
    shutil.copytree(ROOT / "objects", tmp_path / "objects")
    arguments = ["deploy", "--dry-run", "-c", "wrangler_like.toml", "--outdir", "out"]
    done = wrangler(arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "websocket_server.py" in done.stdout
    assert "env.WEBSOCKET_SERVER (WebSocketServer)" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
