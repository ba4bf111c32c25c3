"""`pyodide.http`, over responses made on the spot."""

from __future__ import annotations

import io
import tarfile
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.values import JsObject, js_value
from emulator.worker.pyodide.http import build_http

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def http(js: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    import sys

    monkeypatch.setitem(sys.modules, "js", js)
    module = ModuleType("pyodide.http")
    build_http(module)
    return module


def response(js: Any, http: Any, body: Any, **init: Any) -> Any:
    return http.FetchResponse("http://a/", js.Response.new(body, **init))


async def test_a_response_has_pythons_names(js: Any, http: Any) -> None:
    found = response(js, http, '{"a": 1}', status=201, statusText="Made", headers={"X": "y"})
    assert (found.status, found.status_text, found.ok, found.redirected) == (
        201,
        "Made",
        True,
        False,
    )
    assert (found.type, found.url, found.body_used) == ("default", "", False)
    assert found.headers["x"] == "y"
    copy = found.clone()
    assert await found.json() == {"a": 1}
    assert await copy.string() == '{"a": 1}'
    assert (await response(js, http, "ab").buffer()).byteLength == 2
    assert bytes(await response(js, http, "ab").memoryview()) == b"ab"
    assert await response(js, http, "ab").bytes() == b"ab"


async def test_a_body_is_read_once(js: Any, http: Any) -> None:
    found = response(js, http, "x")
    await found.text()
    with pytest.raises(http.BodyUsedError, match="Response body is already used"):
        await found.text()


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404 Client Error: No"), (503, "503 Server Error: No")]
)
def test_error_statuses_raise(js: Any, http: Any, status: int, words: str) -> None:
    with pytest.raises(http.HttpStatusError, match=words) as caught:
        response(js, http, "x", status=status, statusText="No").raise_for_status()
    assert (caught.value.status, caught.value.status_text, caught.value.url) == (status, "No", "")
    make, args = caught.value.__reduce__()
    assert str(make(*args)) == str(caught.value)
    response(js, http, "x", status=200).raise_for_status()


async def test_an_aborted_response_cannot_be_read(js: Any, http: Any) -> None:
    found = response(js, http, "x")
    found.abort()
    with pytest.raises(http.AbortError, match="The operation was aborted"):
        await found.text()


async def test_an_archive_is_unpacked(js: Any, http: Any, tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        info = tarfile.TarInfo("file.txt")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"ok"))
    found = http.FetchResponse(
        "http://a/archive.tar.gz", js.Response.new(js.Uint8Array.new(list(data.getvalue())))
    )
    await found.unpack_archive(extract_dir=str(tmp_path))
    assert (tmp_path / "file.txt").read_text() == "ok"


async def test_pyfetch_passes_its_keywords_on(js: Any, http: Any) -> None:
    asked: list[tuple[Any, Any]] = []

    async def fetcher(request: Any, options: Any = None) -> Any:
        asked.append((request, options))
        return js.Response.new("ok")

    await http.pyfetch("http://a/", fetcher=fetcher)
    found = await http.pyfetch(
        "http://b/", fetcher=fetcher, method="PUT", headers={"a": "b"}, list=[{"c": 1}]
    )
    assert await found.text() == "ok"
    assert asked[0] == ("http://a/", None)
    options = asked[1][1]
    assert isinstance(options, JsObject)
    assert (options.method, options.headers.a, options.list[0].c) == ("PUT", "b", 1)
    request = js.Request.new("http://c/")
    assert (await http.pyfetch(request, fetcher=fetcher))._url == "http://c/"
    assert js_value(request) is request


def test_there_is_no_synchronous_request(http: Any) -> None:
    with pytest.raises(OSError, match="Use await pyfetch"):
        http.open_url("http://a/")
