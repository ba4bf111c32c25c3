"""Rows 19 to 21 of spec: peers §5, and what environments inherit."""

from __future__ import annotations

import tomllib

import pytest

from emulator.core.config import Binding, Config, parse_config
from emulator.errors import ConfigError

HEAD = """\
name = "shop"
main = "worker.py"
compatibility_date = "2026-11-01"
compatibility_flags = ["python_workers"]

[vars]
A = 1
B = 2

[[durable_objects.bindings]]
name = "CART"
class_name = "Cart"

[[durable_objects.bindings]]
name = "STOCK"
class_name = "Stock"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Cart", "Stock"]

[dev]
port = 9000
"""
ALL_BINDINGS = """
[[env.staging.durable_objects.bindings]]
name = "CART"
class_name = "Cart"

[[env.staging.durable_objects.bindings]]
name = "STOCK"
class_name = "Stock"
"""


def parse(text: str, environment: str | None = "staging") -> Config:
    return parse_config(
        tomllib.loads(text), path="wrangler.toml", text=text, environment=environment
    )


def problems(text: str, environment: str = "staging") -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environment)
    return [(item.place, item.problem) for item in caught.value.diagnostics]


def test_an_environment_inherits_and_overrides() -> None:
    text = HEAD + f'[env.staging]\nmain = "staged.py"\nvars = {{ A = 3, B = 4 }}\n{ALL_BINDINGS}'
    config = parse(text)
    assert (config.name, config.main, config.environment) == (
        "shop-staging",
        "staged.py",
        "staging",
    )
    assert config.environments == ("staging",)
    assert (config.compatibility_date, config.dev.port) == ("2026-11-01", 9000)
    assert config.classes == {"Cart": "sqlite", "Stock": "sqlite"}
    assert config.vars == {"A": 3, "B": 4}
    assert config.bindings[0] == Binding(name="CART", class_name="Cart")
    assert config.warnings == ()
    assert parse(text, None).name == "shop"


def test_an_environment_may_have_its_own_name_and_migrations() -> None:
    text = HEAD + (
        '[env.staging]\nname = "other"\nvars = { A = 3, B = 4 }\n'
        'migrations = [{ tag = "s1", new_sqlite_classes = ["Cart", "Stock", "Extra"] }]\n'
        f"{ALL_BINDINGS}"
    )
    config = parse(text)
    assert (config.name, list(config.classes)) == ("other", ["Cart", "Stock", "Extra"])


def test_what_is_not_inherited_and_not_repeated_is_warned_of() -> None:
    """Row 19."""
    config = parse(HEAD + "[env.staging]\n")
    assert (dict(config.vars), config.bindings) == ({}, ())
    vars_warning, objects_warning = config.warnings
    assert objects_warning.context == '"env.staging" environment configuration'
    assert objects_warning.problem == (
        '"durable_objects" exists at the top level, but not on "env.staging".\n'
        'This is not what you probably want, since "durable_objects" is not inherited by '
        'environments.\nPlease add "durable_objects" to "env.staging".'
    )
    assert objects_warning.place == "wrangler.toml:24:1"
    assert vars_warning.problem.startswith('"vars" exists at the top level')


def test_what_is_repeated_in_part_is_warned_of() -> None:
    """Row 20."""
    text = HEAD + (
        '[env.staging]\nvars = { B = 4 }\n[[env.staging.durable_objects.bindings]]\nname = "CART"\n'
        'class_name = "Cart"\n'
    )
    bindings, variables = parse(text).warnings
    assert bindings.problem == (
        'The following bindings are at the top level, but not on "env.staging".\n'
        'This is not what you probably want, since "durable_objects" configuration is not '
        "inherited by environments.\n"
        'Please add a binding for each to "env.staging.durable_objects.bindings":\n- STOCK'
    )
    assert bindings.place == "wrangler.toml:26:1"
    assert variables.problem == (
        'The following vars exist at the top level, but not on "env.staging.vars".\n'
        'This is probably not what you want, since "vars" configuration is not inherited by '
        'environments.\nPlease add these vars to "env.staging.vars":\n- A'
    )
    assert variables.place == "wrangler.toml:25:1"


UNKNOWN = """\
No environment found in configuration with name "{0}".
Before using `--env={0}` there should be an equivalent environment section in the configuration.
{1}
Consider adding an environment configuration section to the wrangler.toml file:
```
[env.{0}]
```"""


def test_an_unknown_environment_is_an_error_if_there_are_any() -> None:
    """Row 21."""
    with pytest.raises(ConfigError) as caught:
        parse(HEAD + "[env.staging]\n", "stagin")
    (problem,) = caught.value.diagnostics
    names = 'The available configured environment names are: ["staging"]\n'
    assert problem.problem == UNKNOWN.format("stagin", names)
    assert problem.hint == 'Did you mean "staging" instead of "stagin"?'


def test_an_unknown_environment_is_the_top_level_if_there_are_none() -> None:
    """Row 21, the warning."""
    config = parse(HEAD, "prod")
    assert (config.name, config.vars) == ("shop-prod", {"A": 1, "B": 2})
    assert [item.problem for item in config.warnings] == [UNKNOWN.format("prod", "")]


def test_mistakes_of_an_environment_are_told_at_their_places_and_those_above_once() -> None:
    text = HEAD.replace('"shop"', '"My Shop"') + (
        '[env.staging]\nvars = "x"\ncompatibility_date = "soon"\n'
        "[env.staging.durable_objects]\nbindings = [{ name = 1 }]\n"
    )
    assert problems(text) == [
        (
            "wrangler.toml:1:1",
            'Expected "name" to be of type string, alphanumeric and lowercase with dashes only '
            'but got "My Shop".',
        ),
        (
            "wrangler.toml:26:1",
            '"compatibility_date" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            '"soon".',
        ),
        ("wrangler.toml:28:15", 'binding should have a string "name" field.'),
        ("wrangler.toml:28:13", 'binding should have a string "class_name" field.'),
        ("wrangler.toml:25:1", 'The field "env.staging.vars" should be an object but got "x".'),
    ]


def test_an_environment_that_is_no_table_is_told() -> None:
    text = 'env.staging = "x"\n' + HEAD
    assert problems(text) == [
        ("wrangler.toml:1:1", 'The field "env.staging" should be an object but got "x".')
    ]


def test_unknown_and_misplaced_fields_are_warned_of() -> None:
    text = HEAD + (
        f"[env.staging]\nvars = {{ A = 1, B = 2 }}\nmian = 1\n{ALL_BINDINGS}"
        "[env.staging.dev]\nport = 1\n"
    )
    config = parse(text)
    assert config.dev.port == 9000
    assert [(w.problem, w.hint) for w in config.warnings] == [
        (
            'Unexpected fields found in env.staging field: "dev"',
            '"dev" counts at the top level only.',
        ),
        (
            'Unexpected fields found in env.staging field: "mian"',
            'Did you mean "main" instead of "mian"?',
        ),
    ]


def test_a_script_name_that_is_the_top_level_s_worker_is_warned_of() -> None:
    binding = 'class_name = "Cart"\n'
    text = (
        HEAD
        + "[env.staging]\nvars = { A = 1, B = 2 }\n"
        + ALL_BINDINGS.replace(binding, f'{binding}script_name = "shop"\n')
    )
    (warning,) = parse(text).warnings
    assert warning.problem == (
        '"script_name" names "shop", but in this environment the Worker is "shop-staging": the '
        "objects are those of the other one."
    )
