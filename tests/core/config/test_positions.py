from __future__ import annotations

import tomllib

from emulator.core.config.positions import find_position, json_positions, toml_positions

TEXT = '''\
# [not_a_table]
name = "x" # main = 1
"quoted key" = 1
text = """
main = "inside a string"
"""
list = [
  "]",
  # comment ]
  1,
]

[[durable_objects.bindings]]
name = "A"
  class_name = "B"

[[durable_objects.bindings]]
name = "C"
[durable_objects.bindings.sub]
x.y = 'its'

[dev]
port = 1
'''


def test_every_key_is_found_where_it_is_first_named() -> None:
    assert {key: tuple(place) for key, place in toml_positions(TEXT).places.items()} == {
        "name": (2, 1),
        "quoted key": (3, 1),
        "text": (4, 1),
        "list": (7, 1),
        "list[0]": (8, 3),
        "list[1]": (10, 3),
        "durable_objects": (13, 1),
        "durable_objects.bindings": (13, 1),
        "durable_objects.bindings[0]": (13, 1),
        "durable_objects.bindings[0].name": (14, 1),
        "durable_objects.bindings[0].class_name": (15, 3),
        "durable_objects.bindings[1]": (17, 1),
        "durable_objects.bindings[1].name": (18, 1),
        "durable_objects.bindings[1].sub": (19, 1),
        "durable_objects.bindings[1].sub.x.y": (20, 1),
        "dev": (22, 1),
        "dev.port": (23, 1),
    }


def test_what_is_inside_a_value_is_found_there() -> None:
    text = 'a = 1\nbindings = [\n { name = "A", clas.s = "x" }, # ]\n  [1, "]"], 2026-01-01 00:00:00\n]\n'
    assert tomllib.loads(text)
    places = toml_positions(text).places
    assert places["bindings[0].name"] == (3, 4)
    assert places["bindings[0].clas.s"] == (3, 16)
    assert places["bindings[1][1]"] == (4, 7)
    assert places["bindings[2]"] == (4, 13)
    assert find_position(places, "bindings[0].other") == (3, 2)
    assert find_position(places, "bindings.[1].[7]") == (4, 3)
    assert find_position(places, "nowhere.at.all") is None
    assert find_position(places, "") is None


def test_windows_line_ends_count_once() -> None:
    text = 'a = 1\r\n\r\n[dev]\r\nport = "1"\r\n'
    assert tomllib.loads(text)
    assert toml_positions(text).places["dev.port"] == (4, 1)


def test_a_text_that_is_no_toml_ends_the_search() -> None:
    assert toml_positions("a = 1\n?? nonsense\nb = 2\n").places == {"a": (1, 1)}
    assert toml_positions("a = [1,").places == {"a": (1, 1), "a[0]": (1, 6)}
    assert toml_positions("a = {,").places == {"a": (1, 1)}
    assert toml_positions("a = ").places == {"a": (1, 1)}


JSON = """\
// the worker
{
  "name": "x", /* "main": 1 */ unquoted: 1,
  "list": [ "]", {"a": 1}, ], // one
  "durable_objects": {
    "bindings": [
      { "name": "A" },
      { 'name' : "B\\"", "deep": { "x": [1] } },
    ],
  },
  "name": "y",
}
"""


def test_keys_of_json_are_found_past_comments() -> None:
    found = json_positions(JSON)
    assert {key: tuple(place) for key, place in found.places.items()} == {
        "name": (3, 3),
        "unquoted": (3, 32),
        "list": (4, 3),
        "list[0]": (4, 13),
        "list[1]": (4, 18),
        "list[1].a": (4, 19),
        "durable_objects": (5, 3),
        "durable_objects.bindings": (6, 5),
        "durable_objects.bindings[0]": (7, 7),
        "durable_objects.bindings[0].name": (7, 9),
        "durable_objects.bindings[1]": (8, 7),
        "durable_objects.bindings[1].name": (8, 9),
        "durable_objects.bindings[1].deep": (8, 25),
        "durable_objects.bindings[1].deep.x": (8, 35),
        "durable_objects.bindings[1].deep.x[0]": (8, 41),
    }
    assert found.repeated == [("name", (11, 3))]


def test_a_text_that_is_no_json_ends_the_search() -> None:
    assert json_positions('{"a": 1, ?}').places == {"a": (1, 2)}
    assert json_positions('{"a":').places == {"a": (1, 2)}
    assert json_positions("").places == {}
