"""`durable dev` up to the assembly: options, the configuration's mistakes, the order of events."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import pytest
from click.testing import CliRunner, Result

import emulator
from emulator.cli.main import durable
from emulator.errors import PortInUseError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

TEXT = """\
name = "w"
main = "worker.py"
compatibility_date = "2026-11-01"
compatibility_flags = ["python_workers"]
[vars]
GREETING = "hi"
"""


@dataclass
class FakeAssembly:
    """The assembly's contract; it stops itself as soon as it is ready."""

    log: list[str] = field(default_factory=list)
    port_taken: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    modules: list[Any] = field(default_factory=list)

    def module(self) -> ModuleType:
        module = ModuleType("emulator.assembly")
        module.__dict__.update(Emulator=self, serve=self.serve, run=self.run)
        return module

    def from_config(self, config: Any, *others: Any, **options: Any) -> Self:
        self.options = options
        state = {name: options[name] for name in ("persist_to", "in_memory")}
        self.configs = (config, *others)
        self.log.append(f"build {config.name} {state}")
        return self

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        import asyncio

        asyncio.run(main)

    async def serve(self, _emulator: Self, *, host: str, port: int, **options: Any) -> Any:
        assert options["error_page"] is not None
        if self.port_taken:
            raise PortInUseError(host, port)
        self.log.append(f"serve {host}:{port}")
        return FakeServer(self, [f"http://{host}:{port}"])

    async def __aenter__(self) -> Self:
        self.log.append("start")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.log.append("stop")


@dataclass
class FakeServer:
    assembly: FakeAssembly
    listening: list[str]

    @property
    def urls(self) -> list[str]:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C, the moment it is ready
        return self.listening

    async def close(self) -> None:
        self.assembly.log.append("close")


@pytest.fixture
def assembly(monkeypatch: pytest.MonkeyPatch) -> FakeAssembly:
    fake = FakeAssembly()
    module = fake.module()
    monkeypatch.setitem(sys.modules, "emulator.assembly", module)
    monkeypatch.setattr(emulator, "assembly", module, raising=False)
    # Imported anew, so that it finds the fake.
    monkeypatch.delitem(sys.modules, "emulator.cli.serving", raising=False)
    return fake


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "worker.py").write_text("")
    (tmp_path / "wrangler.toml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dev(*arguments: str) -> Result:
    return CliRunner().invoke(durable, ["dev", *arguments], catch_exceptions=False)


def test_it_serves_until_ctrl_c_and_stops_in_order(project: Path, assembly: FakeAssembly) -> None:
    result = dev()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Your Worker has access to the following bindings:",
        "Binding                  Resource                  Mode",
        'env.GREETING ("hi")      Environment Variable      local',
        "",
        "Ready on http://localhost:8787",
        "Shutting down; Ctrl-C again ends at once.",
    ]
    assert assembly.log == [
        "build w {'persist_to': None, 'in_memory': False}",
        "start",
        "serve localhost:8787",
        "close",
        "stop",
    ]


def test_options_win_over_the_file(project: Path, assembly: FakeAssembly) -> None:
    other = project / "other.toml"
    other.write_text(TEXT + '[dev]\nip = "0.0.0.0"\nport = 9000\n')
    dev("-c", "other.toml")
    dev("-c", "other.toml", "--ip", "127.0.0.1", "--port", "0")
    assert [line for line in assembly.log if line.startswith("serve")] == [
        "serve 0.0.0.0:9000",
        "serve 127.0.0.1:0",
    ]


def test_where_the_state_is_kept_is_passed_on(project: Path, assembly: FakeAssembly) -> None:
    dev("--persist-to", "kept")
    dev("--in-memory")
    assert [line for line in assembly.log if line.startswith("build")] == [
        "build w {'persist_to': PosixPath('kept'), 'in_memory': False}",
        "build w {'persist_to': None, 'in_memory': True}",
    ]


def test_both_places_for_the_state_are_refused(project: Path) -> None:
    result = dev("--in-memory", "--persist-to", "kept")
    assert result.exit_code == 2
    assert "--in-memory and --persist-to exclude each other." in result.stderr


def test_a_taken_port_is_told_and_what_was_started_is_stopped(
    project: Path, assembly: FakeAssembly
) -> None:
    assembly.port_taken = True
    result = dev()
    assert result.exit_code == 1
    assert result.stderr == (
        "error: Address already in use (localhost:8787). Please check that you are not already "
        "running a server on this address or specify a different port with --port.\n"
    )
    assert "Ready" not in result.stdout
    assert assembly.log[-2:] == ["start", "stop"]


def test_a_mistake_in_the_file_is_told_with_its_place(project: Path) -> None:
    (project / "wrangler.toml").write_text(TEXT + '[dev]\nport = "1"\n')
    result = dev()
    assert (result.exit_code, result.stdout) == (1, "")
    file = project / "wrangler.toml"
    assert result.stderr == (
        f"error: Processing {file} configuration:\n"
        f'    - {file}:8:1: Expected "dev.port" to be of type number but got "1".\n'
    )


def test_a_typo_in_the_file_is_warned_of_and_it_serves(
    project: Path, assembly: FakeAssembly
) -> None:
    (project / "wrangler.toml").write_text("durable_object = 1\n" + TEXT)
    result = dev("-c", "wrangler.toml")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: Processing wrangler.toml configuration:\n"
        '    - wrangler.toml:1:1: Unexpected fields found in top-level field: "durable_object"\n'
        '      Did you mean "durable_objects" instead of "durable_object"?\n'
    )
    assert "Ready on" in result.stdout


def test_a_missing_main_is_told(project: Path) -> None:
    (project / "worker.py").unlink()
    result = dev("-c", "wrangler.toml")
    assert result.exit_code == 1
    assert 'wrangler.toml:2:1: The entry-point file at "worker.py" was not found.' in result.stderr
