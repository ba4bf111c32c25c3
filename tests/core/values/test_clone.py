"""structuredClone keeps and refuses what the value encoding does."""

from __future__ import annotations

import pytest
from hypothesis import given

from emulator.core.values import (
    ArrayBuffer,
    DataView,
    DomException,
    JsArray,
    JsException,
    JsFunction,
    JsObject,
    JsProxy,
    JsRegExp,
    JsValue,
    PyProxy,
    Uint8Array,
    dumps,
    error,
    loads,
    structured_clone,
)
from tests.core.values.recordings import RECORDED, plain
from tests.core.values.test_codec import BUILT, JSON_LIKE, REFUSED


@given(JSON_LIKE)
def test_a_copy_is_equal_and_shares_no_object(value: JsValue) -> None:
    copy = structured_clone(value)
    assert plain(copy) == plain(value)
    assert dumps(copy) == dumps(value)
    if isinstance(value, JsProxy):
        assert copy is not value


@pytest.mark.parametrize("name", BUILT)
def test_a_copy_is_written_as_its_original(name: str) -> None:
    blob = bytes.fromhex(RECORDED["blobs"][name])
    assert dumps(structured_clone(loads(blob))) == blob


def test_references_and_cycles_are_kept() -> None:
    whole = JsObject()
    whole.list = JsArray([whole])
    whole.view = whole.as_object_map()
    copy = structured_clone(whole)
    assert copy is not whole
    assert copy.list[0] is copy
    assert copy.view is copy


def test_views_of_one_buffer_share_its_copy() -> None:
    buffer = ArrayBuffer(bytearray(4), 8)
    copy = structured_clone(JsArray([Uint8Array(buffer), DataView(buffer, 2, 2), buffer]))
    array, view, whole = copy._items
    assert array.buffer is view.buffer is whole
    assert whole is not buffer
    assert (array.is_length_tracking, view.is_length_tracking) == (True, False)
    array[0] = 7
    assert buffer.to_bytes() == bytes(4)


def test_the_place_of_a_regular_expression_is_lost() -> None:
    found = JsRegExp("a", "g")
    found.lastIndex = 5
    assert structured_clone(found).lastIndex == 0


def test_an_older_date_copies_less_of_an_error() -> None:
    made = JsException("MyErr", "t", code=5, cause=JsObject({"a": 1}))
    new, old = structured_clone(made), structured_clone(made, native_errors=False)
    assert (new.name, new.code, new.cause.a) == ("MyErr", 5, 1)
    assert (old.name, old.message, old.cause.a) == ("Error", "t", 1)
    assert not hasattr(old, "code")
    del made.__dict__["stack"]
    assert not hasattr(structured_clone(made), "stack")


def test_a_dom_exception_stays_one() -> None:
    copy = structured_clone(DomException("AbortError", "m"))
    assert isinstance(copy, DomException)
    assert (copy.name, copy.message, copy.code) == ("AbortError", "m", 20)


@pytest.mark.parametrize("index", range(len(REFUSED)))
def test_what_cannot_be_cloned_is_refused_in_the_same_words(index: int) -> None:
    make, text = REFUSED[index]
    with pytest.raises(DomException) as caught:
        structured_clone(JsArray([make()]))
    assert caught.value.message == text


def test_a_host_copies_what_is_strange_once() -> None:
    function = JsFunction("f", lambda: None)
    seen: list[JsValue] = []

    def host(value: JsProxy) -> JsValue:
        seen.append(value)
        return JsObject({"stub": True})

    copy = structured_clone(JsArray([function, function]), host=host)
    assert seen == [function]
    assert copy[0] is copy[1]
    assert copy[0].stub is True
    assert structured_clone(PyProxy({}), host=host).stub is True


def test_nesting_too_deep_is_a_range_error() -> None:
    value = whole = JsObject()
    for _ in range(100_000):
        value._members["a"] = JsObject()
        value = value._members["a"]
    with pytest.raises(JsException, match="RangeError: Maximum call stack size exceeded"):
        structured_clone(whole)
    while whole._members:
        whole = whole._members.pop("a")


def test_what_python_code_put_on_an_error_is_converted_or_refused() -> None:
    made = error("t")
    made.list = []  # type: ignore[attr-defined]
    with pytest.raises(DomException, match=r"\[object Object\] could not be cloned"):
        structured_clone(made)
