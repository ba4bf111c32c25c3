"""What `durable check --deploy` says of a source: refusals, packages, the boundary."""

from __future__ import annotations

import ast

import pytest

from emulator.core.source.boundary import check_boundary
from emulator.core.source.findings import Findings
from emulator.core.source.packages import Installed, check_packages, has_build, is_refused
from emulator.core.source.refusals import check_refusals


def refusals(source: str) -> list[tuple[int, str]]:
    findings = Findings("w.py")
    check_refusals(ast.parse(source), findings)
    return [(item.line or 0, item.problem) for item in findings.errors]


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("import threading\nthreading.Thread()", 2, "threading.Thread: there are no threads"),
        ("import threading as t\nx = t.Timer", 2, "threading.Timer: there are no threads"),
        ("from threading import Thread\nclass T(Thread): pass", 2, "threading.Thread: there are"),
        (
            "from concurrent.futures import ThreadPoolExecutor as P\nP()",
            2,
            "concurrent.futures.ThreadPoolExecutor: there are no threads",
        ),
        ("import asyncio\nasyncio.to_thread(f)", 2, "asyncio.to_thread: there are no threads"),
        ("loop.run_in_executor(None, f)", 1, "run_in_executor: there are no threads"),
        ("import subprocess\nsubprocess.run([])", 2, "subprocess.run: there are no processes"),
        ("import os\nos.system('ls')", 2, "os.system: there are no processes"),
        ("import os\nos.execv('ls', [])", 2, "os.execv: there are no processes"),
        ("import multiprocessing\nmultiprocessing.Process()", 2, "multiprocessing.Process: there"),
        ("import socket\nsocket.socket()", 2, "socket.socket: there are no Python sockets"),
        ("import asyncio\nasyncio.open_connection()", 2, "asyncio.open_connection: there are no"),
        ("import urllib.request\nurllib.request.urlopen('x')", 2, "urllib.request.urlopen: there"),
        ("import smtplib", 1, "import smtplib: there are no Python sockets"),
        ("from http import server", 1, "import http.server: there are no Python sockets"),
        ("import fcntl", 1, "import fcntl: Python Workers do not have the module"),
        ("import curses.panel", 1, "import curses.panel: Python Workers do not have the module"),
        ("import asyncio\nasyncio.run(main())", 2, "asyncio.run: the platform's event loop runs"),
        ("loop.run_until_complete(x)", 1, "run_until_complete: the platform's event loop runs"),
    ],
)
def test_what_the_platform_lacks_is_told_at_its_line(source: str, line: int, problem: str) -> None:
    (found,) = refusals(source)
    assert found[0] == line
    assert found[1].startswith(problem)


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nlock = threading.Lock()",
        "import socket\nsocket.gethostname()",
        "import subprocess",
        "from os import path\npath.join('a', 'b')",
        "import asyncio\nasyncio.create_task(f())",
        "def run(): pass\nrun()",
        "from .os import system\nsystem()",
    ],
)
def test_what_works_is_left(source: str) -> None:
    assert refusals(source) == []


def test_a_sleep_is_warned_of() -> None:
    findings = Findings("w.py")
    check_refusals(ast.parse("import time\ntime.sleep(1)"), findings)
    assert findings.warnings[0].problem.startswith("time.sleep: it holds up everything")


# --- packages ------------------------------------------------------------------------------------


def packages(source: str, **installed: tuple[str, str | None]) -> list[str]:
    findings = Findings("w.py")
    here = {module: Installed(*found) for module, found in installed.items()}
    check_packages(ast.parse(source), findings, own={"mine"}, installed=here.get)
    assert all(item.line for item in findings.errors)
    return [item.problem for item in findings.errors]


def test_compiled_packages_without_a_build_are_refused() -> None:
    assert packages("import apsw") == [
        "import apsw: the package apsw has compiled code and Pyodide has no build of it"
    ]
    assert packages("from fast.core import x", fast=("Fast_Lib", "fast.so")) == [
        "import fast: the package Fast_Lib has compiled code (fast.so) and Pyodide has no build of "
        "it"
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import numpy, yaml, PIL.Image",
        "import os, json, asyncio",
        "import workers, js, pyodide.ffi",
        "import mine.part",
        "import unknown_package",
        "import pure",
        "from . import torch",
    ],
)
def test_the_others_are_taken(source: str) -> None:
    assert packages(source, numpy=("numpy", "_core.so"), pure=("pure", None)) == []


def test_this_machine_s_tools_are_not_deployed() -> None:
    assert packages("import emulator") == [
        "import emulator: it is part of this machine's tools and is not deployed"
    ]


def test_names_are_compared_as_registries_do() -> None:
    assert has_build("Ruamel.YAML")
    assert not has_build("yaml")
    assert is_refused("psycopg2_binary", None)
    assert not is_refused("anything", None)


# --- the boundary --------------------------------------------------------------------------------


def boundary(source: str, *, date: str = "2026-11-01") -> list[str]:
    findings = Findings("w.py")
    check_boundary(ast.parse(source), findings, date=date)
    return [item.problem for item in (*findings.errors, *findings.warnings)]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("ws.send(b'x')", "send() of Python bytes sends the text of them"),
        ("self.server.send(text.encode())", "send() of Python bytes sends the text of them"),
        ("ws.send(bytes(4))", "send() of Python bytes sends the text of them"),
        ("ws.send({'a': 1})", "send() of a Python container sends the text of it"),
        (
            "ws.serializeAttachment({'a': 1})",
            "serializeAttachment() of a Python container fails: DataCloneError",
        ),
        (
            "self.ctx.waitUntil(self.save())",
            "ctx.waitUntil(coroutine) of a Durable Object runs nothing",
        ),
        (
            "ws.addEventListener('message', lambda e: 1)",
            "addEventListener() with a plain Python function: it is dead when the event comes",
        ),
        (
            "ws.addEventListener('message', self.on_message)",
            "addEventListener() with a plain Python function: it is dead when the event comes",
        ),
        ("sql.exec('x', True)", "sql.exec() binds a boolean as text"),
        ("self.ctx.storage.sql.exec('x', [1])", "sql.exec() binds a Python container as text"),
        (
            "import random\nX = random.random()",
            "random.random() at the top level: there is no entropy while a worker is imported",
        ),
        (
            "from uuid import uuid4\nclass A:\n  x = uuid4()",
            "uuid.uuid4() at the top level: there is no entropy while a worker is imported",
        ),
        (
            "import time\ndef f(at=time.time()): pass",
            "time.time() at the top level is 0: time stands still while a worker is imported",
        ),
    ],
)
def test_a_value_that_gets_lost_is_told(source: str, problem: str) -> None:
    assert boundary(source) == [problem]


@pytest.mark.parametrize(
    "source",
    [
        "ws.send('x')",
        "ws.send()",
        "ws.send(to_js(b'x'))",
        "queue.send({'a': 1})",
        "ws.serializeAttachment(to_js({}))",
        "self.ctx.waitUntil(asyncio.create_task(self.save()))",
        "ws.addEventListener('message', create_proxy(f))",
        "ws.addEventListener('message', proxy)",
        "self.ctx.storage.put('k', {'a': 1})",
        "sql.exec('x', 1, name)",
        "import random\ndef f(): return random.random()",
        "import random\nf = lambda: random.random()",
        "from pyodide.ffi import to_js\nto_js({'a': 1})",
    ],
)
def test_what_arrives_is_left(source: str) -> None:
    assert boundary(source) == []


def test_older_dates_have_more_of_them() -> None:
    put = "self.ctx.storage.put('k', {'a': 1})"
    assert boundary(put, date="2026-04-20") == [
        "storage.put() of a Python container fails before compatibility date 2026-04-21: "
        "DataCloneError"
    ]
    map_ = "from pyodide.ffi import to_js\nto_js({'a': 1})"
    assert boundary(map_, date="2026-09-07") == [
        "to_js(dict) is a Map with this compatibility date"
    ]
    converted = "from pyodide.ffi import to_js\nto_js({}, dict_converter=f)"
    assert boundary(converted, date="2026-09-07") == []
