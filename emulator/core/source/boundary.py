"""Values that cross into JavaScript unconverted: the platform loses or refuses them.

Only what is certain from the source is told: literals and what is made on the spot. The rest is
found when it happens, by the emulator's CompatWarning. Each has its page in docs/traps/.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from emulator.core.source.names import aliases, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.source.findings import Findings

__all__ = ["check_boundary"]

STORAGE_WRAPPED_SINCE: Final = "2026-04-21"  # the SDK of this date converts what is stored
MAPS_UNTIL: Final = "2026-09-08"  # to_js(dict) is a plain object from this date on
_SOCKET_NAMES: Final = ("ws", "websocket", "socket", "server", "client", "connection")
_ENTROPY: Final = ("random.", "secrets.", "uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom")
_CLOCKS: Final = ("time.time", "datetime.datetime.now", "datetime.datetime.utcnow", "js.Date.now")
_CONTAINERS = (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.DictComp, ast.ListComp, ast.SetComp)


def check_boundary(tree: ast.Module, findings: Findings, *, date: str) -> None:
    """Report values that get lost; `date` is the compatibility date."""
    known = aliases(tree)
    checker = _Checker(known, findings, date)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            checker.check(node)
    for call in _calls_at_import(tree):
        name = dotted(call.func, known) or ""
        if name.startswith(_ENTROPY):
            findings.error(
                call,
                f"{name}() at the top level: there is no entropy while a worker is imported",
                "Call it in a handler (docs/traps/import-time.md).",
            )
        elif name in _CLOCKS:
            findings.warn(
                call,
                f"{name}() at the top level is 0: time stands still while a worker is imported",
                "Call it in a handler (docs/traps/import-time.md).",
            )


class _Checker:
    def __init__(self, known: Mapping[str, str], findings: Findings, date: str) -> None:
        self._known = known
        self._findings = findings
        self._date = date

    def check(self, call: ast.Call) -> None:
        if dotted(call.func, self._known) == "pyodide.ffi.to_js":
            self._to_js(call)
        if not isinstance(call.func, ast.Attribute):
            return
        receiver = _last_name(call.func.value)
        match call.func.attr:
            case "send" if receiver in _SOCKET_NAMES:
                self._send(call)
            case "serializeAttachment" if call.args and _is_container(call.args[0]):
                self._findings.error(
                    call,
                    "serializeAttachment() of a Python container fails: DataCloneError",
                    "Convert it: to_js(value, dict_converter=Object.fromEntries).",
                )
            case "waitUntil" if receiver == "ctx" and _is_coroutine_call(call):
                self._findings.warn(
                    call,
                    "ctx.waitUntil(coroutine) of a Durable Object runs nothing",
                    "Pass asyncio.create_task(...) (docs/traps/wait-until-coroutine.md).",
                )
            case "addEventListener" if len(call.args) > 1 and _is_function(call.args[1]):
                self._findings.error(
                    call,
                    "addEventListener() with a plain Python function: it is dead when the event "
                    "comes",
                    "Wrap it: create_proxy(listener) (docs/traps/event-listener-proxy.md).",
                )
            case "put" if receiver == "storage" and self._date < STORAGE_WRAPPED_SINCE:
                self._put(call)
            case "exec" if receiver == "sql":
                self._exec(call)

    def _to_js(self, call: ast.Call) -> None:
        has_converter = any(keyword.arg == "dict_converter" for keyword in call.keywords)
        if self._date < MAPS_UNTIL and not has_converter and _is_dict(call.args[:1]):
            self._findings.warn(
                call,
                "to_js(dict) is a Map with this compatibility date",
                "Add dict_converter=Object.fromEntries (docs/traps/to-js-dict.md).",
            )

    def _send(self, call: ast.Call) -> None:
        if not call.args:
            return
        value = call.args[0]
        if _is_bytes(value):
            self._findings.error(
                call,
                "send() of Python bytes sends the text of them",
                "Write send(to_js(data)) (docs/traps/websocket-send-bytes.md).",
            )
        elif _is_container(value):
            self._findings.error(
                call,
                "send() of a Python container sends the text of it",
                "Write send(json.dumps(value)).",
            )

    def _put(self, call: ast.Call) -> None:
        if any(_is_container(argument) for argument in call.args):
            self._findings.error(
                call,
                "storage.put() of a Python container fails before compatibility date "
                f"{STORAGE_WRAPPED_SINCE}: DataCloneError",
                "Convert it: to_js(value, dict_converter=Object.fromEntries); or use a later date.",
            )

    def _exec(self, call: ast.Call) -> None:
        for value in call.args[1:]:
            if isinstance(value, ast.Constant) and isinstance(value.value, bool):
                self._findings.warn(
                    call,
                    "sql.exec() binds a boolean as text",
                    "Bind int(value) (docs/traps/sql-boolean-is-text.md).",
                )
            elif _is_container(value):
                self._findings.error(
                    call,
                    "sql.exec() binds a Python container as text",
                    "Bind json.dumps(value) (docs/traps/sql-object-is-text.md).",
                )


def _calls_at_import(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls that run when the module is imported: all but those in functions."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, *node.args.defaults]
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting += ast.iter_child_nodes(node)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _is_container(node: ast.expr) -> bool:
    return isinstance(node, _CONTAINERS)


def _is_dict(nodes: list[ast.expr]) -> bool:
    return bool(nodes) and isinstance(nodes[0], ast.Dict | ast.DictComp)


def _is_bytes(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=bytes()):
            return True
        case ast.Call(func=ast.Name(id="bytes" | "bytearray" | "memoryview")):
            return True
        case ast.Call(func=ast.Attribute(attr="encode" | "to_bytes")):
            return True
        case _:
            return False


def _is_function(node: ast.expr) -> bool:
    """A lambda or a method: what surely is no proxy (a plain name may be one)."""
    match node:
        case ast.Lambda():
            return True
        case ast.Attribute(value=ast.Name(id="self")):
            return True
        case _:
            return False


def _is_coroutine_call(call: ast.Call) -> bool:
    """`ctx.waitUntil(self.method())`: a method of one's own is a coroutine there."""
    match call.args[:1]:
        case [ast.Call(func=ast.Attribute(value=ast.Name(id="self")))]:
            return True
        case _:
            return False
