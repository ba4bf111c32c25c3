"""What a test left behind: sockets, unread bodies, tasks, coroutines that nobody awaited, and faults
that never struck. Each with the line that made it.

Proof: tests/testing/test_leaks.py.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator.runtime.eviction import user_place
from emulator.web.readable import ReadableStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    from emulator.runtime.namespace import Namespace
    from emulator.testing.client import WebSocketClient
    from emulator.web.response import Response

__all__ = ["Leaks", "here"]


def here(depth: int = 2) -> str | None:
    """`file:line` of the nearest code of the user's, from `depth` frames up."""
    return _text(user_place(depth + 1))


def _text(place: tuple[CodeType, int] | None) -> str | None:
    return None if place is None else f"{place[0].co_filename}:{place[1]}"


class Leaks:
    """Watches one world for what it leaves behind."""

    def __init__(self) -> None:
        self._clients: list[WebSocketClient] = []
        self._responses: list[tuple[weakref.ref[Response], str, str | None]] = []
        self._unawaited: list[str] = []

    # --- what is made ----------------------------------------------------------------------

    def add_client(self, client: WebSocketClient) -> None:
        self._clients.append(client)

    def add_response(self, response: Response, what: str, source: str | None) -> None:
        self._responses.append((weakref.ref(response), what, source))

    @property
    def clients(self) -> list[WebSocketClient]:
        return self._clients

    @contextmanager
    def watching_coroutines(self) -> Iterator[None]:
        """Notice coroutines that are dropped without having been awaited, and where they come from.

        Python's own warning is given as well.
        """
        before = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]
        depth = sys.get_coroutine_origin_tracking_depth()

        def warn(coroutine: Any) -> None:
            code = coroutine.cr_code
            origin = coroutine.cr_origin
            file, line = origin[0][:2] if origin else (code.co_filename, code.co_firstlineno)
            self._unawaited.append(f"{coroutine.__qualname__}() was never awaited ({file}:{line})")
            before(coroutine)

        warnings._warn_unawaited_coroutine = warn  # type: ignore[attr-defined]
        sys.set_coroutine_origin_tracking_depth(max(1, depth))
        try:
            yield
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)
            warnings._warn_unawaited_coroutine = before  # type: ignore[attr-defined]

    # --- what is left ----------------------------------------------------------------------

    def found(self, namespaces: list[Namespace], unstruck: list[str]) -> list[str]:
        """One line for each thing that is left, before the world is closed."""
        return [
            *(
                f"a WebSocket is still connected ({client.source})"
                for client in self._clients
                if client.ended is None
            ),
            *(
                f"the body of {what} was not read to the end ({source})"
                for ref, what, source in self._responses
                if _is_unread(ref())
            ),
            *_tasks(namespaces),
            *self._unawaited,
            *unstruck,
        ]


def _is_unread(response: Response | None) -> bool:
    source = None if response is None else response._source
    return isinstance(source, ReadableStream) and not source._is_disturbed


def _tasks(namespaces: list[Namespace]) -> Iterator[str]:
    """The tasks that code of objects started and that have not ended."""
    for namespace in namespaces:
        for container in namespace.containers.values():
            if container.instance is None:
                continue
            left = [task for task in container.instance.tasks if not task.done()]
            for line in sorted(_task(task) for task in left):
                yield f"{container!r}: {line}"


def _task(task: Any) -> str:
    coroutine = task.get_coro()
    frame = getattr(coroutine, "cr_frame", None)
    where = f" ({frame.f_code.co_filename}:{frame.f_lineno})" if frame is not None else ""
    return f"the task {getattr(coroutine, '__qualname__', task.get_name())}() still runs{where}"
