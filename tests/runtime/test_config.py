from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.errors import ConfigError
from emulator.runtime.config import (
    catalog_file,
    find_config,
    load_config,
    main_path,
    state_folder,
)

TEXT = """\
name = "w"
main = "worker.py"
compatibility_date = "2026-11-01"
compatibility_flags = ["python_workers"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text("")
    (tmp_path / "wrangler.toml").write_text(TEXT)
    return tmp_path


def refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value


def test_a_file_is_read_and_its_folders_are_known(project: Path) -> None:
    config = load_config(project / "wrangler.toml")
    assert config.name == "w"
    assert main_path(config) == project / "worker.py"
    assert state_folder(config) == project / ".wrangler" / "state" / "v3" / "do"
    assert state_folder(config, project / "kept") == project / "kept" / "v3" / "do"
    beside = project / ".wrangler" / "state" / "durable" / "catalog.sqlite"
    assert catalog_file(config) == beside
    assert catalog_file(config, project / "kept") == project / "kept" / "durable" / "catalog.sqlite"


def test_the_repository_s_own_file_has_no_warnings() -> None:
    config = load_config(Path(__file__).parents[2] / "wrangler_like.toml")
    assert (config.name, config.classes, config.warnings) == (
        "durable-objects",
        {"WebSocketServer": "sqlite"},
        (),
    )


def test_files_are_looked_for_upwards(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = project / "src" / "deep"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_config(inner) == project / "wrangler.toml"
    config = load_config()
    assert (config.path, config.warnings) == (str(project / "wrangler.toml"), ())


def test_as_with_wrangler_a_json_file_further_up_wins_and_that_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = project / "src"
    inner.mkdir()
    (inner / "worker.py").write_text("")
    monkeypatch.chdir(inner)
    (inner / "wrangler_like.toml").write_text(TEXT)
    (inner / "wrangler.toml").write_text(TEXT)
    assert find_config(inner) == inner / "wrangler.toml"
    document = {"main": "worker.py", "compatibility_flags": ["python_workers"]}
    (project / "wrangler.json").write_text(
        json.dumps({**document, "compatibility_date": "2026-11-01"})
    )
    assert find_config(inner) == project / "wrangler.json"
    (warning,) = load_config().warnings
    assert f"instead of the nearer {inner / 'wrangler.toml'}" in warning.problem
    assert load_config(inner / "wrangler.toml").warnings == ()


def test_the_environment_is_an_argument_or_a_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "wrangler.toml").write_text(
        TEXT + 'vars.A = "top"\n[env.staging]\nvars.A = "staged"\n[env.broken]\nmain = "no.py"\n'
        'vars.A = "x"\n'
    )
    file = project / "wrangler.toml"
    assert load_config(file).vars == {"A": "top"}
    staging = load_config(file, environment="staging")
    assert (staging.name, staging.vars, staging.environment) == (
        "w-staging",
        {"A": "staged"},
        "staging",
    )
    monkeypatch.setenv("CLOUDFLARE_ENV", "staging")
    assert load_config(file) == staging
    assert load_config(file, environment="").name == "w"
    with pytest.raises(ConfigError) as caught:
        load_config(file, environment="broken")
    assert caught.value.line == 9


def test_secrets_and_variables_follow_the_environment(project: Path) -> None:
    file = project / "wrangler.toml"
    file.write_text(TEXT + 'vars.A = "top"\n[env.staging]\nvars.A = "s"\n')
    (project / ".dev.vars").write_text("SECRET=plain\n")
    (project / ".dev.vars.staging").write_text("SECRET=staged\n")
    (project / "other.env").write_text("SECRET=file\nA=file\n")
    assert load_config(file).secrets == {"SECRET": "plain"}
    assert load_config(file, environment="staging").secrets == {"SECRET": "staged"}
    config = load_config(file, env_files=[project / "other.env"], variables={"A": "line"})
    assert (config.secrets, config.vars) == ({"SECRET": "file"}, {"A": "line"})


def test_no_file_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.runtime.config.find_config", lambda _start: None)
    with pytest.raises(ConfigError, match="No configuration file was found"):
        load_config()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    error = refused(tmp_path / "nope.toml")
    assert error.problem == "There is no such file."
    assert error.path == str(tmp_path / "nope.toml")


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path).problem == "This is a folder, not a configuration file."


def test_a_file_that_is_not_utf_8_is_told_with_its_line(project: Path) -> None:
    (project / "wrangler.toml").write_bytes(TEXT.encode() + b'vars.x = "\xff"\n')
    error = refused(project / "wrangler.toml")
    assert (error.problem, error.line) == ("The file is not UTF-8.", 5)


def test_a_byte_order_mark_is_no_part_of_the_text(project: Path) -> None:
    (project / "wrangler.toml").write_text(TEXT, encoding="utf-8-sig")
    assert load_config(project / "wrangler.toml").name == "w"


def test_a_missing_main_is_told_at_its_line(project: Path) -> None:
    (project / "worker.py").unlink()
    error = refused(project / "wrangler.toml")
    assert error.problem == 'The entry-point file at "worker.py" was not found.'
    assert (error.key, error.line, error.column) == ("main", 2, 1)
    assert error.hint == f"It was looked for at {project / 'worker.py'}."


def test_a_toml_syntax_error_shows_the_line_and_a_caret(project: Path) -> None:
    (project / "wrangler.toml").write_text(TEXT + "[[durable_objects.bindings\n")
    error = refused(project / "wrangler.toml")
    assert error.problem == "Invalid TOML document: incomplete key-value: cannot find end of key"
    assert (error.line, error.column) == (5, 27)
    assert error.hint == (f"     5 | [[durable_objects.bindings\n       | {' ' * 26}^")


def test_a_toml_file_cut_off_is_told(project: Path) -> None:
    (project / "wrangler.toml").write_text('name = "w"\nmain =')
    error = refused(project / "wrangler.toml")
    assert (error.line, error.column) == (2, 7)
    assert error.problem == (
        "Invalid TOML document: incomplete key-value declaration: no value specified"
    )


def test_json_with_comments_is_read(project: Path) -> None:
    file = project / "wrangler.jsonc"
    file.write_text(
        '{ // the worker\n  "name": "j",\n  "main": "worker.py",\n'
        '  "compatibility_date": "2026-11-01",\n  "compatibility_flags": ["python_workers"],\n}\n'
    )
    assert load_config(file).name == "j"
    assert find_config(project) == file


def test_a_json_syntax_error_has_its_line(project: Path) -> None:
    file = project / "wrangler.json"
    file.write_text('{\n  "name": ???\n}\n')
    error = refused(file)
    assert error.problem == 'Invalid JSON document: Unexpected "?"'
    assert (error.line, error.column) == (2, 11)
    file.write_text("")
    assert refused(file).line == 1


def test_json_that_is_no_object_is_told(project: Path) -> None:
    file = project / "wrangler.json"
    file.write_text("[]")
    assert refused(file).problem == "The configuration must be a JSON object."


def test_another_format_is_told(project: Path) -> None:
    file = project / "wrangler.yaml"
    file.write_text("name: w\n")
    assert refused(file).problem == "The configuration format .yaml is not known."
