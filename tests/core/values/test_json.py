"""JSON as JavaScript has it, against recordings of the runtime and, if there is one, node."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.values import (
    HOLE,
    TYPED_ARRAYS,
    ArrayBuffer,
    JsArray,
    JsBigInt,
    JsBoxed,
    JsDate,
    JsException,
    JsFunction,
    JsMap,
    JsObject,
    JsProxy,
    JsSet,
    JsSymbol,
    JsValue,
    PyProxy,
    dom_exception,
    error,
    jsnull,
)
from emulator.core.values.json import parse, stringify
from tests.core.values.recordings import RECORDED, plain

_NODE: Final = shutil.which("node")


def units(text: str) -> str:
    """A text with its surrogates paired, as it comes out of an encoding."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(("text", "answer"), RECORDED["json_texts"])
def test_a_text_is_parsed_or_refused_in_the_platforms_words(text: str, answer: str) -> None:
    try:
        got = stringify(parse(text))
    except JsException as exc:
        got = str(exc)
    assert got is not None
    assert units(got) == units(answer)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[null, [null], {}]", JsArray([jsnull, JsArray([jsnull]), JsObject()])),
        ('{"a": null, "b": [[1]]}', JsObject({"a": jsnull, "b": JsArray([JsArray([1])])})),
        ("9007199254740993", 9007199254740992.0),
        ("[9007199254740993]", JsArray([9007199254740992.0])),
        ('{"a": -9007199254740993}', JsObject({"a": -9007199254740992.0})),
        ("1e400", math.inf),
        ("-0", -0.0),
        ("[-0, 5, 123456789012345678901]", JsArray([-0.0, 5, 123456789012345680000.0])),
        ('"-0"', "-0"),
        ("1" + "0" * 5000, math.inf),
        ("[-0, " + "1" + "0" * 5000 + "]", JsArray([-0.0, math.inf])),
        ('{"__proto__": 1, "a": 2, "__proto__": 3}', JsObject({"__proto__": 3, "a": 2})),
        ('"\\ud83d\\ude00\\ud800"', "😀\ud800"),
        (" \t\r\n1 \n", 1),
    ],
)
def test_values_are_what_javascript_makes_of_them(text: str, value: JsValue) -> None:
    assert plain(parse(text)) == plain(value)


def test_a_number_that_fits_is_an_int() -> None:
    assert type(parse("5")) is int
    assert type(parse("[-0, 5]")._items[1]) is int


def test_what_is_no_text_is_made_one() -> None:
    assert parse(5) == 5
    assert parse(jsnull) is jsnull
    with pytest.raises(JsException, match='"undefined" is not valid JSON'):
        parse(None)
    with pytest.raises(JsException, match=r'"\[object Object\]" is not valid JSON'):
        parse(JsObject())


def test_nesting_too_deep_is_a_range_error() -> None:
    with pytest.raises(JsException, match="RangeError: Maximum call stack"):
        parse("[" * 200_000 + "]" * 200_000)
    with pytest.raises(JsException):
        parse("[" * 200_000)
    value: JsValue = JsArray()
    whole = value
    for _ in range(100_000):
        value._items.append(JsArray())
        value = value._items[0]
    with pytest.raises(JsException, match="RangeError: Maximum call stack"):
        stringify(whole)
    while whole._items:
        whole = whole._items.pop()


def test_an_unclosed_nest_too_deep_to_follow_is_an_end_of_input() -> None:
    with pytest.raises(JsException, match=r"Unexpected end of JSON input|Maximum call stack"):
        parse("[" * 3000)


def test_a_reviver_sees_the_innermost_first_and_may_drop_members() -> None:
    seen: list[tuple[str, Any]] = []

    def revive(key: str, value: Any, context: Any) -> Any:
        source = getattr(context, "source", None)
        seen.append((key, source))
        if key == "drop":
            return None
        return value + 1 if isinstance(value, int) else value

    result = parse('{"a": [1, "x"], "drop": 2}', revive)
    assert plain(result) == plain(JsObject({"a": JsArray([2, "x"])}))
    assert seen == [("0", "1"), ("1", '"x"'), ("a", None), ("drop", "2"), ("", None)]


def test_what_is_no_function_revives_nothing() -> None:
    assert parse("1", 5) == 1


CYCLES: dict[str, Any] = {}


def _cycle(name: str) -> JsValue:
    whole = JsArray() if name == "cyc3" else JsObject()
    links: dict[str, JsValue] = {
        "cyc1": {"self": whole},
        "cyc2": {"a": JsObject({"b": JsArray([1, JsObject({"c": whole})])})},
        "cyc4": {"x": JsObject({"y": JsObject({"z": JsObject({"w": JsObject({"v": whole})})})})},
        "cyc7": {"weird key": JsObject({"q": whole})},
        "cyc8": {"a": JsArray([JsArray([whole])])},
    }
    if isinstance(whole, JsArray):
        whole.push(whole)
    else:
        whole._members.update(links.get(name, {}))
    if name == "cyc6":
        inner = JsObject()
        inner._members["b"] = inner
        whole._members["a"] = inner
    return whole


@pytest.mark.parametrize("name", ["cyc1", "cyc2", "cyc3", "cyc4", "cyc6", "cyc7", "cyc8"])
def test_a_cycle_is_told_as_v8_tells_it(name: str) -> None:
    with pytest.raises(JsException) as caught:
        stringify(_cycle(name))
    assert str(caught.value) == RECORDED["cycles"][name]


def test_a_cycle_through_python_objects_is_refused() -> None:
    inner: list[Any] = []
    inner.append(inner)
    with pytest.raises(JsException, match="index 0 closes the circle"):
        stringify(PyProxy(inner))


class _Reader:
    def __call__(self) -> None: ...


class _Host(JsProxy, js_name="Id"):
    def _own(self) -> dict[str, JsValue]:
        return {"name": "n", "none": None}


def to_json(key: str) -> str:
    return f"{key}!"


def _unset() -> JsValue:
    return JsArray([None, HOLE, JsFunction("f", lambda: None), JsSymbol(), jsnull])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ("\ud800", '"\\ud800"'),
        ("\ud83d" + "\ude00", '"😀"'),
        (1, "1"),
        (1.0, "1"),
        (1e21, "1e+21"),
        (-0.0, "0"),
        (True, "true"),
        (False, "false"),
        (jsnull, "null"),
        (None, None),
        (JsSymbol("q"), None),
        (PyProxy(len), None),
        (PyProxy(_Reader()), None),
        (PyProxy(object()), "{}"),
        (JsArray([math.nan, math.inf, -math.inf, 1e-7, 5e-324]), "[null,null,null,1e-7,5e-324]"),
        (_unset(), "[null,null,null,null,null]"),
        (JsObject({"a": None, "b": JsSymbol(), "c": jsnull}), '{"c":null}'),
        (JsObject({"b": 1, "2": 2, "1": 3, "a": 10**22}), '{"1":3,"2":2,"b":1,"a":1e+22}'),
        (JsDate(5), '"1970-01-01T00:00:00.005Z"'),
        (JsObject({"d": JsDate(math.nan)}), '{"d":null}'),
        (JsArray([JsMap([(1, 2)]), JsSet([1]), ArrayBuffer(bytearray(2))]), "[{},{},{}]"),
        (TYPED_ARRAYS["Float32Array"].of_values([1.5, math.nan]), '{"0":1.5,"1":null}'),
        (JsArray([JsBoxed(1), JsBoxed("a"), JsBoxed(True)]), '[1,"a",true]'),
        (error("x", code=5, cause=1), '{"code":5}'),
        (_Host(), '{"name":"n"}'),
        (JsObject({"a": JsObject({"toJSON": PyProxy(to_json)})}), '{"a":"a!"}'),
        (JsObject({"toJSON": 1}), '{"toJSON":1}'),
        (JsObject({"a": 1}).as_object_map(), '{"a":1}'),
        (PyProxy({"a": 1, 2: [1, (2, None)], "n": None}), '{"2":[1,[2,null]],"a":1}'),
    ],
)
def test_a_value_is_written_as_javascript_writes_it(value: JsValue, text: str | None) -> None:
    assert stringify(value) == text


def test_a_dom_exception_shows_what_it_is() -> None:
    made = dom_exception("AbortError", "m")
    made.stack = "S"
    assert stringify(made) == '{"code":20,"name":"AbortError","message":"m","stack":"S"}'


def test_escapes_are_v8s() -> None:
    text, written = RECORDED["escapes"]
    assert stringify(text) == units(written)
    assert stringify(JsObject({text: text})) == f"{{{units(written)}:{units(written)}}}"


@pytest.mark.parametrize("value", [JsBigInt(1), JsBoxed(JsBigInt(1)), JsObject({"a": JsBigInt(1)})])
def test_a_bigint_is_refused(value: JsValue) -> None:
    with pytest.raises(JsException, match="TypeError: Do not know how to serialize a BigInt"):
        stringify(value)


@pytest.mark.parametrize(
    ("space", "gap"),
    [
        (2, "  "),
        (2.9, "  "),
        (20, " " * 10),
        ("--", "--"),
        ("abcdefghijklmn", "abcdefghij"),
        (JsBoxed(3), "   "),
        (JsBoxed("."), "."),
    ],
)
def test_space_indents(space: JsValue, gap: str) -> None:
    value = JsObject({"a": JsArray([1, JsObject({"b": "x"})]), "c": JsObject(), "d": JsArray()})
    expected = (
        f'{{\n{gap}"a": [\n{gap * 2}1,\n{gap * 2}{{\n{gap * 3}"b": "x"\n{gap * 2}}}\n{gap}],\n'
        f'{gap}"c": {{}},\n{gap}"d": []\n}}'
    )
    assert stringify(value, None, space) == expected


@pytest.mark.parametrize("space", [0, 0.5, -1, "", True, JsBigInt(2), jsnull, JsObject()])
def test_what_is_no_space_indents_nothing(space: JsValue) -> None:
    assert stringify(JsArray([1]), None, space) == "[1]"


def test_a_list_of_keys_chooses_and_orders() -> None:
    value = JsObject({"a": 1, "b": JsObject({"a": 2, "c": 3}), "1": 4})
    keys = JsArray(["b", "a", 1, JsBoxed("b"), True, jsnull])
    assert stringify(value, keys) == '{"b":{"a":2},"a":1,"1":4}'
    assert stringify(value, JsArray()) == "{}"


def test_a_replacer_replaces_every_value() -> None:
    def double(key: str, value: Any) -> Any:
        return value * 2 if isinstance(value, (int, str)) and key != "same" else value

    value = JsObject({"a": 1, "b": JsArray([1, "x"]), "same": 1})
    assert stringify(value, double) == '{"a":2,"b":[2,"xx"],"same":1}'
    assert stringify("x", double) == '"xx"'
    assert stringify("x", lambda key, value: None) is None
    assert stringify("x", 5) == '"x"'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_what_python_writes_is_read_and_written_back(value: Any) -> None:
    text = json.dumps(value).replace("Infinity", "1e999")
    first = parse(text)
    written = stringify(first)
    assert written is not None
    assert stringify(parse(written)) == written


_DAMAGED: Final = (
    '{"a":[1,-2.5e3,"x\\n\\u00e9",true,false,null],"b":{"c":{}}, "d" : [[],""] }',
    '[0.1e-2,"\\ud83d", "日本", {"k":-0}]',
)
_PROGRAM: Final = """
const answers = JSON.parse(require('fs').readFileSync(0, 'utf8')).map((text) => {
  try { return ['ok', JSON.stringify(JSON.parse(text))]; } catch (e) { return ['no', e.message]; }
});
console.log(JSON.stringify(answers));
"""


@pytest.mark.skipif(_NODE is None, reason="there is no node here")
def test_damaged_texts_are_refused_exactly_where_node_refuses_them() -> None:
    assert _NODE is not None
    texts = []
    for text in _DAMAGED:
        for i in range(len(text) + 1):
            texts += [text[:i], text[:i] + text[i + 1 :]]
            texts += [
                text[:i] + char + text[i:] for char in '"\\{}[],:x0-+.e\t\n \u00a0\ufeff\x01é'
            ]
    answer = subprocess.run(
        [_NODE, "-e", _PROGRAM],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=15,
    )
    for text, (verdict, expected) in zip(texts, json.loads(answer.stdout), strict=True):
        try:
            got = ("ok", stringify(parse(text)))
        except JsException as exc:
            # Older versions of V8 do not tell line and column.
            got = ("no", exc.message.split(" (line ")[0])
        assert got == (verdict, expected.split(" (line ")[0]), text
