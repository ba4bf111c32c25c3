"""The file that says which server runs: emulator/runtime/running.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from emulator.runtime.running import RunningServer, announce, find_running, withdraw


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_server_is_found_until_it_withdraws(tmp_path):
    server = RunningServer(os.getpid(), "http://127.0.0.1:1")
    announce(tmp_path / "durable", server)
    assert find_running(tmp_path / "durable") == server
    withdraw(tmp_path / "durable", 1)
    assert find_running(tmp_path / "durable") == server
    withdraw(tmp_path / "durable", os.getpid())
    assert find_running(tmp_path / "durable") is None


def test_the_file_of_a_dead_process_is_stale(tmp_path, dead_pid):
    announce(tmp_path, RunningServer(dead_pid, "http://127.0.0.1:1"))
    assert find_running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 0, "url": "x"}'])
def test_a_file_that_makes_no_sense_is_none(tmp_path, text):
    (tmp_path / "server.json").write_text(text)
    assert find_running(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_nobodys_loss(tmp_path):
    (tmp_path / "file").write_text("")
    announce(tmp_path / "file", RunningServer(1, "x"))
