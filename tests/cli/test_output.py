from __future__ import annotations

import io

import pytest

from emulator.cli.output import binding_table, print_event, request_line
from emulator.core.config import Binding, Config
from emulator.core.events import ConsoleMessage, Event, RequestServed, WorkerError


def served(**fields: object) -> RequestServed:
    values: dict[str, object] = {
        "time_ms": 0,
        "method": "GET",
        "path": "/ws?id=a",
        "status": 101,
        "reason": "Switching Protocols",
        "duration_ms": 7.6,
    }
    return RequestServed(**{**values, **fields})  # type: ignore[arg-type]


def test_the_table_is_wrangler_s() -> None:
    """spec: peers §6; widths compared with what wrangler 4.86 prints."""
    config = Config(
        main="w.py",
        bindings=(
            Binding(name="COUNTER", class_name="Counter"),
            Binding(name="X", class_name="Ext", script_name="other"),
        ),
        vars={
            "GREETING": "hi",
            "NUM": 3,
            "LONG": 'a " long string that goes on and on until the end of time',
            "TREE": {"a": [1, 2], "b": {"c": "é"}},
            "YES": True,
        },
    )
    assert binding_table(config).splitlines() == [
        "Your Worker has access to the following bindings:",
        "Binding                                                        Resource                  Mode",
        "env.COUNTER (Counter)                                          Durable Object            local",
        "env.X (Ext, defined in other)                                  Durable Object            "
        "local [not connected]",
        'env.GREETING ("hi")                                            Environment Variable      local',
        "env.NUM (3)                                                    Environment Variable      local",
        'env.LONG ("a " long string that goes on and on u...")          Environment Variable      local',
        'env.TREE ({"a":[1,2],"b":{"c":"é"}})                           Environment Variable      local',
        "env.YES (true)                                                 Environment Variable      local",
    ]


def test_no_bindings_is_said() -> None:
    assert binding_table(Config(main="w.py")) == "No bindings found."


def test_a_request_is_one_line() -> None:
    assert request_line(served()) == "GET /ws?id=a 101 Switching Protocols (8ms)"
    assert request_line(served(status=299, reason="")) == "GET /ws?id=a 299 (8ms)"


def test_a_path_of_a_million_bytes_is_cut() -> None:
    line = request_line(served(path="/" + "x" * 1_000_000))
    assert line == f"GET /{'x' * 199}... 101 Switching Protocols (8ms)"


@pytest.mark.parametrize(
    ("event", "out", "err"),
    [
        (served(), "GET /ws?id=a 101 Switching Protocols (8ms)\n", ""),
        (ConsoleMessage(time_ms=0, level="log", text="a"), "a\n", ""),
        (ConsoleMessage(time_ms=0, level="info", text="a"), "a\n", ""),
        (ConsoleMessage(time_ms=0, level="debug", text="a"), "a\n", ""),
        (ConsoleMessage(time_ms=0, level="warn", text="a"), "", "a\n"),
        (ConsoleMessage(time_ms=0, level="error", text="a"), "", "a\n"),
        (WorkerError(time_ms=0, object="A(name)", text="boom"), "", "error in A(name): boom\n"),
        (WorkerError(time_ms=0, object=None, text="boom"), "", "error: boom\n"),
        (Event(time_ms=0), "", ""),
    ],
)
def test_every_record_goes_to_its_stream(
    event: Event, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_event(event)
    assert capsys.readouterr() == (out, err)


def test_a_reader_that_is_gone_does_not_stop_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    print_event(served())
