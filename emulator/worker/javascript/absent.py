"""Names of the platform's global scope that the emulator does not offer.

Asking for one says so; a name that the platform does not have either is simply missing.
"""

from __future__ import annotations

import dis
import sys
from typing import Final, NoReturn

from emulator.errors import EmulatorError

__all__ = ["NotOfferedError", "NotOfferedImportError", "refuse_name"]

_OTHER_PRODUCT: Final = "belongs to another product"
_ENTRYPOINT: Final = "write a class that extends WorkerEntrypoint"
_NODE: Final = "belongs to the Node.js compatibility of JavaScript workers"
_ENGINE: Final = "it would have to run JavaScript"
_MEMORY: Final = "threads do not share memory here"
_WITH: Final = "use Python's with statement"
_TIMING: Final = "only performance.now() is offered"
# The name, and why it is not here.
ABSENT: Final[dict[str, str]] = {
    "AsyncDisposableStack": _WITH,
    "Atomics": _MEMORY,
    "Buffer": _NODE,
    "Cache": _OTHER_PRODUCT,
    "CacheStorage": _OTHER_PRODUCT,
    "DisposableStack": _WITH,
    "EventSource": "read the body of fetch() instead",
    "ExtendableEvent": _ENTRYPOINT,
    "FetchEvent": _ENTRYPOINT,
    "Function": _ENGINE,
    "HTMLRewriter": _OTHER_PRODUCT,
    "Intl": "use Python's own formatting",
    "MessageChannel": "use asyncio.Queue",
    "MessagePort": "use asyncio.Queue",
    "PerformanceEntry": _TIMING,
    "PerformanceMark": _TIMING,
    "PerformanceMeasure": _TIMING,
    "PerformanceObserver": _TIMING,
    "PerformanceObserverEntryList": _TIMING,
    "PerformanceResourceTiming": _TIMING,
    "PromiseRejectionEvent": _ENTRYPOINT,
    "Proxy": _ENGINE,
    "ScheduledEvent": _ENTRYPOINT,
    "ServiceWorkerGlobalScope": _ENTRYPOINT,
    "SharedArrayBuffer": _MEMORY,
    "SuppressedError": _WITH,
    "TailEvent": _OTHER_PRODUCT,
    "TraceEvent": _OTHER_PRODUCT,
    "URLPattern": "use re or urllib.parse",
    "WebAssembly": "it would have to run WebAssembly",
    "WorkerGlobalScope": _ENTRYPOINT,
    "addEventListener": _ENTRYPOINT,
    "caches": _OTHER_PRODUCT,
    "dispatchEvent": _ENTRYPOINT,
    "eval": _ENGINE,
    "process": _NODE,
    "removeEventListener": _ENTRYPOINT,
}
_IMPORT_FROM: Final = dis.opmap["IMPORT_FROM"]


def _text(name: str) -> str:
    return f"The platform has js.{name}, but the emulator does not offer it: {ABSENT[name]}."


class NotOfferedError(EmulatorError, AttributeError):
    """`js.NAME` was asked for, which only the platform has."""

    def __init__(self, name: str) -> None:
        super().__init__(_text(name))


class NotOfferedImportError(EmulatorError, ImportError):
    """`from js import NAME`, where only the platform has it."""

    def __init__(self, name: str) -> None:
        super().__init__(_text(name), name=name)


def refuse_name(name: str) -> NoReturn:
    """The `__getattr__` of the module `js`.

    Raises:
        NotOfferedError: the platform has the name.
        NotOfferedImportError: it is asked for by an import, which would hide the other's words.
        AttributeError: nobody has it.
    """
    if name not in ABSENT:
        raise AttributeError(name)
    frame = sys._getframe(1)
    if frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == _IMPORT_FROM:
        raise NotOfferedImportError(name)
    raise NotOfferedError(name)
