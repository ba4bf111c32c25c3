"""What Pyodide refuses: threads, processes, sockets, and modules that it does not have.

Source: the platform's list of excluded modules; docs/traps/threads-and-processes.md.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, NamedTuple

from emulator.core.source.names import aliases, dotted, imported_modules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.source.findings import Findings

__all__ = ["check_refusals"]


class _Rule(NamedTuple):
    problem: str
    hint: str


_THREADS: Final = _Rule(
    "there are no threads: RuntimeError: can't start new thread",
    "Write `async def` and asyncio; asyncio.create_task() runs things side by side.",
)
_PROCESSES: Final = _Rule(
    "there are no processes",
    "Do the work in the worker itself, or ask another service with fetch().",
)
_SOCKETS: Final = _Rule(
    "there are no Python sockets",
    "Use fetch() of `workers` for HTTP, or connect() of the JavaScript module cloudflare:sockets.",
)
_LOOP: Final = _Rule(
    "the platform's event loop runs already and cannot be run from Python",
    "Await the coroutine in a handler.",
)
_SLEEP: Final = _Rule(
    "it holds up everything, and the platform's clock stands still meanwhile",
    "Use `await asyncio.sleep(...)`, or an alarm for more than a few seconds.",
)
_REMOVED: Final = _Rule("Python Workers do not have the module", "Do without it.")

# What is called or named.
_USES: Final[Mapping[str, _Rule]] = {
    **dict.fromkeys(
        (
            "threading.Thread",
            "threading.Timer",
            "_thread.start_new_thread",
            "concurrent.futures.ThreadPoolExecutor",
            "concurrent.futures.thread.ThreadPoolExecutor",
            "multiprocessing.pool.ThreadPool",
            "multiprocessing.dummy.Pool",
            "asyncio.to_thread",
        ),
        _THREADS,
    ),
    **dict.fromkeys(
        (
            "concurrent.futures.ProcessPoolExecutor",
            "asyncio.create_subprocess_exec",
            "asyncio.create_subprocess_shell",
            "os.system",
            "os.popen",
            "os.fork",
            "os.forkpty",
            "os.posix_spawn",
            "os.posix_spawnp",
        ),
        _PROCESSES,
    ),
    **dict.fromkeys(
        (
            "socket.socket",
            "socket.create_connection",
            "socket.create_server",
            "socket.socketpair",
            "asyncio.open_connection",
            "asyncio.open_unix_connection",
            "asyncio.start_server",
            "asyncio.start_unix_server",
            "urllib.request.urlopen",
            "http.client.HTTPConnection",
            "http.client.HTTPSConnection",
        ),
        _SOCKETS,
    ),
    **dict.fromkeys(("asyncio.run", "asyncio.Runner"), _LOOP),
}
_PREFIXES: Final[Mapping[str, _Rule]] = {
    "os.exec": _PROCESSES,
    "os.spawn": _PROCESSES,
    "subprocess.": _PROCESSES,
    "multiprocessing.": _PROCESSES,
}
_SERVERS: Final = """
    socketserver http.server wsgiref.simple_server xmlrpc.server
    smtplib ftplib imaplib poplib telnetlib nntplib
""".split()  # noqa: SIM905 - a table
_ABSENT: Final = """
    curses dbm ensurepip fcntl grp idlelib lib2to3 msvcrt pwd resource syslog termios tkinter tty
    turtle turtledemo venv winreg winsound webbrowser
""".split()  # noqa: SIM905
_MODULES: Final[Mapping[str, _Rule]] = {
    "pty": _PROCESSES,
    **dict.fromkeys(_SERVERS, _SOCKETS),
    **dict.fromkeys(_ABSENT, _REMOVED),
}
# Methods of loops, whatever their variable is called.
_METHODS: Final[Mapping[str, _Rule]] = {
    "run_in_executor": _THREADS,
    "run_until_complete": _LOOP,
    "run_forever": _LOOP,
}


def check_refusals(tree: ast.Module, findings: Findings) -> None:
    """Report what the module names and the platform lacks."""
    for statement, name in imported_modules(tree):
        rule = _module_rule(name)
        if rule is not None:
            findings.error(statement, f"import {name}: {rule.problem}", rule.hint)
    known = aliases(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        used = dotted(node, known)
        if used == "time.sleep":
            findings.warn(node, f"time.sleep: {_SLEEP.problem}", _SLEEP.hint)
        rule = _use_rule(node, used)
        if rule is not None:
            method = node.attr if isinstance(node, ast.Attribute) else node.id
            findings.error(node, f"{used or method}: {rule.problem}", rule.hint)


def _module_rule(name: str) -> _Rule | None:
    parts = name.split(".")
    tops = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((_MODULES[top] for top in tops if top in _MODULES), None)


def _use_rule(node: ast.Attribute | ast.Name, name: str | None) -> _Rule | None:
    if name is None:
        return _METHODS.get(node.attr) if isinstance(node, ast.Attribute) else None
    if name in _USES:
        return _USES[name]
    return next((rule for prefix, rule in _PREFIXES.items() if name.startswith(prefix)), None)
