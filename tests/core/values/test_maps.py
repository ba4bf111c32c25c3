"""Map, Set, iterators, plain objects, and the conversions of them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import (
    ConversionError,
    JsArray,
    JsBigInt,
    JsException,
    JsIterator,
    JsMap,
    JsObject,
    JsProxy,
    JsSet,
    PyProxy,
    from_entries,
    js_value,
    jsnull,
    ordered,
    to_js,
)
from emulator.core.values.mappings import MappingMethods
from emulator.core.values.maps import map_key

nan = math.nan


def test_keys_are_equal_by_value_or_identity() -> None:
    one, other = JsObject(), JsObject()
    m = JsMap([(1, "a"), (True, "b"), ("1", "c"), (JsBigInt(1), "d"), (nan, "e"), (one, "f")])
    assert len(m) == m.size == 6
    assert (m[1.0], m[True], m["1"], m[JsBigInt(1)], m[nan], m[one]) == tuple("abcdef")
    assert other not in m
    assert m.get(other, "x") == "x"
    assert m.get(other) is None
    assert m.has(jsnull) is False
    with pytest.raises(KeyError):
        m[other]


def test_a_key_keeps_its_place_and_minus_zero_is_zero() -> None:
    m = JsMap([("a", 1), ("b", 2)])
    assert m.set("a", 3) is m
    m.set("a", 3)
    m[-0.0] = 4
    assert m.items() == [("a", 3), ("b", 2), (0, 4)]
    assert m.values() == [3, 2, 4]
    assert math.copysign(1, next(reversed(m._entries.values()))[0]) == 1
    assert list(JsSet([-0.0, 0])) == [0]


def test_members_are_removed() -> None:
    m = JsMap([("a", 1), ("b", 2), ("c", 3)])
    del m["a"]
    assert (m.delete("b"), m.delete("b")) == (True, False)
    with pytest.raises(KeyError):
        del m["a"]
    m.clear()
    assert len(m) == 0
    m.set()
    assert m.items() == [(None, None)]


def test_iteration_is_over_keys() -> None:
    m = JsMap([("a", 1), (2.0, JsArray([1]))])
    assert list(m) == ["a", 2]
    assert repr(m.keys()) == "KeysView([object Map])"
    assert "a" in m.keys()  # noqa: SIM118  # the view is what is tested
    assert [pair[0] for pair in m.entries()] == ["a", 2]
    assert str(m.entries()) == "[object Map Iterator]"
    seen: list[Any] = []
    m.forEach(lambda value, key, whole: seen.append((key, whole is m)))
    assert seen == [("a", True), (2, True)]


def test_a_map_has_pythons_mapping_methods() -> None:
    m = JsMap([("a", 1)])
    assert m.setdefault("a", 5) == 1
    assert m.setdefault("b", 5) == 5
    m.update({"c": 6}, d=7)
    m.update([("e", 8)])
    assert (m.pop("c"), m.pop("zz", None)) == (6, None)
    with pytest.raises(KeyError):
        m.pop("zz")
    assert m.popitem() == ("a", 1)
    assert dict(m.items()) == {"b": 5, "d": 7, "e": 8}


def test_a_map_becomes_a_dict() -> None:
    shared = JsArray([1])
    m = JsMap([("a", shared), (2.0, shared)])
    made = m.to_py()
    assert made == {"a": [1], 2: [1]}
    assert made["a"] is made[2]
    m.set("self", m)
    back = m.to_py()
    assert back["self"] is back
    assert m.to_py(depth=0) is m
    with pytest.raises(ConversionError) as caught:
        JsMap([(JsArray(), 1)]).to_py()
    assert str(caught.value) == "Cannot use key of type Array as a key to a Python dict"


def test_a_set_becomes_a_set() -> None:
    assert JsSet([1.0, "a", PyProxy((1, 2))]).to_py() == {1, "a", (1, 2)}
    whole = JsSet([1])
    assert whole.to_py(depth=0) is whole
    with pytest.raises(ConversionError, match="key of type Object as a key to a Python set"):
        JsSet([JsObject()]).to_py()


def test_set_members() -> None:
    s = JsSet([1, 1.0, "a"])
    assert (len(s), s.size, list(s)) == (2, 2, [1, "a"])
    assert s.add(True) is s
    assert s.has(True)
    assert 1 in s
    assert (s.delete(1), s.delete(1)) == (True, False)
    assert list(s.values()) == list(s.keys()) == ["a", True]
    assert [list(pair) for pair in s.entries()] == [["a", "a"], [True, True]]
    seen: list[Any] = []
    s.forEach(lambda value, key, whole: seen.append((value, key, whole is s)))
    assert seen == [("a", "a", True), (True, True, True)]
    s.clear()
    assert len(s) == 0
    assert None in s.add()


def test_set_operations() -> None:
    a, b = JsSet([1, 2, 3]), JsSet([3, 4])
    m = JsMap([(1, "x")])
    assert list(a.union(b)) == [1, 2, 3, 4]
    assert list(a.union(m)) == [1, 2, 3]
    assert list(a.intersection(b)) == [3]
    assert list(a.difference(b)) == [1, 2]
    assert list(a.symmetricDifference(b)) == [1, 2, 4]
    assert a.isSupersetOf(JsSet([1]))
    assert JsSet([1]).isSubsetOf(a)
    assert not a.isSubsetOf(b)
    assert not a.isDisjointFrom(b)
    assert a.isDisjointFrom(JsSet([9]))


def iterator(*items: Any) -> JsIterator:
    return JsIterator("Iterator", iter(items))


def test_an_iterator_speaks_both_languages() -> None:
    it = iterator(1.0, 2)
    assert next(it) == 1
    assert (it.next().value, it.next().done) == (2, True)
    assert it.next().value is None
    assert list(iterator(1, 2)) == [1, 2]
    assert list(iterator(1, 2).toArray()) == [1, 2]


def test_iterator_helpers() -> None:
    assert list(iterator(1, 2).map(lambda v, i: v + i)) == [1, 3]
    assert list(iterator(1, 2).filter(lambda v, i: v > 1)) == [2]
    assert list(iterator(1, 2).flatMap(lambda v, i: JsArray([v, v]))) == [1, 1, 2, 2]
    assert list(iterator(1, 2, 3).take(2)) == [1, 2]
    assert list(iterator(1, 2, 3).drop(2)) == [3]
    assert iterator(1, 2).some(lambda v, i: v == 2)
    assert not iterator(1, 2).every(lambda v, i: v == 2)
    assert iterator(1, 2).find(lambda v, i: v == 2) == 2
    assert iterator().find(lambda v, i: True) is None
    assert iterator(1, 2).reduce(lambda a, v, i: a + v * i) == 3
    assert iterator(1, 2).reduce(lambda a, v, i: a + v, 10) == 13
    with pytest.raises(JsException, match="Reduce of a done iterator"):
        iterator().reduce(lambda a, v, i: a)
    seen: list[Any] = []
    iterator("a").forEach(lambda v, i: seen.append((v, i)))
    assert seen == [("a", 0)]


def test_a_plain_object_has_attributes_and_no_items() -> None:
    o = JsObject({"a": 1.0, "from": 2, "list": JsArray([1])})
    assert (o.a, o.from_) == (1, 2)
    o.from_ = 3
    o.b = [1]
    assert o._members["from"] == 3
    assert o.b == [1]
    del o.a
    del o.from_
    with pytest.raises(AttributeError, match=r"^a$"):
        o.a  # noqa: B018
    with pytest.raises(AttributeError, match=r"^zz$"):
        del o.zz
    with pytest.raises(TypeError, match=r"JsProxy' object is not subscriptable"):
        o["b"]  # type: ignore[index]
    assert {"b", "list"} <= set(dir(o))
    assert o.hasOwnProperty("b")
    assert str(o) == repr(o) == "[object Object]"


def test_indices_come_first() -> None:
    members = {"b": 1, "10": 2, "2": 3, "01": 4, "-1": 5, "4294967295": 6, "4294967294": 7}
    assert list(ordered(members)) == ["2", "10", "4294967294", "b", "01", "-1", "4294967295"]
    same = {"b": 1, "a": 2}
    assert ordered(same) is same
    odd = {"-": 1, "a": 2}
    assert ordered(odd) is odd
    assert ordered({}) == {}
    o = JsObject({"b": 1, "1": 2.0})
    assert list(o.object_keys()) == ["1", "b"]
    assert list(o.object_values()) == [2, 1]
    assert [list(pair) for pair in o.object_entries()] == [["1", 2], ["b", 1]]


def test_a_plain_object_becomes_a_dict() -> None:
    shared = JsObject({"x": 1.0})
    o = JsObject({"b": shared, "1": shared})
    made = o.to_py()
    assert list(made) == ["1", "b"]
    assert made["1"] is made["b"]
    assert o.to_py(depth=0) is o
    assert o.to_py(depth=1)["b"] is shared


def test_an_object_map_has_items_and_is_the_same_object() -> None:
    o = JsObject({"b": 1.0, "1": "x"})
    m = o.as_object_map()
    assert (m["b"], list(m), len(m), "b" in m, m.b) == (1, ["1", "b"], 2, True, 1)
    assert m == o
    assert m == o.as_object_map()
    assert m.js_id == o.js_id
    m["new"] = [1]
    assert o.new == [1]
    del m["new"]
    assert dict(m.items()) == {"1": "x", "b": 1}
    assert list(m.keys()) == ["1", "b"]
    assert list(m.values()) == ["x", 1]
    assert m.get("zz", 5) == 5
    assert m.to_py() == {"1": "x", "b": 1}
    assert list(m.object_keys()) == ["1", "b"]
    with pytest.raises(KeyError):
        m["zz"]
    m.clear()
    assert len(o._members) == 0
    with pytest.raises(KeyError):
        m.popitem()


def test_the_mapping_methods_need_items() -> None:
    bare = MappingMethods()
    for call in (
        lambda: bare["a"],
        lambda: bare.update({"a": 1}),
        lambda: bare.__delitem__("a"),
        lambda: iter(bare),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_from_entries_takes_both_kinds_of_pairs() -> None:
    made = from_entries([("a", 1), JsArray([2, "b"])])
    assert made._members == {"a": 1, "2": "b"}


def test_js_map_keys_hold_what_they_stand_for() -> None:
    target = [1]
    m = JsMap([(PyProxy(target), 1)])
    assert m.has(target)
    assert map_key(PyProxy(target)) == map_key(js_value(target))
    assert not m.has([1])


def test_to_js_converts_sets_and_nested_values() -> None:
    made = to_js({"a": {1, 2}, "b": ("x", [None])})
    assert isinstance(made.a, JsSet)
    assert isinstance(made, JsProxy)
    assert str(made.b) == "x,"
