from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.core.values import JsArray, JsException, JsObject, jsnull
from emulator.web.blob import Blob, File
from emulator.web.formdata import FormData, encode_multipart, parse_form_data


def refused(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


def blob(text: str, **options: Any) -> Blob:
    return Blob(JsArray([text]), JsObject(options))


def shown(form: FormData) -> list[tuple[Any, ...]]:
    return [
        (name, value.name, value.type, value._data) if isinstance(value, File) else (name, value)
        for name, value in form
    ]


def test_fields_repeat_in_order() -> None:
    form = FormData()
    form.append("a", "1")
    form.append("b", None)
    form.append("a", 3)
    assert shown(form) == [("a", "1"), ("b", "undefined"), ("a", "3")]
    assert (form.get("a"), list(form.getAll("a")), form.get("zz")) == ("1", ["1", "3"], jsnull)
    form.set("a", "9")
    form.set("new", jsnull)
    form.delete("b")
    assert shown(form) == [("a", "9"), ("new", "null")]
    assert (list(form.keys()), list(form.values()), form.has("a")) == (
        ["a", "new"],
        ["9", "null"],
        True,
    )
    assert [list(entry) for entry in form.entries()] == [["a", "9"], ["new", "null"]]


def test_a_blob_becomes_a_file_named_after_its_field() -> None:
    form = FormData()
    form.append("a", blob("q", type="a/b"))
    form.append("b", File(JsArray(["y"]), "n"), "z.txt")
    kept = File(JsArray(["k"]), "k")
    form.append("c", kept)
    assert shown(form)[:2] == [("a", "a", "a/b", b"q"), ("b", "z.txt", "", b"y")]
    assert form.get("c") is kept
    assert form.get("a") is form.get("a")


def test_a_file_name_for_a_string_is_ignored() -> None:
    form = FormData()
    form.append("a", "x", "fn")
    assert shown(form) == [("a", "x")]


def test_the_arguments_are_checked() -> None:
    assert refused(lambda: FormData().append()) == (
        "TypeError: Failed to execute 'append' on 'FormData': parameter 1 is not of type 'string'."
    )
    assert refused(lambda: FormData().append("a")) == (
        "TypeError: Failed to execute 'append' on 'FormData': "
        "parameter 2 is not of type 'File or Blob or string'."
    )


def test_python_has_item_access() -> None:
    form = FormData()
    form["a"] = "1"
    assert (form["a"], "a" in form) == ("1", True)
    del form["a"]
    assert shown(form) == []
    seen: list[Any] = []
    form.append("a", "b")
    form.forEach(lambda value, name, owner: seen.append((value, name, owner is form)))
    assert seen == [("b", "a", True)]


def test_multipart_is_written_as_the_platform_writes_it() -> None:
    form = FormData()
    form.append('a\n"b', "c\nd")
    form.append("f", File(JsArray(["zz"]), 'n"\r\n.txt', JsObject({"type": "t/x"})))
    form.append("g", blob("q"))
    assert encode_multipart(form, "B").decode() == (
        '--B\r\nContent-Disposition: form-data; name="a%0A%22b"\r\n\r\nc\nd\r\n'
        '--B\r\nContent-Disposition: form-data; name="f"; filename="n%22\r%0A.txt"\r\n'
        "Content-Type: t/x\r\n\r\nzz\r\n"
        '--B\r\nContent-Disposition: form-data; name="g"; filename="g"\r\n'
        "Content-Type: application/octet-stream\r\n\r\nq\r\n--B--"
    )


def part(head: str, body: str = "v1") -> str:
    return f"--X\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n"


MULTIPART = "multipart/form-data; boundary=X"


@pytest.mark.parametrize(
    ("kind", "body", "fields"),
    [
        (MULTIPART, part('name="a"', "v1\r\nv2") + "--X--\r\n", [("a", "v1\r\nv2")]),
        (MULTIPART, "junk\r\n" + part('name="a"') + "--X--", [("a", "v1")]),
        (MULTIPART, "--X--", []),
        (
            MULTIPART,
            part('name="f"; filename="n.t"\r\nContent-Type: q/w', "file") + "--X--",
            [("f", "n.t", "q/w", b"file")],
        ),
        (
            MULTIPART,
            part('name="a%22%0D"; filename="q%22"') + "--X--",
            [("a%22%0D", "q%22", "", b"v1")],
        ),
        (MULTIPART, part('name="a\\"b"') + "--X--", [('a"b', "v1")]),
        (MULTIPART, part('name="a"\r\nContent-Type: text/x') + "--X--", [("a", "v1")]),
        (MULTIPART, part('name="a"', "") + "--X--", [("a", "")]),
        (
            MULTIPART,
            '--X\nContent-Disposition: form-data; name="a"\n\nv1\n--X--',
            [("a", "v1")],
        ),
        (
            'multipart/form-data; charset=x; boundary="X Y"',
            '--X Y\r\nContent-Disposition: form-data; name="a"\r\n\r\nv1\r\n--X Y--',
            [("a", "v1")],
        ),
        ("Multipart/Form-Data; Boundary=X", part('name="a"') + "--X--", [("a", "v1")]),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            "a=1&b=%20+c&a=%E9",
            [("a", "1"), ("b", "  c"), ("a", "\ufffd")],
        ),
    ],
)
def test_forms_are_read(kind: str, body: str, fields: list[tuple[Any, ...]]) -> None:
    assert shown(parse_form_data(body.encode(), kind)) == fields


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "No initial boundary string (or you have a truncated message)."),
        (part('name="a"') + "--X\r\n", "No multipart message header termination found."),
        (
            '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nv1',
            "No subsequent boundary string after multipart message.",
        ),
        (
            "--X\r\nA: b\r\n\r\nv1\r\n--X--",
            "No valid Content-Disposition header found in FormData part.",
        ),
        (part("x=y") + "--X--", "Content-Disposition header in FormData part is missing a name."),
        (
            part("name=unquoted") + "--X--x",
            "Content-Disposition header in FormData part is missing a name.",
        ),
    ],
    ids=["empty", "no end", "truncated", "no disposition", "no name", "unquoted"],
)
def test_a_broken_form_is_named(body: str, text: str) -> None:
    assert refused(lambda: parse_form_data(body.encode(), MULTIPART)) == f"TypeError: {text}"


NAMES = st.text(st.characters(exclude_characters='\r\n"\\', exclude_categories=["Cs"]))


@given(st.lists(st.tuples(NAMES, st.text(st.characters(exclude_categories=["Cs"])))))
def test_what_is_written_is_read(fields: list[tuple[str, str]]) -> None:
    form = FormData()
    for name, value in fields:
        form.append(name, value)
    boundary = "0123456789abcdef" * 2
    body = encode_multipart(form, boundary)
    kind = f"multipart/form-data; boundary={boundary}"
    assert shown(parse_form_data(body, kind)) == fields
