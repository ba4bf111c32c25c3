"""The value encoding, against spec storage §7.3 and recordings of the runtime."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.values import (
    HOLE,
    TYPED_ARRAYS,
    ArrayBuffer,
    DataView,
    DomException,
    JsArray,
    JsBigInt,
    JsBoxed,
    JsDate,
    JsException,
    JsFunction,
    JsIterator,
    JsMap,
    JsObject,
    JsProxy,
    JsRegExp,
    JsSet,
    JsSymbol,
    JsValue,
    PyProxy,
    Uint8Array,
    jsnull,
)
from emulator.core.values.codec import CodecError, HostSink, HostSource, dumps, loads
from tests.core.values.recordings import RECORDED, plain

if TYPE_CHECKING:
    from collections.abc import Callable

nan, inf = math.nan, math.inf


def array(*items: JsValue) -> JsArray:
    return JsArray(list(items))


def obj(**members: JsValue) -> JsObject:
    return JsObject(members)


def u8(data: bytes) -> Uint8Array:
    return Uint8Array(ArrayBuffer(bytearray(data)))


def failed(name: str, message: str, stack: str = "S", **properties: JsValue) -> JsException:
    made = JsException(name, message, **properties)
    made.stack = stack
    return made


def subarray() -> JsValue:
    return u8(bytes([1, 2, 3, 4, 5])).subarray(1, 3)


def twice() -> JsValue:
    shared = obj(s=1)
    return obj(p=shared, q=shared)


def cycle() -> JsValue:
    inner = array(obj())
    whole = obj(a=inner, b=jsnull)
    inner.push(whole)
    whole.b = inner
    return whole


def views() -> JsValue:
    buffer = ArrayBuffer(bytearray(8))
    floats = TYPED_ARRAYS["Float32Array"](buffer)
    return array(Uint8Array(buffer, 1, 2), floats, buffer, DataView(buffer, 2))


# Hex of spec storage §7.3, behind the header ff0f.
SPEC: list[tuple[Callable[[], JsValue], str]] = [
    (lambda: jsnull, "30"),
    (lambda: None, "5f"),
    (lambda: True, "54"),
    (lambda: False, "46"),
    (lambda: 0, "4900"),
    (lambda: 1, "4902"),
    (lambda: -1, "4901"),
    (lambda: 42, "4954"),
    (lambda: 255, "49fe03"),
    (lambda: 2**30 - 1, "49feffffff07"),
    (lambda: -(2**30), "49ffffffff07"),
    (lambda: 2**30, "4e000000000000d041"),
    (lambda: 2**31, "4e000000000000e041"),
    (lambda: 2**53, "4e0000000000004043"),
    (lambda: 1.5, "4e000000000000f83f"),
    (lambda: -0.0, "4e0000000000000080"),
    (lambda: nan, "4e000000000000f87f"),
    (lambda: "", "2200"),
    (lambda: "hello", "220568656c6c6f"),
    (lambda: "héllo", "220568e96c6c6f"),
    (lambda: "日本", "6304e5652c67"),
    (lambda: "😀", "63043dd800de"),
    (obj, "6f7b00"),
    (lambda: obj(a=1), "6f22016149027b01"),
    (lambda: JsObject({"日": 1}), "6f006302e56549027b01"),
    (
        lambda: JsObject({"1": "a", "0": "b", "x": 2}),
        "6f4900220162490222016122017849047b03",
    ),
    (array, "4100240000"),
    (lambda: array(1, 2, 3), "4103490249044906240003"),
    (lambda: array(1, 2.5), "41024e000000000000f03f4e0000000000000440240002"),
    (lambda: array(1, HOLE, 3), "61034900490249044906400203"),
    (lambda: JsMap([("a", 1), (2, "b")]), "3b220161490249042201623a04"),
    (lambda: JsSet([1, "a"]), "2749022201612c02"),
    (lambda: JsDate(1700000000123), "4400b08756febc7842"),
    (lambda: JsRegExp("ab+c", "gi"), "52220461622b6303"),
    (lambda: JsBigInt(1), "5a100100000000000000"),
    (lambda: JsBigInt(-1), "5a110100000000000000"),
    (lambda: JsBigInt(2**64), "5a2000000000000000000100000000000000"),
    (twice, "6f2201706f22017349027b012201715e017b02"),
    (lambda: ArrayBuffer(bytearray([1, 2, 3])), "4203010203"),
    (lambda: u8(bytes([1, 2, 3])), "42030102035642000300"),
    (subarray, "420501020304055642010200"),
    (
        lambda: TYPED_ARRAYS["Int16Array"].of_values([1, -1]),
        "42040100ffff5677000400",
    ),
    (lambda: ArrayBuffer(bytearray(2), 8), "7e02080000"),
    (lambda: JsBoxed(True), "79"),
    (lambda: JsBoxed(5), "6e0000000000001440"),
    (lambda: JsBoxed("q"), "73220171"),
    (lambda: JsBoxed(JsBigInt(5)), "7a100500000000000000"),
]


@pytest.mark.parametrize(("make", "text"), SPEC, ids=[text for _, text in SPEC])
def test_a_value_of_the_spec_is_written_and_read_byte_for_byte(
    make: Callable[[], JsValue], text: str
) -> None:
    blob = bytes.fromhex("ff0f" + text)
    assert dumps(make()) == blob
    assert plain(loads(blob)) == plain(make())
    assert dumps(loads(blob)) == blob


# What the runtime wrote for values that are built here anew.
BUILT: dict[str, Callable[[], JsValue]] = {
    "baddate": lambda: JsDate(nan),
    "bigints": lambda: array(*map(JsBigInt, (0, -1, 2**64 - 1, 2**64, -(2**63)))),
    "bigkeys": lambda: JsObject(
        {
            "4294967294": 1,
            "4294967295": 2,
            "1073741824": 3,
            "1073741823": 4,
            "b": 5,
            "01": 6,
            "-1": 7,
            "1.5": 8,
        }
    ),
    "boxed": lambda: array(
        *map(JsBoxed, (True, False, 5, 1.5, "q", "日", JsBigInt(5), -0.0)),
    ),
    "dint": lambda: array(4294967296, 1),
    "dnan": lambda: array(nan, 1),
    "dneg0": lambda: array(0, -0.0),
    "doubles": lambda: array(1, 2, 1e10),
    "err": lambda: failed(
        "Error", "boom", "Error: boom\n    at err (w.mjs:3:13)\n    at A.fetch (w.mjs:62:84)"
    ),
    "erragg": lambda: failed("AggregateError", "t", errors=array(1, 2)),
    "errcause": lambda: failed("RangeError", "t", cause=obj(a=1)),
    "errname": lambda: failed("MyErr", "t"),
    "errnomsg": lambda: failed("Error", ""),
    "errprops": lambda: failed("Error", "t", code=5, remote=True),
    "errwide": lambda: failed("Error", "日本"),
    "holeend": lambda: array(1, HOLE, HOLE),
    "holestr": lambda: array(HOLE, "日", HOLE),
    "holey": lambda: array(1, HOLE, 2.5),
    "klass": lambda: obj(a=1),
    "mixed": lambda: array(1.5, "a", 1),
    "nested": cycle,
    "proto": lambda: JsObject({"__proto__": obj(a=1), "b": 2}),
    "rabview": lambda: Uint8Array(ArrayBuffer(bytearray(2), 8)),
    "rabview2": lambda: Uint8Array(ArrayBuffer(bytearray(4), 8), 1, 2),
    "rabview3": lambda: DataView(ArrayBuffer(bytearray(4), 8), 1),
    "rabview4": lambda: TYPED_ARRAYS["Uint16Array"](ArrayBuffer(bytearray(5), 8), 2),
    "regall": lambda: array(
        JsRegExp("a", "dgimsuy"),
        JsRegExp("a", "v"),
        JsRegExp("日", "u"),
        JsRegExp(""),
        JsRegExp("/"),
        JsRegExp("\n"),
    ),
    "twoviews": views,
    "undef": lambda: array(None, 1, jsnull),
    "wide": lambda: JsObject({"日": "x", "y": "日", "é": array("日本", "é", "a", "\ud800")}),
}


@pytest.mark.parametrize("name", BUILT)
def test_a_value_is_written_as_the_runtime_writes_it(name: str) -> None:
    blob = bytes.fromhex(RECORDED["blobs"][name])
    assert dumps(BUILT[name]()) == blob
    assert plain(loads(blob)) == plain(BUILT[name]())


# Recordings that hold what the value model does not keep: where a number came from, properties of
# arrays, an error without a stack, one inside itself, and the platform's own classes.
_NOT_KEPT = {"maporder", "arrprops", "errnostack", "errself"}
_HOST = ("headers", "blob", "request", "response")


@pytest.mark.parametrize(
    "name", [k for k in RECORDED["blobs"] if k not in _NOT_KEPT and not k.startswith(_HOST)]
)
def test_a_recorded_value_survives_reading_and_writing(name: str) -> None:
    blob = bytes.fromhex(RECORDED["blobs"][name])
    assert dumps(loads(blob)) == blob


@pytest.mark.parametrize("name", [k for k in RECORDED["old_errors"] if k in BUILT])
def test_an_older_compatibility_date_has_errors_in_the_old_form(name: str) -> None:
    blob = bytes.fromhex(RECORDED["old_errors"][name])
    assert dumps(BUILT[name](), native_errors=False) == blob
    assert dumps(loads(blob), native_errors=False) == blob


def test_properties_of_an_array_are_passed_over() -> None:
    assert plain(loads(bytes.fromhex(RECORDED["blobs"]["arrprops"]))) == plain(array(1, 2))

    sparse = loads(bytes.fromhex("ff0f6102490049022201614904400202"))
    assert plain(sparse) == plain(array(1, HOLE))


def test_an_object_met_twice_is_one_object() -> None:
    for made in (JsMap(), JsSet(), JsDate(5), JsRegExp("a"), JsBoxed(5), ArrayBuffer(bytearray())):
        first, second = loads(dumps(array(made, made)))._items
        assert first is second


def test_an_error_without_properties_is_read() -> None:
    assert plain(loads(bytes.fromhex("ff0f5c0a0122005f"))) == plain(JsException("Error", ""))


def test_an_error_inside_itself_is_written_but_not_read_as_on_the_platform() -> None:
    made = failed("Error", "t")
    made.me = made  # type: ignore[attr-defined]
    blob = dumps(made)
    assert blob.hex() == RECORDED["blobs"]["errself"]
    with pytest.raises(CodecError):
        loads(blob)


def test_a_dom_exception_keeps_name_message_and_stack() -> None:
    blob = bytes.fromhex(RECORDED["blobs"]["dom"])
    read = loads(blob)
    assert isinstance(read, DomException)
    assert (read.name, read.message, read.code) == ("AbortError", "mé", 20)
    assert dumps(read) == blob
    again = loads(dumps(array(read, read)))
    assert again._items[0] is again._items[1]


def test_an_error_without_a_stack_is_written_without_one() -> None:
    made = JsException("Error", "boom")
    del made.__dict__["stack"]
    assert dumps(made).hex() == RECORDED["blobs"]["errnostack"]
    assert dumps(made, native_errors=False).hex() == RECORDED["old_errors"]["errnostack"]


@pytest.mark.parametrize("head", ["ff0d", "ff0e", "ff0f", "ff10", ""])
def test_every_version_of_the_header_is_read(head: str) -> None:
    assert plain(loads(bytes.fromhex(head + "6f22016149027b01"))) == plain(obj(a=1))
    assert loads(bytes.fromhex(head + "2201e9")) == "é"


def test_a_view_before_version_14_has_no_flags() -> None:
    old = loads(bytes.fromhex("ff0d4203010203564200035f"))
    assert plain(old) == plain(u8(bytes([1, 2, 3])))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5503", 3),  # an unsigned integer
        ("530568c3a96c6c", "hé" + "ll"),  # UTF-8
        ("4102492d490424000", None),
        ("3f0549025f", 1),  # a count of objects comes before the value
        ("00000049025f", 1),  # padding
        ("2201617b7b7b", "a"),  # later bytes are ignored
        ("4902ffff", 1),
    ],
)
def test_other_forms_are_read(text: str, value: JsValue) -> None:
    if value is None:
        read = loads(bytes.fromhex("ff0f41024902 2d 240002".replace(" ", "")))
        assert plain(read) == plain(array(1, HOLE))
    else:
        assert loads(bytes.fromhex("ff0f" + text)) == value


def test_padding_before_a_view_is_skipped() -> None:
    assert plain(loads(bytes.fromhex("ff0f42010100005642000100"))) == plain(u8(b"\1"))


@pytest.mark.parametrize(
    "text",
    [
        "",  # an empty blob
        "ff",
        "ff11",  # a version to come
        "ff0f",
        "ff0f2205616263",  # a string cut off
        "ff0f22ff",
        "ff0f6302e5",
        "ff0f6303e56565",  # half a character
        "ff0f4e0000",
        "ff0f6f220161",
        "ff0f6f22016149027b02",  # wrong count
        "ff0f6f30490200007b01",  # null as a name
        "ff0f410149022400ff",
        "ff0f41014902240002",
        "ff0f4101490224050149020001",
        "ff0f61ffffffff0f4000ffffffff0f",  # too long for a list
        "ff0f6102400003",
        "ff0f3b49023a02",
        "ff0f3b490249023a03",
        "ff0f2749022c02",
        "ff0f5e00",  # a reference to nothing
        "ff0f6f2201615e057b01",
        "ff0f7500",  # a shared buffer
        "ff0f52490203",
        "ff0f5222016180f001",
        "ff0f7e0502000000",
        "ff0f7e05080000",
        "ff0f420501",
        "ff0f42010156420001ff",
        "ff0f420101564200050000",
        "ff0f4204010203045664020400",
        "ff0f420101564200010100",
        "ff0f56420000",
        "ff0f7349025f",
        "ff0f727a",
        "ff0f726d49022e",
        "ff0f5c63",  # a host object that is not known
        "ff0f5c0a0149026f7b00",
        "ff0f5a10",
    ],
)
def test_a_damaged_blob_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        loads(bytes.fromhex(text))


def test_a_blob_nested_too_deeply_is_refused() -> None:
    with pytest.raises(CodecError, match="too deeply"):
        loads(b"\xff\x0f" + b"A\x01" * 100_000)


def test_a_value_nested_too_deeply_is_a_range_error() -> None:
    value = whole = obj()
    for _ in range(100_000):
        inner = obj()
        value._members["a"] = inner
        value = inner
    with pytest.raises(JsException, match="RangeError: Maximum call stack size exceeded"):
        dumps(whole)
    while whole._members:  # or the interpreter frees it by recursion
        whole = whole._members.pop("a")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_by_our_own_error(data: bytes) -> None:
    for blob in (data, b"\xff\x0f" + data):
        with contextlib.suppress(CodecError):
            loads(blob)


@pytest.mark.parametrize("name", ["twoviews", "nested", "wide", "errprops", "regall", "setobj"])
def test_a_cut_blob_is_refused_wherever_it_is_cut(name: str) -> None:
    blob = bytes.fromhex(RECORDED["blobs"][name])
    for end in range(len(blob)):
        with pytest.raises(CodecError):
            loads(blob[:end])


class _Named(JsProxy, js_name="DurableObjectId"):
    pass


class _Stream(JsProxy, js_name="ReadableStream"):
    pass


class _Promise(JsProxy, js_name="Promise"):
    pass


class _FuturePromise:
    js_name = "Promise"


def shrunk() -> JsValue:
    buffer = ArrayBuffer(bytearray(4), 8)
    view = Uint8Array(buffer, 2, 2)
    buffer.resize(2)
    return view


def detached() -> ArrayBuffer:
    buffer = ArrayBuffer(bytearray(4))
    buffer.transfer()
    return buffer


_NO_SERIALIZER = (
    'Could not serialize object of type "DurableObjectId". '
    "This type does not support serialization."
)
REFUSED: list[tuple[Callable[[], JsValue], str]] = [
    (lambda: PyProxy(len), "function(){} could not be cloned."),
    (lambda: PyProxy({}), "[object Object] could not be cloned."),
    (lambda: PyProxy(b""), "[object Object] could not be cloned."),
    (lambda: PyProxy(_FuturePromise()), "#<Promise> could not be cloned."),
    (_Promise, "#<Promise> could not be cloned."),
    (lambda: JsSymbol("q"), "Symbol(q) could not be cloned."),
    (JsSymbol, "Symbol() could not be cloned."),
    (
        lambda: JsFunction("f", lambda: None),
        "function f() { [native code] } could not be cloned.",
    ),
    (
        lambda: JsIterator("Map Iterator", iter(())),
        "[object Map Iterator] could not be cloned.",
    ),
    (_Named, _NO_SERIALIZER),
    (_Stream, "ReadableStream can only be serialized for RPC."),
    (detached, "An ArrayBuffer is detached and could not be cloned."),
    (shrunk, "#<Uint8Array> could not be cloned."),
    (object, "[object Object] could not be cloned."),
]


@pytest.mark.parametrize(
    ("make", "text"), REFUSED, ids=[f"{i} {text}" for i, (_, text) in enumerate(REFUSED)]
)
def test_what_cannot_be_cloned_is_refused_in_the_platforms_words(
    make: Callable[[], JsValue], text: str
) -> None:
    for value in (make(), array(make()), obj(a=make()), JsMap([(1, make())])):
        with pytest.raises(DomException) as caught:
            dumps(value)
        assert (caught.value.name, caught.value.code) == ("DataCloneError", 25)
        assert caught.value.message == text


class _Tagged(JsProxy, js_name="Tagged"):
    def __init__(self, text: str, inside: JsValue) -> None:
        self.text = text
        self.inside = inside


class _Host:
    def tag_of(self, value: JsProxy) -> int | None:
        return 4 if isinstance(value, _Tagged) else None

    def write(self, value: JsProxy, sink: HostSink) -> None:
        assert isinstance(value, _Tagged)
        sink.uint(300)
        sink.text(value.text)
        sink.data(b"\0\xff")
        sink.value(value.inside)

    def read(self, tag: int, source: HostSource) -> JsValue:
        if tag != 4:
            raise CodecError(f"tag {tag}")
        assert source.uint() == 300
        text = source.text()
        assert source.data() == b"\0\xff"
        return _Tagged(text, source.value())


def test_the_platforms_classes_write_and_read_themselves() -> None:
    shared = obj(日="本")
    made = _Tagged("é\ud800", shared)
    blob = dumps(array(shared, made, made), host=_Host())
    read = loads(blob, host=_Host())
    first, second, third = read._items
    assert second is third
    assert second.text == "é\ufffd"
    assert second.inside is first
    assert b"\\\x04\xac\x02\x05\xc3\xa9\xef\xbf\xbd\x02\0\xff^\x01" in blob


def test_a_host_leaves_other_values_alone() -> None:
    with pytest.raises(DomException, match="DurableObjectId"):
        dumps(_Named(), host=_Host())
    with pytest.raises(CodecError, match="tag 9"):
        loads(b"\xff\x0f\\\x09", host=_Host())


def test_a_mapping_view_is_written_as_its_object() -> None:
    whole = obj(a=1)
    assert dumps(array(whole, whole.as_object_map())) == dumps(array(whole, whole))


def test_values_that_python_code_put_on_an_error_are_converted() -> None:
    made = failed("Error", "t")
    made.big = 2**60  # type: ignore[attr-defined]
    assert isinstance(loads(dumps(made)).big, JsBigInt)


def test_long_strings_and_many_members_are_written_right() -> None:
    long = "x" * 70_000
    many = JsObject({f"key{i}": i for i in range(300)} | {"k" * 200: long, "wide日": "日" * 2000})
    assert plain(loads(dumps(many))) == plain(many)
    assert loads(dumps(long)) == long
    assert loads(dumps("é" * 3000)) == "é" * 3000
    assert loads(dumps(array(long))).at(0) == long


def test_a_wide_name_keeps_everything_behind_it_aligned() -> None:
    for size in range(4):
        value = JsObject({"a" * size: "日", "本": array("日", "x", "é", 1e100, JsBigInt(-1))})
        assert plain(loads(dumps(value))) == plain(value)


JSON_LIKE = st.recursive(
    st.none()
    | st.just(jsnull)
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats()
    | st.text(max_size=8)
    | st.text("aé日\ud800", max_size=3)
    | st.integers().map(JsBigInt),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: JsArray(list(items)))
        | st.dictionaries(st.text("ab01日é", max_size=3), inner, max_size=4).map(JsObject)
        | st.dictionaries(st.integers(0, 5), inner, max_size=2).map(lambda d: JsMap(d.items()))
        | st.lists(inner, max_size=3).map(JsSet)
        | st.binary(max_size=5).map(u8)
        | st.floats(-1e15, 1e15).map(JsDate)
        | st.lists(inner | st.just(HOLE), max_size=4).map(lambda items: JsArray(list(items)))
    ),
    max_leaves=12,
)


@given(JSON_LIKE)
def test_reading_gives_back_what_was_written(value: JsValue) -> None:
    blob = dumps(value)
    read = loads(blob)
    assert plain(read) == plain(value)
    assert dumps(read) == blob
