"""ArrayBuffer, the typed arrays and DataView."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import (
    TYPED_ARRAYS,
    ArrayBuffer,
    DataView,
    JsArray,
    JsBigInt,
    JsException,
    JsValue,
    Uint8Array,
    buffer_bytes,
)
from emulator.core.values.iteration import Indexed

nan, inf = math.nan, math.inf


def buffer(data: bytes, most: int | None = None) -> ArrayBuffer:
    return ArrayBuffer(bytearray(data), most)


def u8(*items: int) -> Uint8Array:
    return Uint8Array(buffer(bytes(items)))


def test_a_buffer_gives_its_bytes_in_three_ways() -> None:
    b = buffer(b"abc")
    assert (b.byteLength, b.to_bytes(), b.to_string()) == (3, b"abc", "abc")
    assert bytes(b.to_py()) == bytes(b.to_memoryview()) == b"abc"
    b.to_memoryview()[0] = 0
    assert b.to_bytes() == b"abc"
    assert (b.slice(1).to_bytes(), b.slice(-2, -1).to_bytes()) == (b"bc", b"b")
    assert not buffer(b"")
    assert b
    with pytest.raises(TypeError):
        bytes(b)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        len(b)  # type: ignore[arg-type]


def test_python_buffers_are_copied_in_and_out() -> None:
    b, v = buffer(b"abc"), u8(1, 2)
    b.assign(b"xyz")
    v.assign(memoryview(b"\5\6"))
    out = bytearray(3)
    b.assign_to(out)
    assert (out, b.to_bytes(), v.to_bytes()) == (b"xyz", b"xyz", b"\5\6")
    small = bytearray(2)
    v.assign_to(small)
    assert small == b"\5\6"
    with pytest.raises(ValueError, match="cannot assign a buffer of 1 bytes to one of 3"):
        b.assign(b"x")


def test_a_resizable_buffer_grows_and_shrinks() -> None:
    b = buffer(b"ab", 4)
    assert (b.resizable, b.maxByteLength) == (True, 4)
    assert (buffer(b"ab").resizable, buffer(b"ab").maxByteLength) == (False, 2)
    follows, fixed = Uint8Array(b), Uint8Array(b, 1, 1)
    b.resize(4)
    assert (follows.length, follows.to_bytes(), follows.is_length_tracking) == (4, b"ab\0\0", True)
    b.resize(1)
    assert (follows.to_bytes(), fixed.length, fixed.byteOffset) == (b"a", 0, 0)
    assert fixed.is_out_of_bounds
    b.resize(0)
    assert not follows
    with pytest.raises(JsException) as caught:
        b.resize(9)
    assert str(caught.value) == (
        "RangeError: ArrayBuffer.prototype.resize: Invalid length parameter"
    )
    with pytest.raises(JsException, match="called on incompatible receiver #<ArrayBuffer>"):
        buffer(b"").resize(0)
    with pytest.raises(JsException, match="RangeError: Invalid array buffer max length"):
        buffer(b"abc", 2)


def test_a_transferred_buffer_is_empty() -> None:
    b = buffer(b"abc", 8)
    moved = b.transfer()
    assert (b.detached, b.byteLength, moved.to_bytes(), moved.maxByteLength) == (True, 0, b"abc", 8)
    assert moved.transfer(5).to_bytes() == b"abc\0\0"
    assert buffer(b"abc").transfer(1).to_bytes() == b"a"
    assert not buffer(b"abc", 8).transferToFixedLength().resizable
    for call in (b.slice, b.transfer, lambda: b.resize(1)):
        with pytest.raises(JsException, match="on a detached ArrayBuffer"):
            call()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Uint8Array(buffer(b"abc"), 4),
            "Start offset 4 is outside the bounds of the buffer",
        ),
        (
            lambda: TYPED_ARRAYS["Uint16Array"](buffer(b"abc")),
            "byte length of Uint16Array should be a multiple of 2",
        ),
        (
            lambda: TYPED_ARRAYS["Uint16Array"](buffer(b"abcd"), 1),
            "start offset of Uint16Array should be a multiple of 2",
        ),
        (
            lambda: TYPED_ARRAYS["Uint16Array"](buffer(b"abcd"), 0, 5),
            "Invalid typed array length: 5",
        ),
        (lambda: u8(1, 2).set([1, 2, 3]), "offset is out of bounds"),
        (
            lambda: DataView(buffer(b"ab")).getInt32(0),  # type: ignore[attr-defined]
            "Offset is outside the bounds of the DataView",
        ),
    ],
)
def test_what_does_not_fit_is_a_range_error(make: Any, text: str) -> None:
    with pytest.raises(JsException) as caught:
        make()
    assert str(caught.value) == f"RangeError: {text}"


@pytest.mark.parametrize(
    ("name", "values", "stored"),
    [
        ("Int8Array", [1, -1, 200, 1.9, -1.9, nan, "7"], [1, -1, -56, 1, -1, 0, 7]),
        ("Uint8Array", [-1, 256, 2.5, inf, None], [255, 0, 2, 0, 0]),
        ("Uint8ClampedArray", [-1, 300, 1.5, 2.5, nan, inf, -inf], [0, 255, 2, 2, 0, 255, 0]),
        ("Int16Array", [40000], [-25536]),
        ("Uint16Array", [-1], [65535]),
        ("Int32Array", [2**31, 1e20], [-(2**31), 1661992960]),
        ("Uint32Array", [-1, 2**32], [2**32 - 1, 0]),
        ("Float16Array", [1.5, 1e9, -1e9], [1.5, inf, -inf]),
        ("Float32Array", [1.5, 1e300, -0.0], [1.5, inf, 0]),
        ("Float64Array", [1.1, 2.0], [1.1, 2]),
        ("BigInt64Array", [JsBigInt(2**63), True], [-(2**63), 1]),
        ("BigUint64Array", [JsBigInt(-1)], [2**64 - 1]),
    ],
)
def test_elements_are_stored_as_their_kind(
    name: str, values: list[JsValue], stored: list[float]
) -> None:
    kind = TYPED_ARRAYS[name]
    made = kind.of_values(values)
    assert list(made) == [made[i] for i in range(len(made))] == stored
    assert (made.length, made.BYTES_PER_ELEMENT) == (len(values), kind.item_bytes)
    assert made.js_name == made.constructor.name == name
    assert len(made.to_py()) == len(values)
    if name.startswith("Big"):
        assert all(isinstance(x, JsBigInt) for x in made)


def test_a_bigint_array_takes_bigints_only() -> None:
    with pytest.raises(JsException, match="TypeError: Cannot convert 1 to a BigInt"):
        TYPED_ARRAYS["BigInt64Array"].of_values([1])


def test_python_sees_a_sequence_of_numbers() -> None:
    a = u8(1, 2, 3, 4)
    a[0] = 9
    a[-1] = 8
    assert (list(a), a[-1], len(a), 3 in a, 7 in a) == ([9, 2, 3, 8], 8, 4, True, False)
    assert list(a[1:3]) == [2, 3]
    assert list(a[::-1]) == [8, 3, 2, 9]
    assert bytes(a) == b"\t\2\3\10"
    with pytest.raises(IndexError):
        a[4]
    assert str(a) == "9,2,3,8"
    assert a.to_string("latin-1") == "\t\2\3\10"
    assert list(a.object_values()) == [9, 2, 3, 8]
    assert not u8()


def test_a_subarray_shares_and_a_slice_copies() -> None:
    a = u8(1, 2, 3, 4)
    part, copy = a.subarray(1, -1), a.slice(1, -1)
    a[1] = 9
    assert (list(part), list(copy)) == ([9, 3], [2, 3])
    assert (part.byteOffset, part.byteLength, part.buffer is a.buffer) == (1, 2, True)
    assert list(a.subarray(3, 1)) == []


def test_elements_are_set_from_any_source() -> None:
    a = u8(0, 0, 0, 0)
    a.set(u8(1, 2))
    a.set([3], 2)
    a.set(TYPED_ARRAYS["Float64Array"].of_values([4.9]), 3)
    assert list(a) == [1, 2, 3, 4]
    a.set(JsArray([7.0]))
    assert list(a.fill(5, 1, 3)) == [7, 5, 5, 4]


def test_methods_of_arrays() -> None:
    a = TYPED_ARRAYS["Float64Array"].of_values([3, nan, 1, 0, -0.0])
    assert [repr(x) for x in map(float, a.toSorted()._list())] == [
        "-0.0",
        "0.0",
        "1.0",
        "3.0",
        "nan",
    ]
    b = u8(3, 1, 2)
    assert list(b.sort(lambda x, y: y - x)) == [3, 2, 1]
    assert list(b.sort()) == [1, 2, 3]
    assert list(b.toReversed()) == [3, 2, 1]
    assert list(b.reverse()) == [3, 2, 1]
    assert list(b.map(lambda x, i, whole: x * 100)) == [44, 200, 100]
    assert list(b.filter(lambda x, i, whole: x > 1)) == [3, 2]
    assert (b.indexOf(2), b.join("-"), b.at(-1)) == (1, "3-2-1", 1)
    assert b.reduce(lambda total, x, i, whole: total + x) == 6


def test_a_data_view_reads_and_writes_both_orders() -> None:
    view: Any = DataView(buffer(bytes(16)), 4)
    view.setUint16(0, 0x1234)
    view.setUint16(2, 0x1234, True)
    assert view.to_bytes()[:4] == b"\x12\x34\x34\x12"
    assert (view.getUint16(0), view.getUint16(2, True)) == (0x1234, 0x1234)
    view.setFloat64(4, 1.5)
    assert view.getFloat64(4) == 1.5
    view.setBigInt64(4, JsBigInt(-1), True)
    assert (view.getBigInt64(4), view.getBigUint64(4)) == (-1, 2**64 - 1)
    view.setInt8(11, -1)
    assert (view.getInt8(11), view.getUint8(11), view.byteLength, view.byteOffset) == (
        -1,
        255,
        12,
        4,
    )
    assert bytes(view.to_py()) == view.to_bytes()
    with pytest.raises(JsException, match="Offset is outside the bounds"):
        view.setInt8(-1, 0)


def test_elements_are_not_set_before_the_start() -> None:
    with pytest.raises(JsException, match="RangeError: offset is out of bounds"):
        u8(1).set([1], -1)


def test_the_bytes_of_a_value() -> None:
    whole = u8(1, 2, 3)
    assert buffer_bytes(whole.subarray(1)) == b"\2\3"
    assert buffer_bytes(whole.buffer) == b"\1\2\3"
    assert buffer_bytes("x") is None


def test_shared_methods_need_elements() -> None:
    with pytest.raises(NotImplementedError):
        Indexed().join()
