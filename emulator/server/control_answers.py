"""Requests to the control API as the handlers see them, and its answers: wrangler's envelope.

Proof: tests/server/test_control.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from emulator.runtime.inspection.errors import (
    InspectionError,
    NotUnderstoodError,
    ObjectBusyError,
    UnknownMemberError,
    UnknownNamespaceError,
    UnknownObjectError,
)
from emulator.storage.reading import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.runtime.eviction import Blocker

__all__ = [
    "ApiError",
    "Call",
    "blocker_json",
    "done",
    "download",
    "failed",
    "failure_of",
    "listed",
    "read_body",
]

BODY_BYTES_MAX: Final = 32 * 1024 * 1024
HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, status: HTTPStatus, code: int, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.result = result


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its path's variable parts, its query and its JSON body ({} without one).

    `request` is None for a call within the process, which brings a `content` that is no JSON along.
    """

    request: web.BaseRequest | None
    parts: tuple[str, ...]
    query: dict[str, list[str]]
    body: dict[str, Any]
    content: bytes | None = None

    @property
    def http(self) -> web.BaseRequest:
        """The request, of an endpoint that only the network has. Raises: ApiError."""
        if self.request is None:
            raise ApiError(HTTPStatus.NOT_FOUND, 20404, "Only a running server has this.")
        return self.request

    def text(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.query.get(name, [default])[-1]

    def find(self, name: str) -> str | None:
        return self.query.get(name, [None])[-1]

    def number(self, name: str, default: int, *, most: int, least: int = 0) -> int:
        """Raises: NotUnderstoodError."""
        text = self.text(name, str(default))
        try:
            number = int(text)
        except ValueError:
            raise NotUnderstoodError(f'"{name}" must be a whole number.') from None
        return max(least, min(number, most))

    def is_on(self, name: str) -> bool:
        return self.text(name).lower() in ("1", "true", "yes")

    def field[T](self, name: str, kind: type[T], default: T | None = None) -> T:
        """A field of the body. Raises: NotUnderstoodError."""
        value = self.body.get(name, default)
        is_number = kind in (int, float) and isinstance(value, bool)
        if not isinstance(value, kind) or is_number:
            raise NotUnderstoodError(f'"{name}" must be of type {_TYPES.get(kind, kind.__name__)}.')
        return value


_TYPES: Final = {str: "string", int: "number", bool: "boolean", list: "array", dict: "object"}


async def read_body(
    request: web.BaseRequest, content_type: str, bytes_max: int = BODY_BYTES_MAX
) -> bytes:
    """The body. Raises: ApiError for a wrong type or one that is too large."""
    if request.content_type != content_type:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 20415, f"Send the body as {content_type}."
        )
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 20413, f"At most {bytes_max} bytes."
            )
    return bytes(body)


def done(result: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return _json({"success": True, "errors": [], "messages": [], "result": result}, status)


def listed(result: Sequence[Any], cursor: str | None = "", **info: Any) -> web.Response:
    """A list; `cursor` None and "" both say that it is the last page."""
    count = {"count": len(result), "cursor": cursor or "", **info}
    return _json(
        {"success": True, "errors": [], "messages": [], "result": result, "result_info": count},
        HTTPStatus.OK,
    )


def failed(failure: ApiError) -> web.Response:
    errors = [{"code": failure.code, "message": failure.message}]
    answer = {"success": False, "errors": errors, "messages": [], "result": failure.result}
    return _json(answer, failure.status)


def download(content: bytes | str, name: str, content_type: str) -> web.Response:
    body = content.encode("utf-8", "replace") if isinstance(content, str) else content
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type=content_type, headers=headers)


def _json(answer: Any, status: HTTPStatus) -> web.Response:
    # Pure ASCII, so that a lone surrogate is an escape; and never NaN, which is no JSON.
    text = json.dumps(answer, allow_nan=False, separators=(",", ":"))
    return web.Response(text=text, content_type="application/json", headers=HEADERS, status=status)


def blocker_json(blocker: Blocker) -> dict[str, Any]:
    return {
        "kind": blocker.kind,
        "detail": blocker.detail,
        "age_s": round(blocker.age_s, 3),
        "source": blocker.source,
    }


_FAILURES: Final[dict[type[Exception], tuple[HTTPStatus, int]]] = {
    UnknownNamespaceError: (HTTPStatus.NOT_FOUND, 10066),
    UnknownObjectError: (HTTPStatus.NOT_FOUND, 20001),
    UnknownMemberError: (HTTPStatus.NOT_FOUND, 20002),
    NotUnderstoodError: (HTTPStatus.BAD_REQUEST, 10001),
    ObjectBusyError: (HTTPStatus.CONFLICT, 20003),
    QueryError: (HTTPStatus.BAD_REQUEST, 20004),
}


def failure_of(exc: InspectionError | QueryError) -> ApiError:
    """The answer to a request that failed."""
    status, code = _FAILURES.get(type(exc), (HTTPStatus.INTERNAL_SERVER_ERROR, 20500))
    result = None
    if isinstance(exc, ObjectBusyError):
        result = {"blockers": [blocker_json(blocker) for blocker in exc.blockers]}
    return ApiError(status, code, str(exc), result)
