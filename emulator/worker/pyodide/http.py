"""`pyodide.http`: fetch with Python's names.

Source: Pyodide 314's documentation of pyodide.http.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from emulator.core.values import JsArray, JsException, JsObject, JsProxy, js_value, to_js, to_string
from emulator.web.webidl import member

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

__all__ = ["build_http"]


class HttpStatusError(OSError):
    """The server answered with an error."""

    __module__ = "pyodide.http"

    def __init__(self, status: int, status_text: str, url: str) -> None:
        self.status = status
        self.status_text = status_text
        self.url = url
        who = "Client" if 400 <= status < 500 else "Server"
        super().__init__(f"{status} {who} Error: {status_text} for url: {url}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.status_text, self.url)


class BodyUsedError(OSError):
    """The body of a response was read already."""

    __module__ = "pyodide.http"

    def __init__(self, *args: Any) -> None:
        super().__init__("Response body is already used")
        del args


class AbortError(OSError):
    """The fetch was aborted."""

    __module__ = "pyodide.http"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class FetchResponse:
    """What `pyfetch` gives: a response with Python's names."""

    __module__ = "pyodide.http"

    def __init__(
        self,
        url: str,
        js_response: Any,
        abort_controller: Any = None,
        abort_signal: Any = None,
    ) -> None:
        self._url = url
        self.js_response = js_response
        self.abort_controller = abort_controller
        self.abort_signal = abort_signal

    def _raise_if_failed(self) -> None:
        signal = self.abort_signal
        if signal is not None and signal.aborted:
            raise AbortError(signal.reason.message)
        if self.js_response.bodyUsed:
            raise BodyUsedError

    @property
    def body_used(self) -> bool:
        return bool(self.js_response.bodyUsed)

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.js_response.headers)

    @property
    def ok(self) -> bool:
        return bool(self.js_response.ok)

    @property
    def redirected(self) -> bool:
        return bool(self.js_response.redirected)

    @property
    def status(self) -> int:
        return int(self.js_response.status)

    @property
    def status_text(self) -> str:
        return str(self.js_response.statusText)

    @property
    def type(self) -> str:
        return str(self.js_response.type)

    @property
    def url(self) -> str:
        return str(self.js_response.url)

    def raise_for_status(self) -> None:
        """Raises: HttpStatusError for a status from 400 on."""
        if 400 <= self.status < 600:
            raise HttpStatusError(self.status, self.status_text, self.url)

    def clone(self) -> FetchResponse:
        self._raise_if_failed()
        return FetchResponse(  # and no subclass, as in Pyodide
            self._url, self.js_response.clone(), self.abort_controller, self.abort_signal
        )

    async def buffer(self) -> Any:
        """The body as an ArrayBuffer."""
        self._raise_if_failed()
        return await self.js_response.arrayBuffer()

    async def text(self) -> str:
        self._raise_if_failed()
        return str(await self.js_response.text())

    async def string(self) -> str:
        return await self.text()

    async def json(self, **kwargs: Any) -> Any:
        """The body, parsed by `json.loads` with these arguments."""
        self._raise_if_failed()
        return json.loads(await self.text(), **kwargs)

    async def memoryview(self) -> Any:
        return (await self.buffer()).to_memoryview()

    async def bytes(self) -> Any:
        return (await self.buffer()).to_bytes()

    async def unpack_archive(
        self, *, extract_dir: str | None = None, format: str | None = None
    ) -> None:
        """Unpack the body as an archive."""
        import shutil
        import tempfile
        from pathlib import Path

        name = Path(self._url).name
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_bytes(await self.bytes())
            is_zip = (format or name).endswith("zip")
            shutil.unpack_archive(file, extract_dir, format, filter=None if is_zip else "data")

    def abort(self, reason: Any = None) -> None:
        """Abort the fetch: the body cannot be read any more."""
        import js  # type: ignore[import-not-found]

        if self.abort_controller is None:
            self.abort_controller = js.AbortController.new()
            self.abort_signal = self.abort_controller.signal
        self.abort_controller.abort(reason)


async def _pyfetch(
    request: Any, /, *, signal: Any = None, fetcher: Any = None, **kwargs: Any
) -> FetchResponse:
    """Fetch `request`; keyword arguments are the members of fetch's options.

    Raises:
        AbortError: the signal was aborted.
    """
    if fetcher is None:
        import js

        fetcher = js.fetch
    call: Callable[..., Awaitable[Any]] = fetcher
    options = {name: _option(value) for name, value in kwargs.items()}
    if signal is not None:
        options["signal"] = signal
    try:
        response = await (call(request, JsObject(options)) if options else call(request))
    except JsException as exc:
        if exc.name == "AbortError":
            raise AbortError(exc.message) from None
        raise
    return FetchResponse(_url_of(request), response, abort_signal=signal)


def _option(value: Any) -> Any:
    """A member of the options: dicts and lists whole, anything else as an argument is."""
    if isinstance(value, dict):
        return to_js(value)
    if isinstance(value, (list, tuple)):
        return JsArray([_option(item) for item in value])
    return js_value(value)


def _url_of(request: Any) -> str:
    inside = js_value(request)
    return to_string(member(inside, "url") if isinstance(inside, JsProxy) else inside)


def _open_url(url: str) -> NoReturn:
    raise OSError(
        f"open_url({url!r}): XMLHttpRequest is not defined in Workers. Use await pyfetch(url)."
    )


def build_http(module: ModuleType) -> None:
    vars(module).update(
        AbortError=AbortError,
        BodyUsedError=BodyUsedError,
        FetchResponse=FetchResponse,
        HttpStatusError=HttpStatusError,
        open_url=_open_url,
        pyfetch=_pyfetch,
    )
