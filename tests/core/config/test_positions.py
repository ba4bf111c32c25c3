from __future__ import annotations

import tomllib

from emulator.core.config.positions import find_position, toml_positions

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
x.y = 'it''s'

[dev]
port = 1
'''


def test_every_key_is_found_where_it_is_first_named() -> None:
    assert {key: tuple(place) for key, place in toml_positions(TEXT).items()} == {
        "name": (2, 1),
        "quoted key": (3, 1),
        "text": (4, 1),
        "list": (7, 1),
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


def test_what_is_inside_a_value_is_found_at_its_key() -> None:
    text = 'a = 1\nbindings = [\n { name = "A", clas = "x" },\n]\n'
    positions = toml_positions(text)
    assert find_position(positions, "bindings[0].clas") == (2, 1)
    assert find_position(positions, "nowhere.at.all") is None
    assert find_position(positions, "") is None


def test_windows_line_ends_count_once() -> None:
    text = 'a = 1\r\n\r\n[dev]\r\nport = "1"\r\n'
    assert tomllib.loads(text)
    assert find_position(toml_positions(text), "dev.port") == (4, 1)


def test_a_text_that_is_no_toml_ends_the_search() -> None:
    assert dict(toml_positions("a = 1\n?? nonsense\nb = 2\n")) == {"a": (1, 1)}
    assert dict(toml_positions("a = [1,")) == {"a": (1, 1)}
