"""Array and what it shares with the typed arrays."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emulator.core.values import (
    HOLE,
    TYPED_ARRAYS,
    JsArray,
    JsBigInt,
    JsException,
    JsObject,
    jsnull,
)
from emulator.core.values.arrays import ARRAY_ITEMS_MAX
from emulator.core.values.proxies import Conversion

nan = math.nan


def array(*items: Any) -> JsArray:
    return JsArray(list(items))


def test_python_sees_a_sequence() -> None:
    a = array(1, 2.0, HOLE, 3.5)
    assert (len(a), a.length, list(a)) == (4, 4, [1, 2, None, 3.5])
    assert (a[0], a[-1], type(a[1])) == (1, 3.5, int)
    assert list(reversed(a)) == [3.5, None, 2, 1]
    assert list(a[1:3]) == [2, None]
    with pytest.raises(IndexError):
        a[9]
    a[0] = {"k": 1}
    assert a[0] == {"k": 1}
    a[1:3] = [7, 8, 9]
    assert list(a)[1:] == [7, 8, 9, 3.5]
    del a[0]
    assert list(a) == [7, 8, 9, 3.5]
    assert list(a + iter([1])) == [7, 8, 9, 3.5, 1]
    a += [2]
    assert list(a) == [7, 8, 9, 3.5, 2]


def test_python_methods_of_a_sequence() -> None:
    a = array(1, 2, 1)
    a.append(3)
    a.extend([4])
    a.insert(0, 0)
    a.remove(2)
    assert list(a) == [0, 1, 1, 3, 4]
    assert (a.index(3), a.count(1), a.pop(), a.pop(0)) == (3, 2, 4, 0)
    with pytest.raises(ValueError, match="9 is not in list"):
        a.index(9)
    a.clear()
    assert (list(a), a.pop(), a.shift()) == ([], None, None)


def test_a_list_extended_by_itself_ends() -> None:
    a = array(1)
    a.extend(a)
    assert list(a) == [1, 1]


def test_ends_are_pushed_and_shifted() -> None:
    a = array(1)
    assert (a.push(2, 3), a.unshift(-1, 0), a.shift()) == (3, 5, -1)
    assert list(a) == [0, 1, 2, 3]


def test_the_length_may_be_set() -> None:
    a = array(1, 2)
    a.length = 1
    a.length = 3
    assert a._items == [1, HOLE, HOLE]
    for wrong in (-1, 1.5, nan, ARRAY_ITEMS_MAX + 1):
        with pytest.raises(JsException, match="RangeError: Invalid array length"):
            a.length = wrong


def test_own_properties_are_the_indices() -> None:
    a = array("x", HOLE, "y")
    assert list(a.object_keys()) == ["0", "2"]
    assert list(a.object_values()) == ["x", "y"]
    assert [list(pair) for pair in a.object_entries()] == [["0", "x"], ["2", "y"]]


def test_members_are_found_by_same_value() -> None:
    inner = JsObject()
    a = array(1, "1", nan, None, HOLE, inner, JsBigInt(1))
    assert a.includes(nan)
    assert nan in a
    assert inner in a
    assert a.includes(None)
    assert a.includes(JsBigInt(1))
    assert not a.includes(True)
    assert not a.includes(JsObject())
    assert not a.includes(1, 1)
    assert a.includes(JsBigInt(1), -1)
    assert not a.includes(1, nan if False else 99)
    assert a.indexOf(nan) == -1
    assert (a.indexOf("1"), a.indexOf(None), a.indexOf(1, 1), a.indexOf(inner)) == (1, 3, -1, 5)
    assert (array(1, 2, 1).lastIndexOf(1), array(nan).lastIndexOf(nan)) == (2, -1)


def test_positions_count_from_the_end() -> None:
    a = array(1, 2, 3)
    assert (a.at(-1), a.at(0), a.at(5)) == (3, 1, None)
    assert list(a.slice(-2)) == [2, 3]
    assert list(a.slice(1, -1)) == [2]
    assert list(a.slice(math.inf)) == []  # type: ignore[arg-type]
    assert list(a.slice(nan)) == [1, 2, 3]  # type: ignore[arg-type]
    assert list(a.slice(None, -math.inf)) == []  # type: ignore[arg-type]
    assert list(a.slice(-9, 9)) == [1, 2, 3]


def test_splice_takes_out_and_puts_in() -> None:
    a = array(1, 2, 3, 4)
    assert list(a.splice(1, 2, "x")) == [2, 3]
    assert list(a) == [1, "x", 4]
    assert list(a.splice(-1)) == [4]
    assert list(a.splice(0, None)) == []
    assert list(a.toSpliced(0, 1)) == ["x"]
    assert list(a) == [1, "x"]


def test_copies_with_a_change() -> None:
    a = array(3, 1, 2)
    assert list(a.with_(1, 9)) == [3, 9, 2]
    assert list(a.toReversed()) == [2, 1, 3]
    assert list(a.toSorted()) == [1, 2, 3]
    assert list(a) == [3, 1, 2]
    with pytest.raises(JsException, match="RangeError: Invalid index : 5"):
        a.with_(5, 1)
    assert list(a.reverse()) == [2, 1, 3]
    assert list(array(1).concat(array(2, 3), 4, [5])) == [1, 2, 3, 4, [5]]


def test_fill_and_copy_within() -> None:
    assert list(array(1, 2, 3).fill(0, 1)) == [1, 0, 0]
    assert list(array(1, 2, 3, 4, 5).copyWithin(0, 3)) == [4, 5, 3, 4, 5]
    assert list(array(1, 2, 3, 4, 5).copyWithin(1, 0, 3)) == [1, 1, 2, 3, 5]
    assert list(array(1, 2, 3).copyWithin(-1, 0)) == [1, 2, 1]


def test_sorting_is_by_text_unless_told_otherwise() -> None:
    mixed = array(3, 1, 10, "b", jsnull, None, HOLE, "\U0001f600", "\uffff").sort()
    assert mixed._items == [1, 10, 3, "b", jsnull, "\U0001f600", "\uffff", None, HOLE]
    assert list(array(3, 1, 10).sort(lambda a, b: a - b)) == [1, 3, 10]
    assert list(array(3, 1, 10).sort(lambda a, b: b - a)) == [10, 3, 1]
    assert list(array(2, 1).sort(lambda a, b: None)) == [2, 1]
    with pytest.raises(JsException) as caught:
        array(1).sort(5)
    assert caught.value.message == (
        "The comparison function must be either a function or undefined: 5"
    )


def test_functions_see_element_index_and_array() -> None:
    a = array(1, HOLE, 2.0)
    seen: list[Any] = []
    a.forEach(lambda value, i, whole: seen.append((value, i, whole is a)))
    assert seen == [(1, 0, True), (2, 2, True)]
    assert a.map(lambda value, i, whole: value * 10)._items == [10, HOLE, 20]
    assert list(a.filter(lambda value, i, whole: value > 1)) == [2]
    assert a.some(lambda value, i, whole: value == 2)
    assert not a.every(lambda value, i, whole: value == 2)
    assert list(a.flatMap(lambda value, i, whole: JsArray([value, value]))) == [1, 1, 2, 2]


def test_a_python_function_of_one_argument_fails_as_on_the_platform() -> None:
    with pytest.raises(TypeError):
        array(1).map(lambda value: value)


def test_finding() -> None:
    a = array(1, HOLE, 2, 3)
    assert a.find(lambda v, i, w: v == 2) == 2
    assert a.findIndex(lambda v, i, w: v is None) == 1
    assert a.findLast(lambda v, i, w: v != 3) == 2
    assert a.findLastIndex(lambda v, i, w: v == 9) == -1
    assert a.find(lambda v, i, w: v == 9) is None


def test_folding() -> None:
    a = array(1, 2, 3)
    assert a.reduce(lambda sum_, v, i, w: sum_ + v) == 6
    assert a.reduce(lambda sum_, v, i, w: sum_ + v, 10) == 16
    assert a.reduceRight(lambda text, v, i, w: f"{text}{v}", "") == "321"
    with pytest.raises(JsException) as caught:
        array().reduce(lambda a, b, i, w: a)
    assert str(caught.value) == "TypeError: Reduce of empty array with no initial value"


def test_iterators() -> None:
    a = array("x", HOLE)
    assert list(a.keys()) == [0, 1]
    assert list(a.values()) == ["x", None]
    assert [list(pair) for pair in a.entries()] == [[0, "x"], [1, None]]
    assert str(a.keys()) == "[object Array Iterator]"


def test_flattening() -> None:
    deep = array(1, array(2, array(3, array(4))))
    assert str(deep.flat()) == "1,2,3,4"
    assert len(deep.flat()) == 3
    assert len(deep.flat(9)) == 4
    assert len(deep.flat(0)) == 2


def test_the_text_is_joined_and_a_cycle_is_empty() -> None:
    a = array(1, array(2, array(3, jsnull, None, HOLE)), JsObject())
    assert str(a) == "1,2,3,,,,[object Object]"
    assert (array(1, 2).join("-"), array(1, 2).join(), array(1, 2).join(0)) == ("1-2", "1,2", "102")
    a.push(a)
    assert str(a).endswith("[object Object],")
    assert a.toLocaleString() == str(a)
    typed = TYPED_ARRAYS["Uint8Array"].of_values([1, 2])
    assert str(array(typed, 3)) == "1,2,3"


def test_conversion_to_python_keeps_identity_and_depth() -> None:
    shared = array(1)
    a = array(shared, shared, JsObject({"x": 2.0}))
    made = a.to_py()
    assert made == [[1], [1], {"x": 2}]
    assert made[0] is made[1]
    cyclic = array()
    cyclic.push(cyclic)
    back = cyclic.to_py()
    assert back[0] is back
    assert a.to_py(depth=1)[0] is shared
    assert a.to_py(depth=0) is a
    assert HOLE._to_py(Conversion(None), -1) is None
