"""`Object`, `Reflect`, `JSON` and `structuredClone`."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import JsArray, JsException, JsObject, jsnull, to_js


def obj(**members: Any) -> JsObject:
    made = to_js(members)
    assert isinstance(made, JsObject)
    return made


def test_keys_values_and_entries(js: Any) -> None:
    target = obj(b=1, a="x")
    assert js.Object.keys(target).to_py() == ["b", "a"]
    assert js.Object.values(target).to_py() == [1, "x"]
    assert js.Object.entries(target).to_py() == [["b", 1], ["a", "x"]]
    assert js.Object.keys("ab").to_py() == ["0", "1"]
    assert js.Object.keys(5).to_py() == []
    assert js.Object.keys({"python": 1}).to_py() == []


@pytest.mark.parametrize("nothing", [None, jsnull])
def test_nothing_has_no_keys(js: Any, nothing: Any) -> None:
    with pytest.raises(JsException, match="Cannot convert undefined or null to object"):
        js.Object.keys(nothing)


def test_from_entries_takes_pairs_of_either_world(js: Any) -> None:
    assert js.Object.fromEntries(to_js([["a", 1]])).a == 1
    assert js.Object.fromEntries([("a", 1), ("b", 2)]).to_py() == {"a": 1, "b": 2}
    assert js.Object.fromEntries(js.Map.new(to_js([["k", "v"]]))).k == "v"
    assert js.Object.fromEntries({"a": 1}.items()).a == 1
    with pytest.raises(JsException, match="5 is not iterable"):
        js.Object.fromEntries(5)


def test_assign_copies_into_the_first(js: Any) -> None:
    target = obj(a=1)
    assert js.Object.assign(target, obj(b=2), None, obj(a=3)) == target
    assert target.to_py() == {"a": 3, "b": 2}
    array = js.Array.of(1)
    js.Object.assign(array, js.Object.fromEntries([["2", "x"]]))
    assert (array.length, array[2]) == (3, "x")


def test_a_frozen_object_cannot_be_changed(js: Any) -> None:
    target = js.Object.freeze(obj(a=1))
    assert js.Object.isFrozen(target)
    assert not js.Object.isFrozen(obj())
    with pytest.raises(JsException, match="Cannot assign to read only property 'a'"):
        target.a = 2
    with pytest.raises(JsException, match="Cannot delete property 'a'"):
        del target.a
    assert js.Reflect.set(target, "a", 2) is False
    assert target.to_py() == {"a": 1}
    assert js.structuredClone(target).to_py() == {"a": 1}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (0.0, -0.0, False), (math.nan, math.nan, True), ("a", "a", True),
     (1, "1", False), (True, 1, False), (None, jsnull, False)],
)  # fmt: skip
def test_is_is_same_value(js: Any, one: Any, other: Any, same: bool) -> None:
    assert js.Object.is_(one, other) is same


def test_create_has_own_and_prototype(js: Any) -> None:
    assert js.Object.create(jsnull).to_py() == {}
    with pytest.raises(JsException, match="may only be an Object or null: undefined"):
        js.Object.create()
    assert js.Object.hasOwn(obj(a=1), "a")
    assert not js.Object.hasOwn(obj(a=1), "b")
    assert js.Object.getPrototypeOf(js.Array.new()).constructor.name == "Array"
    assert js.Object.getOwnPropertyNames(js.Array.of(1)).to_py() == ["0", "length"]


def test_group_by(js: Any) -> None:
    groups = js.Object.groupBy(
        to_js([1, 2, 3]), lambda value, index: "odd" if value % 2 else "even"
    )
    assert groups.to_py() == {"odd": [1, 3], "even": [2]}


@pytest.mark.parametrize(
    ("make", "tag"),
    [
        (lambda js: js.Array.new(), "Array"),
        (lambda js: js.Date.new(0), "Date"),
        (lambda js: None, "Undefined"),
        (lambda js: jsnull, "Null"),
        (lambda js: 1, "Number"),
        (lambda js: "a", "String"),
        (lambda js: True, "Boolean"),
        (lambda js: lambda: 1, "Function"),
        (lambda js: js.Headers.new(), "Headers"),
    ],
)
def test_the_tag_of_a_value(js: Any, make: Any, tag: str) -> None:
    assert js.Object.prototype.toString.call(make(js)) == f"[object {tag}]"


def test_object_makes_boxes(js: Any) -> None:
    assert js.Object.new().to_py() == {}
    assert js.Object(5).constructor.name == "Number"
    target = obj(a=1)
    assert js.Object(target) is target


def test_reflect(js: Any) -> None:
    target = obj(a=1)
    assert js.Reflect.get(target, "a") == 1
    assert js.Reflect.get(target, "b") is None
    assert js.Reflect.has(target, "a")
    assert js.Reflect.set(target, "b", 2)
    assert js.Reflect.deleteProperty(target, "a")
    assert js.Reflect.ownKeys(target).to_py() == ["b"]
    assert js.Reflect.apply(lambda x, y: x + y, None, to_js([1, 2])) == 3
    assert js.Reflect.construct(js.Array, to_js(["a", "b"])).to_py() == ["a", "b"]
    with pytest.raises(JsException, match="is not a constructor"):
        js.Reflect.construct(target)


def test_json(js: Any) -> None:
    assert js.JSON.stringify({"a": [1, None, 1e21, "ü"]}) == '{"a":[1,null,1e+21,"ü"]}'
    assert js.JSON.parse('{"a":[null,1.0]}').to_py() == {"a": [jsnull, 1]}
    with pytest.raises(JsException, match="SyntaxError"):
        js.JSON.parse("{")


def test_structured_clone_copies(js: Any) -> None:
    source = to_js({"a": [1]})
    copy = js.structuredClone(source)
    assert copy.to_py() == {"a": [1]}
    assert copy != source
    assert isinstance(copy.a, JsArray)
    with pytest.raises(JsException, match="could not be cloned"):
        js.structuredClone(lambda: 1)
    with pytest.raises(JsException, match="parameter 1 is not of type"):
        js.structuredClone()
