"""The module `js`: every global name that a Python Worker can import from it.

Source: spec python-surface §2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.values import JsObject, JsProxy, JsValue
from emulator.runtime.errors import as_js_error
from emulator.web.webidl import to_exception
from emulator.worker.compatibility import enabled_flags
from emulator.worker.javascript.absent import refuse_name
from emulator.worker.javascript.builders import functions, js_class
from emulator.worker.javascript.collections import collection_globals
from emulator.worker.javascript.console import console
from emulator.worker.javascript.dates import date_globals
from emulator.worker.javascript.durable_objects import WebSocketRequestResponsePair
from emulator.worker.javascript.errors import error_globals
from emulator.worker.javascript.network import fetch_globals
from emulator.worker.javascript.numbers import number_globals
from emulator.worker.javascript.objects import object_globals
from emulator.worker.javascript.outgoing_sockets import web_socket_maker
from emulator.worker.javascript.promises import promise_globals
from emulator.worker.javascript.strings import string_globals
from emulator.worker.javascript.timers import timer_globals
from emulator.worker.javascript.web import web_globals
from emulator.worker.javascript.websocket import WebSocket, WebSocketPair

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from emulator.runtime.host import Host
    from emulator.runtime.worker import Worker

__all__ = ["build_js"]

_READY_STATES = ("CONNECTING", "OPEN", "CLOSING", "CLOSED")


def build_js(worker: Callable[[], Worker]) -> Callable[[ModuleType], None]:
    """What fills the module `js`; `worker` gives the worker whose code runs."""

    def host() -> Host:
        return worker().host

    def fill(module: ModuleType) -> None:
        names: dict[str, Any] = {
            "undefined": None,
            "origin": "null",
            **object_globals(),
            **collection_globals(),
            **number_globals(host),
            **string_globals(),
            **date_globals(host),
            **error_globals(),
            **promise_globals(),
            **timer_globals(),
            **web_globals(host),
            **fetch_globals(host),
            **_socket_globals(host),
            **functions({"reportError": _report_error(worker)}),
            "console": console(host),
            "Cloudflare": _Cloudflare(worker),
            "__getattr__": refuse_name,
        }
        names["globalThis"] = names["global"] = names["self"] = module
        vars(module).update(names)

    return fill


def _socket_globals(host: Callable[[], Host]) -> dict[str, Any]:
    states = {name: getattr(WebSocket, name) for name in _READY_STATES}
    states |= {f"READY_STATE_{name}": value for name, value in states.items()}
    return {
        "WebSocket": js_class("WebSocket", web_socket_maker(host), values=states),
        "WebSocketPair": js_class("WebSocketPair", WebSocketPair),
        "WebSocketRequestResponsePair": js_class(
            "WebSocketRequestResponsePair", WebSocketRequestResponsePair
        ),
    }


def _report_error(worker: Callable[[], Worker]) -> Callable[..., None]:
    def report_error(error: JsValue = None) -> None:
        worker().report(as_js_error(to_exception(error)))

    return report_error


class _Cloudflare(JsProxy, js_name="Object"):
    """`Cloudflare.compatibilityFlags`: the flags of the worker that asks."""

    def __init__(self, worker: Callable[[], Worker]) -> None:
        self._worker = worker

    @property
    def compatibilityFlags(self) -> JsObject:
        return JsObject(dict.fromkeys(enabled_flags(self._worker().config), True))
