"""`Array`, `Map`, `Set`, their weak kin, `Iterator`, and the buffers."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.core.values import JsException, jsnull, to_js


def test_an_array_of_a_length_or_of_items(js: Any) -> None:
    assert js.Array.new(3).length == 3
    assert js.Array.new(1, 2).to_py() == [1, 2]
    assert js.Array("3").to_py() == ["3"]
    assert js.Array.of(7).to_py() == [7]
    with pytest.raises(JsException, match="RangeError: Invalid array length"):
        js.Array.new(-1)


def test_array_from_anything(js: Any) -> None:
    assert js.Array.from_("añ").to_py() == ["a", "ñ"]
    assert getattr(js.Array, "from")(js.Set.new(to_js([1, 1, 2]))).to_py() == [1, 2]
    assert js.Array.from_([1, 2], lambda x, i: x * 10 + i).to_py() == [10, 21]
    assert js.Array.from_(js.Object.fromEntries([["length", 2], ["0", "a"]])).to_py() == ["a", None]
    assert js.Array.from_(js.Uint8Array.of(1, 2)).to_py() == [1, 2]
    assert js.Array.from_(5).to_py() == []
    assert js.Array.from_({"a": 1}).to_py() == ["a"]
    with pytest.raises(JsException, match="null is not iterable"):
        js.Array.from_(jsnull)
    assert js.Array.isArray(js.Array.new())
    assert not js.Array.isArray([1])


async def test_array_from_async(js: Any) -> None:
    async def numbers() -> Any:
        yield 1
        yield 2

    assert (await js.Array.fromAsync(numbers())).to_py() == [1, 2]
    promises = js.Array.of(js.Promise.resolve(5), 6)
    assert (await js.Array.fromAsync(promises, lambda x, i: x + i)).to_py() == [5, 7]


def test_maps(js: Any) -> None:
    made = js.Map.new([["a", 1], ("b", 2)])
    assert made.to_py() == {"a": 1, "b": 2}
    assert js.Map.new(made).size == 2
    assert js.Map.new().size == js.Map.new(jsnull).size == 0
    with pytest.raises(JsException, match="Iterator value 1 is not an entry object"):
        js.Map.new(to_js([1]))
    with pytest.raises(JsException, match="number 5 is not iterable"):
        js.Map.new(5)
    groups = js.Map.groupBy(to_js([1, 2, 3]), lambda x, i: x % 2)
    assert groups.get(1).to_py() == [1, 3]


def test_sets(js: Any) -> None:
    assert js.Set.new([1, 1, 2]).size == 2
    assert js.Set.new("aab").size == 2


def test_weak_collections_hold_objects_only(js: Any) -> None:
    key = js.Object.new()
    weak = js.WeakMap.new(js.Array.of(js.Array.of(key, 1)))
    assert (weak.get(key), weak.has(key), weak.get(js.Object.new())) == (1, True, None)
    assert weak.delete(key)
    with pytest.raises(JsException, match="Invalid value used as weak map key: 1"):
        weak.set(1, 2)
    members = js.WeakSet.new(js.Array.of(key))
    assert members.has(key)
    assert members.delete(key)
    with pytest.raises(JsException, match="Invalid value used in weak set: a"):
        members.add("a")
    assert js.WeakRef.new(key).deref() == key
    with pytest.raises(JsException, match="target must be an object"):
        js.WeakRef.new(1)
    registry = js.FinalizationRegistry.new(lambda held: None)
    registry.register(key, 1)
    assert registry.unregister(key) is False


def test_iterators(js: Any) -> None:
    assert js.Iterator.from_(to_js([1, 2])).map(lambda x, i: x * 2).toArray().to_py() == [2, 4]
    with pytest.raises(JsException, match="Abstract class Iterator"):
        js.Iterator.new()


def test_buffers_and_views(js: Any) -> None:
    buffer = js.ArrayBuffer.new(4)
    assert buffer.byteLength == 4
    assert js.ArrayBuffer.isView(js.DataView.new(buffer))
    assert not js.ArrayBuffer.isView(buffer)
    growing = js.ArrayBuffer.new(1, maxByteLength=8)
    assert growing.resizable
    view = js.Uint8Array.new(buffer, 1, 2)
    view[0] = 7
    assert js.Uint8Array.new(buffer).to_bytes() == b"\0\7\0\0"
    with pytest.raises(JsException, match="must be an ArrayBuffer"):
        js.DataView.new(1)
    with pytest.raises(JsException, match="Array buffer allocation failed"):
        js.ArrayBuffer.new(-1)


def test_typed_arrays_from_anything(js: Any) -> None:
    assert js.Uint8Array.new(2).to_bytes() == b"\0\0"
    assert js.Uint8Array.new().length == 0
    assert js.Uint8Array.new(to_js([1, 258])).to_bytes() == b"\1\2"
    assert js.Uint8Array.new([3, 4]).to_bytes() == b"\3\4"
    assert js.Uint8Array.new(to_js(b"ab")).to_bytes() == b"ab"
    assert js.Float64Array.of(1.5).to_py().tolist() == [1.5]
    assert js.Int16Array.from_(to_js([1]), lambda x, i: x + 1).to_py().tolist() == [2]
    assert js.Int16Array.BYTES_PER_ELEMENT == 2
    with pytest.raises(JsException, match="Invalid typed array length: -1"):
        js.Uint8Array.new(-1)
