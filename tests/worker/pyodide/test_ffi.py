"""`pyodide.ffi`, `pyodide.webloop` and the versions of both."""

from __future__ import annotations

import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from emulator.core.config.model import Config
from emulator.core.values import JsException, JsMap, JsObject, JsProxy, jsnull
from emulator.errors import CompatWarning
from emulator.worker.compatibility import MIDDLE, NEWEST, OLDEST, Generation, generation_of
from emulator.worker.pyodide.modules import pyodide_modules

LOOPLESS = SimpleNamespace(loop=SimpleNamespace(set_task_factory=lambda factory: None))


def module(name: str, generation: Generation = NEWEST, worker: Any = None) -> Any:
    made = ModuleType(name)
    owner = worker or SimpleNamespace(stacks=None, host=LOOPLESS)
    pyodide_modules(lambda: owner, lambda: generation)[name](made)
    return made


@pytest.fixture
def ffi() -> Any:
    return module("pyodide.ffi")


@pytest.mark.parametrize(
    ("date", "flags", "version"),
    [
        ("2025-09-28", (), "0.26.0a2"),
        ("2025-09-29", (), "0.28.2"),
        ("2026-09-07", (), "0.28.2"),
        ("2026-09-08", (), "314.0.7"),
        ("2025-01-01", ("python_workers_314",), "314.0.7"),
        ("2025-01-01", ("python_workers_20250116",), "0.28.2"),
    ],
)
def test_date_and_flags_choose_the_version(date: str, flags: tuple[str, ...], version: str) -> None:
    config = Config(main="a.py", compatibility_date=date, compatibility_flags=flags)
    generation = generation_of(config)
    assert module("pyodide", generation).__version__ == version


@pytest.mark.parametrize(
    ("generation", "kind"), [(OLDEST, JsMap), (MIDDLE, JsMap), (NEWEST, JsObject)]
)
@pytest.mark.filterwarnings("ignore::emulator.errors.CompatWarning")
def test_a_dict_becomes_what_the_version_says(generation: Generation, kind: type) -> None:
    ffi = module("pyodide.ffi", generation)
    made = ffi.to_js({"a": {"b": 1}})
    assert type(made) is kind
    assert made.to_py() == {"a": {"b": 1}}


def test_a_dict_that_becomes_a_map_is_announced_here() -> None:
    with pytest.warns(CompatWarning, match="gives a Map on this version") as caught:
        module("pyodide.ffi", MIDDLE).to_js({"a": 1})
    assert caught[0].filename == __file__
    assert "docs/traps/to-js-dict.md" in str(caught[0].message)


def test_the_oldest_version_has_no_jsnull() -> None:
    assert not hasattr(module("pyodide.ffi", OLDEST), "jsnull")
    assert module("pyodide.ffi").jsnull is jsnull


@pytest.mark.parametrize(
    "name",
    [
        *("ConversionError", "InternalError", "JsArray", "JsAsyncGenerator", "JsAsyncIterable"),
        *("JsAsyncIterator", "JsBigInt", "JsBuffer", "JsCallable", "JsCallableDoubleProxy"),
        *("JsDomElement", "JsDoubleProxy", "JsException", "JsFetchResponse", "JsGenerator"),
        *("JsIterable", "JsIterator", "JsMap", "JsMutableMap", "JsNull", "JsOnceCallable"),
        *("JsPromise", "JsProxy", "JsTypedArray", "JsWeakRef", "can_run_sync"),
        *("create_once_callable", "create_proxy", "destroy_proxies", "jsnull", "to_js"),
        *("register_js_module", "unregister_js_module", "run_sync"),
    ],
)
def test_every_public_name_is_there(ffi: Any, name: str) -> None:
    assert hasattr(ffi, name)


def test_a_name_that_is_not_there_says_so(ffi: Any) -> None:
    with pytest.raises(AttributeError, match=r"module 'pyodide\.ffi' has no attribute 'nosuch'"):
        _ = ffi.nosuch


def test_classes_know_their_instances(ffi: Any, js: Any) -> None:
    assert isinstance(ffi.to_js([1]), ffi.JsArray)
    assert isinstance(js.ArrayBuffer.new(1), ffi.JsBuffer)
    assert isinstance(js.Uint8Array.new(1), ffi.JsTypedArray)
    assert not isinstance(ffi.to_js([1]), ffi.JsBuffer)
    assert isinstance(js.fetch, ffi.JsCallable)
    assert isinstance(js.Map.new(), ffi.JsMap)
    assert isinstance(js.Map.new(), ffi.JsMutableMap)
    assert isinstance(js.Array.new(), ffi.JsIterable)
    assert isinstance(js.Promise.reject(js.Error.new("x")), ffi.JsPromise)
    assert isinstance(js.Response.new("x"), ffi.JsFetchResponse)
    assert isinstance(js.ReadableStream.new(), ffi.JsAsyncIterable)
    assert isinstance(js.WeakRef.new(js.Object.new()), ffi.JsWeakRef)
    assert isinstance(ffi.create_proxy(test_classes_know_their_instances), ffi.JsDoubleProxy)
    assert isinstance(ffi.create_once_callable(lambda: 1), ffi.JsOnceCallable)
    assert not isinstance(js.Object.new(), ffi.JsDomElement)
    assert isinstance(js.Error.new("x"), ffi.JsProxy)
    assert issubclass(ffi.JsException, JsProxy)


def test_a_proxy_is_alive_until_it_is_destroyed(ffi: Any) -> None:
    proxy = ffi.create_proxy(lambda x: x + 1)
    copy = proxy.copy()
    assert proxy(1) == 2
    proxy.destroy()
    with pytest.raises(JsException) as caught:
        proxy(1)
    first, second = caught.value.message.splitlines()
    assert first == "Object has already been destroyed"
    assert second.startswith('The object was of type "function" and had repr "<function ')
    with pytest.raises(JsException, match="already been destroyed"):
        _ = proxy.attribute
    with pytest.raises(JsException, match="already been destroyed"):
        proxy.getBuffer()
    assert copy(1) == 2


def test_a_once_callable_can_be_called_once(ffi: Any) -> None:
    proxy = ffi.create_once_callable(lambda: 5)
    assert proxy() == 5
    with pytest.raises(JsException, match="OnceProxy can only be called once"):
        proxy()


def test_destroy_proxies_takes_a_list_or_an_array(ffi: Any, js: Any) -> None:
    proxies = js.Array.new()
    ffi.to_js([object(), object()], pyproxies=proxies)
    assert len(proxies) == 2
    more = [ffi.create_proxy([])]
    held = list(proxies._items)
    ffi.destroy_proxies(proxies)
    ffi.destroy_proxies(more)
    assert all(proxy.is_destroyed for proxy in [*held, *more])


def test_a_buffer_of_a_proxy_is_a_typed_array(ffi: Any) -> None:
    buffer = ffi.create_proxy(b"ab").getBuffer()
    assert buffer.data.constructor.name == "Uint8Array"
    assert buffer.data.to_bytes() == b"ab"
    assert (buffer.nbytes, buffer.ndim, buffer.itemsize, buffer.readonly) == (2, 1, 1, True)
    assert (buffer.format, buffer.offset, buffer.shape.to_py()) == ("B", 0, [2])
    assert (buffer.strides.to_py(), buffer.c_contiguous, buffer.f_contiguous) == ([1], True, True)
    buffer.release()
    with pytest.raises(JsException, match="already been released"):
        _ = buffer.data
    numbers = memoryview(b"\1\0\2\0").cast("h")
    assert ffi.create_proxy(numbers).getBuffer().data.constructor.name == "Int16Array"
    assert ffi.create_proxy(b"a").getBuffer("dataview").data.constructor.name == "DataView"
    with pytest.raises(JsException, match="Unknown type nosuch"):
        ffi.create_proxy(b"a").getBuffer("nosuch")


def test_what_the_sdk_sends_is_announced_where_it_changes(ffi: Any, js: Any) -> None:
    def converter(obj: Any, convert: Any, cache: Any) -> Any:
        del convert, cache
        return js.Date.new(obj.timestamp() * 1000)

    converter.__module__ = "workers.rpc"
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with pytest.warns(CompatWarning, match="loses its zone"):
        ffi.to_js(moment, default_converter=converter)
    with pytest.warns(CompatWarning, match="The key 1 becomes a text"):
        ffi.to_js({1: 2}, default_converter=converter, dict_converter=js.Object.fromEntries)


def test_a_registered_module_can_be_imported(ffi: Any, js: Any) -> None:
    target = js.Object.fromEntries([["answer", 42]])
    ffi.register_js_module("registered_by_a_test", target)
    import registered_by_a_test  # type: ignore[import-not-found]

    assert registered_by_a_test.answer == 42
    ffi.unregister_js_module("registered_by_a_test")
    with pytest.raises(ValueError, match="Cannot unregister 'registered_by_a_test'"):
        ffi.unregister_js_module("registered_by_a_test")


def test_asking_for_run_sync_gives_the_worker_stacks() -> None:
    worker = SimpleNamespace(stacks=None, host=LOOPLESS)
    ffi = module("pyodide.ffi", worker=worker)
    assert not ffi.can_run_sync()
    with pytest.raises(RuntimeError, match="No suspender"):
        ffi.run_sync(object())
    assert worker.stacks is not None


async def test_the_loop_and_futures_have_pyodides_names(js: Any) -> None:
    import asyncio

    webloop = module("pyodide.webloop")
    assert isinstance(asyncio.get_running_loop(), webloop.WebLoop)
    assert isinstance(js.Promise.withResolvers().promise, webloop.PyodideFuture)
    assert repr(asyncio.get_running_loop()).startswith("<pyodide.webloop.WebLoop object at 0x")
