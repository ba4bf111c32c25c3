"""`pyodide.ffi`: conversions, proxies, and the classes of JavaScript objects.

Source: Pyodide 314's documentation; spec python-surface §2.1, §2.5.
"""

from __future__ import annotations

import functools
import inspect
import sys
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

from emulator.core.compat import (
    DATETIME,
    RPC_KEYS,
    TO_JS_DICT,
    is_called_by_user,
    warn,
)
from emulator.core.values import (
    ArrayBuffer,
    ArrayBufferView,
    ConversionError,
    JsArray,
    JsBigInt,
    JsException,
    JsIterator,
    JsMap,
    JsNull,
    JsProxy,
    JsSet,
    PyProxy,
    TypedArray,
    from_js,
    jsnull,
)
from emulator.core.values.callbacks import is_function
from emulator.core.values.convert import make_to_js
from emulator.web.promises import Promise, Settled
from emulator.worker.pyodide.stacks import can_run_sync, run_sync, use_stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.worker import Worker
    from emulator.worker.compatibility import Generation

__all__ = ["build_ffi", "build_wrappers"]


class InternalError(Exception):
    """Pyodide itself failed."""

    __module__ = "pyodide.ffi"


def _kind(name: str, is_one: Callable[[Any], bool]) -> type:
    """A class of `pyodide.ffi` that is only good for `isinstance` and annotations."""

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return is_one(instance)

    return Kind(name, (), {"__module__": "pyodide.ffi", "__slots__": ()})


def _is_iterable(value: Any) -> bool:
    return isinstance(value, JsProxy) and hasattr(type(value), "__iter__")


def _is_async_iterable(value: Any) -> bool:
    return isinstance(value, JsProxy) and hasattr(type(value), "__aiter__")


def _classes() -> dict[str, type]:
    return {
        "ConversionError": ConversionError,
        "InternalError": InternalError,
        "JsArray": JsArray,
        "JsAsyncGenerator": _kind("JsAsyncGenerator", lambda _: False),
        "JsAsyncIterable": _kind("JsAsyncIterable", _is_async_iterable),
        "JsAsyncIterator": _kind("JsAsyncIterator", lambda x: hasattr(type(x), "__anext__")),
        "JsBigInt": JsBigInt,
        "JsBuffer": _kind("JsBuffer", lambda x: isinstance(x, (ArrayBuffer, ArrayBufferView))),
        "JsCallable": _kind("JsCallable", is_function),
        "JsCallableDoubleProxy": _kind(
            "JsCallableDoubleProxy", lambda x: isinstance(x, PyProxy) and is_function(x)
        ),
        "JsDomElement": _kind("JsDomElement", lambda _: False),
        "JsDoubleProxy": PyProxy,
        "JsException": JsException,
        "JsFetchResponse": _kind(
            "JsFetchResponse", lambda x: isinstance(x, JsProxy) and x.js_name == "Response"
        ),
        "JsGenerator": _kind("JsGenerator", lambda _: False),
        "JsIterable": _kind("JsIterable", _is_iterable),
        "JsIterator": JsIterator,
        "JsMap": _kind("JsMap", lambda x: isinstance(x, JsMap)),
        "JsMutableMap": JsMap,
        "JsOnceCallable": _kind("JsOnceCallable", lambda x: isinstance(x, PyProxy) and x.is_once),
        "JsPromise": _kind("JsPromise", lambda x: isinstance(x, (Promise, Settled))),
        "JsProxy": JsProxy,
        "JsSet": JsSet,
        "JsTypedArray": TypedArray,
        "JsWeakRef": _kind(
            "JsWeakRef", lambda x: isinstance(x, JsProxy) and x.js_name == "WeakRef"
        ),
    }


def _note(kind: str, value: Any, default_converter: Any) -> None:
    """Announce what a conversion changes."""
    is_rpc = getattr(default_converter, "__module__", "").startswith("workers.")
    if kind == "dict":
        if is_called_by_user():
            warn(TO_JS_DICT, "to_js(dict) gives a Map on this version of the runtime.")
    elif kind == "key" and is_rpc:
        warn(RPC_KEYS, f"The key {value!r} becomes a text: it comes back as {str(value)!r}.")
    elif kind == "datetime" and is_rpc and isinstance(value, datetime) and value.tzinfo:
        warn(DATETIME, "A datetime loses its zone: it comes back naive, in UTC.")


def _create_proxies(worker: Callable[[], Worker]) -> dict[str, Callable[..., Any]]:
    def kept(target: Any) -> Any:
        # An async function may run on a stack of its own, wherever it is called from.
        if inspect.iscoroutinefunction(target) and (pool := worker().stacks) is not None:

            @functools.wraps(target)
            async def on_stack(*args: Any, **kwargs: Any) -> Any:
                return await pool.run(functools.partial(target, *args, **kwargs))

            return on_stack
        return target

    def create_proxy(obj: Any, /, *, capture_this: bool = False, roundtrip: bool = True) -> PyProxy:
        """A proxy that JavaScript may keep until `destroy()`."""
        del capture_this, roundtrip
        return PyProxy(kept(obj))

    def create_once_callable(obj: Callable[..., Any], /, **options: Any) -> PyProxy:
        """A proxy that is destroyed by its first call."""
        del options
        return PyProxy(kept(obj), is_once=True)

    return {"create_proxy": create_proxy, "create_once_callable": create_once_callable}


def _destroy_proxies(pyproxies: Any, /) -> None:
    """Destroy every proxy of a list or Array."""
    for proxy in pyproxies._items if isinstance(pyproxies, JsArray) else pyproxies:
        if isinstance(proxy, PyProxy):
            proxy.destroy()


def _register_js_module(name: str, jsproxy: Any) -> None:
    """Make `import name` give the properties of a JavaScript object."""

    def missing(attribute: str) -> Any:
        return from_js(getattr(jsproxy, attribute))

    module = ModuleType(name)
    module.__dict__["__getattr__"] = missing
    sys.modules[name] = module


def _unregister_js_module(name: str) -> None:
    """Undo `register_js_module`. Raises: ValueError, if the name was not registered."""
    if name not in sys.modules:
        raise ValueError(
            f"Cannot unregister {name!r}: no Javascript module with that name is registered"
        )
    del sys.modules[name]


def build_ffi(
    worker: Callable[[], Worker], generation: Callable[[], Generation]
) -> Callable[[ModuleType], None]:
    """What fills `pyodide.ffi`."""

    def fill(module: ModuleType) -> None:
        now = generation()
        to_js = make_to_js(wants_maps=now.dicts_are_maps, note=_note)
        to_js.__module__ = "pyodide.ffi"

        def missing(name: str) -> Any:
            if name != "run_sync":
                raise AttributeError(f"module 'pyodide.ffi' has no attribute {name!r}")
            # Who asks for it may use it: from the next event on, on stacks that can wait.
            use_stacks(worker())
            return run_sync

        vars(module).update(
            **_classes(),
            **_create_proxies(worker),
            to_js=to_js,
            destroy_proxies=_destroy_proxies,
            can_run_sync=can_run_sync,
            register_js_module=_register_js_module,
            unregister_js_module=_unregister_js_module,
            __getattr__=missing,
        )
        if now.has_jsnull:
            vars(module).update(jsnull=jsnull, JsNull=JsNull)

    return fill


def build_wrappers(module: ModuleType) -> None:
    """What fills `pyodide.ffi.wrappers`: events and timers with Python functions."""
    import js  # type: ignore[import-not-found]

    proxies: dict[tuple[Any, str, Any], PyProxy] = {}

    def add_event_listener(elt: Any, event: str, listener: Callable[[Any], None]) -> None:
        proxy = proxies[elt.js_id, event, listener] = PyProxy(listener)
        elt.addEventListener(event, proxy)

    def remove_event_listener(elt: Any, event: str, listener: Callable[[Any], None]) -> None:
        proxy = proxies.pop((elt.js_id, event, listener))
        elt.removeEventListener(event, proxy)
        proxy.destroy()

    def set_timeout(callback: Callable[[], None], timeout: int) -> Any:
        return js.setTimeout(PyProxy(callback, is_once=True), timeout)

    def set_interval(callback: Callable[[], None], interval: int) -> Any:
        return js.setInterval(PyProxy(callback), interval)

    vars(module).update(
        add_event_listener=add_event_listener,
        remove_event_listener=remove_event_listener,
        set_timeout=set_timeout,
        clear_timeout=js.clearTimeout,
        set_interval=set_interval,
        clear_interval=js.clearInterval,
    )
