"""The package `pyodide`: ffi, http, code, webloop.

Source: spec python-surface §2.1, §2.6; Pyodide 314's documentation.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

from emulator.core.values import (
    ArrayBuffer,
    ArrayBufferView,
    ConversionError,
    JsArray,
    JsBigInt,
    JsException,
    JsFunction,
    JsMap,
    JsNull,
    JsProxy,
    PyProxy,
    jsnull,
    to_js,
)
from emulator.web.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["PYODIDE_MODULES"]

VERSION = "314.0.7"


def _create_proxy(target: Any, /, **options: Any) -> PyProxy:
    """`create_proxy`: JavaScript may keep the object until `destroy()`."""
    del options
    return PyProxy(target)


def _create_once_callable(target: Any, /, **options: Any) -> PyProxy:
    del options
    return PyProxy(target, is_once=True)


def _destroy_proxies(proxies: Any, /) -> None:
    for proxy in proxies._items if isinstance(proxies, JsArray) else proxies:
        if isinstance(proxy, PyProxy):
            proxy.destroy()


def _run_sync(awaitable: Any) -> Any:
    if inspect.iscoroutine(awaitable):
        awaitable.close()
    raise RuntimeError("No suspender")


def _ffi(module: ModuleType) -> None:
    vars(module).update(
        to_js=to_js,
        create_proxy=_create_proxy,
        create_once_callable=_create_once_callable,
        destroy_proxies=_destroy_proxies,
        run_sync=_run_sync,
        can_run_sync=lambda: False,
        jsnull=jsnull,
        ConversionError=ConversionError,
        JsArray=JsArray,
        JsBigInt=JsBigInt,
        JsBuffer=(ArrayBuffer, ArrayBufferView),
        JsCallable=JsFunction,
        JsException=JsException,
        JsMap=JsMap,
        JsNull=JsNull,
        JsPromise=Promise,
        JsProxy=JsProxy,
    )


class BodyUsedError(OSError):
    """The body of a response was read already."""

    __module__ = "pyodide.http"


class FetchResponse:
    """What `pyfetch` gives: a response with Python's names."""

    __module__ = "pyodide.http"

    def __init__(self, url: str, js_response: Any, abort_controller: Any = None, *args: Any):
        del args
        self._url = url
        self.js_response = js_response
        self.abort_controller = abort_controller

    def _raise_if_failed(self) -> None:
        if self.js_response.bodyUsed:
            raise BodyUsedError("Response body is already used")

    @property
    def body_used(self) -> bool:
        return bool(self.js_response.bodyUsed)

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

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.js_response.headers)

    def raise_for_status(self) -> None:
        if 400 <= self.status < 600:
            raise OSError(f"{self.status} Error: {self.status_text} for url: {self.url}")

    def clone(self) -> FetchResponse:
        self._raise_if_failed()
        return type(self)(self._url, self.js_response.clone())

    async def buffer(self) -> Any:
        self._raise_if_failed()
        return await self.js_response.arrayBuffer()

    async def text(self) -> str:
        self._raise_if_failed()
        return str(await self.js_response.text())

    async def string(self) -> str:
        return await self.text()

    async def json(self, **kwargs: Any) -> Any:
        self._raise_if_failed()
        return json.loads(await self.text(), **kwargs)

    async def memoryview(self) -> Any:
        self._raise_if_failed()
        return (await self.buffer()).to_memoryview()

    async def bytes(self) -> Any:
        self._raise_if_failed()
        return (await self.buffer()).to_bytes()


async def _pyfetch(request: Any, /, *, signal: Any = None, fetcher: Any = None, **kwargs: Any):
    """Fetch `request`; keyword arguments are the members of fetch's options."""
    if fetcher is None:
        from js import fetch as fetcher  # type: ignore[import-not-found]
    if signal is not None:
        kwargs["signal"] = signal
    options = {k: to_js(v) if isinstance(v, dict) else v for k, v in kwargs.items()}
    try:
        response = await fetcher(request, **options)
    except JsException as exc:
        if exc.name == "AbortError":
            raise OSError(exc.message) from None
        raise
    return FetchResponse(request, response)


def _http(module: ModuleType) -> None:
    vars(module).update(FetchResponse=FetchResponse, BodyUsedError=BodyUsedError, pyfetch=_pyfetch)


def relaxed_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `function` with only the arguments that it takes."""
    from emulator.worker.calls import relaxed

    return relaxed(function)(*args, **kwargs)


def _code(module: ModuleType) -> None:
    vars(module).update(relaxed_call=relaxed_call)


def _webloop(module: ModuleType) -> None:
    vars(module).update(WebLoop=asyncio.SelectorEventLoop, PyodideFuture=Promise)


def _package(module: ModuleType) -> None:
    vars(module).update(__version__=VERSION)


PYODIDE_MODULES: dict[str, Callable[[ModuleType], None]] = {
    "pyodide": _package,
    "pyodide.ffi": _ffi,
    "pyodide.http": _http,
    "pyodide.code": _code,
    "pyodide.webloop": _webloop,
}

