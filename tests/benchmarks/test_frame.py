"""The benchmarks' frame: figures, tables, interleaving, the client's bytes, servers that fail."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import npm
from benchmarks.__main__ import parse
from benchmarks.contest import Sample, Settings, interleave, rows_of
from benchmarks.errors import Failed, Skipped
from benchmarks.figures import (
    Bar,
    Better,
    Figure,
    Row,
    Verdict,
    describe_bar,
    find_ratio,
    judge,
    medians,
    percentile,
)
from benchmarks.in_process import InProcess, Race, calibrate
from benchmarks.load.connection import Target
from benchmarks.load.modes import MODES
from benchmarks.load.wire import (
    LoadError,
    answer_size,
    client_frame,
    count_frames,
    take_frame,
)
from benchmarks.results import row_record, write
from benchmarks.servers import Launch, Server
from benchmarks.subjects import WEBSOCKET_SERVER, launch_workerd, running
from benchmarks.table import number, render
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = Figure(key="rate", unit="msg/s", better=Better.HIGHER)
TIME = Figure(key="ms", unit="ms", better=Better.LOWER)


def row(figure: Figure = RATE, **samples: list[float]) -> Row:
    return Row(name="ping", figure=figure, samples=samples)


def server_frame(payload: bytes, opcode: int = 0x81) -> bytes:
    unmasked = bytearray(client_frame(payload, opcode))
    unmasked[1] &= 0x7F
    mask = {126: 4, 127: 10}.get(unmasked[1], 2)
    del unmasked[mask : mask + 4]
    return bytes(unmasked)


# figures


def test_the_ratio_is_of_the_medians_and_its_range_of_the_rounds() -> None:
    ratio = find_ratio(row(durable=[10.0, 30.0, 20.0], workerd=[10.0, 10.0, 5.0]), "workerd")
    assert ratio is not None
    assert (ratio.of_medians, ratio.low, ratio.high) == (2.0, 1.0, 4.0)


def test_a_contestant_without_samples_has_no_median_and_no_ratio() -> None:
    one_sided = row(durable=[1.0], workerd=[])
    assert medians(one_sided) == {"durable": 1.0}
    assert find_ratio(one_sided, "workerd") is None
    assert find_ratio(one_sided, "aiohttp") is None


def test_a_ratio_to_zero_is_no_ratio() -> None:
    assert find_ratio(row(durable=[1.0], workerd=[0.0]), "workerd") is None


@pytest.mark.parametrize(
    ("figure", "limit", "verdict"),
    [
        (RATE, 2.0, Verdict.PASS),
        (RATE, 2.1, Verdict.FAIL),
        (TIME, 2.0, Verdict.PASS),
        (TIME, 1.9, Verdict.FAIL),
    ],
)
def test_a_bar_holds_in_the_direction_its_figure_improves(
    figure: Figure, limit: float, verdict: Verdict
) -> None:
    measured = row(figure, durable=[20.0], workerd=[10.0])
    assert judge(measured, Bar(limit=limit, against="workerd")) is verdict


def test_a_bar_without_opponent_is_absolute_and_says_its_unit() -> None:
    assert describe_bar(row(TIME, durable=[71.0]), Bar(limit=70)) == "<= 70 ms: FAIL"


def test_a_bar_whose_side_is_missing_is_neither_passed_nor_failed() -> None:
    assert judge(row(workerd=[1.0]), Bar(limit=1, against="workerd")) is Verdict.UNKNOWN
    assert judge(row(), Bar(limit=1)) is Verdict.UNKNOWN


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    assert percentile([1.0, 2.0], 0.99) == 2.0
    assert math.isnan(percentile([], 0.5))


# table and record


@pytest.mark.parametrize(
    ("value", "text"),
    [(21850.4, "21850"), (36.94, "36.9"), (1.053, "1.05"), (0.0384, "0.038"), (0.0, "0.000")],
)
def test_numbers_show_the_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_has_medians_ratios_ranges_and_bars() -> None:
    barred = Figure(
        key="rate", unit="msg/s", better=Better.HIGHER, bars=(Bar(limit=3, against="workerd"),)
    )
    text = render([row(barred, durable=[40.0, 20.0], workerd=[10.0, 10.0]), row(durable=[7.0])])
    assert text.splitlines() == [
        "      unit     durable  workerd         / workerd  bar",
        "ping  msg/s ^     30.0     10.0  3.00 (2.00-4.00)  >= 3x workerd: PASS",
        "ping  msg/s ^     7.00        -                 -",
    ]


def test_a_table_without_ours_shows_the_others_and_no_ratio() -> None:
    assert render([row(workerd=[1.0])]).splitlines() == [
        "      unit     workerd",
        "ping  msg/s ^     1.00",
    ]
    assert render([]) == "(nothing was measured)"


def test_the_record_is_json_with_every_sample(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "record.json"
    write(row_record(row(durable=[4.0, 6.0], workerd=[2.0, 2.0])), path)
    record = json.loads(path.read_text())
    assert record["samples"] == {"durable": [4.0, 6.0], "workerd": [2.0, 2.0]}
    assert record["ratios"] == {"workerd": {"medians": 2.5, "low": 2.0, "high": 3.0}}


# rounds


def test_contestants_take_turns_and_a_failed_one_sits_out() -> None:
    log: list[str] = []

    def contestant(name: str, fails_at: int) -> Callable[[], Sample]:
        def run() -> Sample:
            log.append(name)
            if log.count(name) == fails_at:
                raise Failed("broke")
            return {"n": float(log.count(name))}

        return run

    samples, errors = interleave({"a": contestant("a", 0), "b": contestant("b", 2)}, 3)
    assert log == ["a", "b", "a", "b", "a"]
    assert samples == {"a": [{"n": 1.0}, {"n": 2.0}, {"n": 3.0}], "b": [{"n": 1.0}]}
    assert [str(error) for error in errors.values()] == ["broke"]


def test_a_row_leaves_out_who_has_no_such_figure() -> None:
    taken = {"durable": [{"rate": 1.0}], "import": [{"ms": 2.0}], "workerd": []}
    rows = rows_of("start", [RATE, TIME], taken)
    assert [dict(each.samples) for each in rows] == [{"durable": [1.0]}, {"import": [2.0]}]


def test_a_race_is_calibrated_to_the_time_it_is_given() -> None:
    def operations(count: int) -> float:
        return count * 1e-3

    assert calibrate(operations, 1.0) == 1000
    race = Race(name="r", contestants={"ours": operations, "theirs": lambda n: n * 2e-3})
    outcome = InProcess(name="m", title="", races=(lambda: race,)).run(
        Settings(rounds=2, seconds=1.0)
    )
    ratio = find_ratio(outcome.rows[0], "theirs")
    assert ratio is not None
    assert ratio.of_medians == pytest.approx(0.5)


# command line


def test_the_command_line_names_workloads_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    options = parse(["frame", "--rounds", "3", "--seconds", "0.5", "--json", "out.json"])
    assert (options.names, options.rounds, options.seconds) == (["frame"], 3, 0.5)
    assert options.json == Path("out.json")
    for wrong in (["nonsense"], ["--rounds", "0"], ["--seconds", "-1"]):
        with pytest.raises(SystemExit):
            parse(wrong)
    assert "no workload named nonsense; there are start, " in capsys.readouterr().err


def test_workloads_have_names_of_their_own() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)


# the client's bytes


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_of_every_length_form_are_counted_and_taken(size: int) -> None:
    payload = b"x" * size
    frame = server_frame(payload)
    assert count_frames(frame * 3, b"") == (3, 3 * len(frame))
    assert take_frame(frame + b"rest") == (0x81, payload, b"rest")


@pytest.mark.parametrize("size", [5, 300])
def test_a_frame_cut_anywhere_waits_for_its_rest(size: int) -> None:
    frame = server_frame(b"x" * size)
    for cut in range(len(frame)):
        assert count_frames(frame[:cut], b"x") == (0, 0)
        assert count_frames(frame + frame[:cut], b"x") == (1, len(frame))
        assert take_frame(frame[:cut]) is None


def test_an_unexpected_frame_spoils_the_load() -> None:
    pong = server_frame(b'{"type":"pong"}')
    with pytest.raises(LoadError, match="expected"):
        count_frames(server_frame(b'{"type":"error"}'), b'{"type":"pong"')
    with pytest.raises(LoadError, match="unexpected frame"):
        count_frames(pong + server_frame(b"\x03\xe8", 0x88), b'{"type":"pong"')


def test_http_answers_are_measured_by_length_or_last_chunk() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    for answer in (plain, chunked):
        assert answer_size(answer + b"next") == len(answer)
        assert all(answer_size(answer[:cut]) is None for cut in range(len(answer)))


def test_an_http_error_or_an_endless_answer_spoils_the_load() -> None:
    for answer in (b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
        with pytest.raises(LoadError):
            answer_size(answer)


# servers


def python(folder: Path, code: str, ready_timeout_s: float = 10.0) -> Server:
    launch = Launch(
        command=[sys.executable, "-c", code],
        cwd=folder,
        ready=re.compile(rb"port (\d+)"),
        ready_timeout_s=ready_timeout_s,
    )
    return Server("fake", launch, folder)


def test_a_server_that_ends_is_reported_with_its_status_and_last_words(tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        python(tmp_path, "raise SystemExit('no such class')")
    assert "did not start (the process ended with status 1)" in str(caught.value)
    assert "no such class" in str(caught.value)


def test_a_server_that_never_says_it_is_ready_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="did not say it was ready"):
        python(tmp_path, "import signal; signal.pause()", 0.2)


def test_a_server_that_refuses_connections_fails_and_is_stopped(tmp_path: Path) -> None:
    code = "print('port 1', flush=True); import signal; signal.pause()"
    with python(tmp_path, code) as server:
        assert server.resident_mib() > 1
        with pytest.raises(Failed, match="GET /"):
            server.get("/")
    server.stop()


def test_every_mode_of_load_runs_against_the_bare_server() -> None:
    with running("aiohttp", WEBSOCKET_SERVER) as server:
        room = Target(server.port, "/ws?id=room")
        ping = MODES["ping"](room, 0.05, connections=3)
        assert ping["rate"] > 0
        assert 0 < ping["p50"] <= ping["p99"]
        assert set(MODES["ping"](room, 0.05, connections=2, window=4)) == {"rate"}
        assert MODES["broadcast"](room, 0.05, receivers=3)["rate"] > 0
        stats = Target(server.port, "/websocket/stats")
        assert MODES["http"](stats, 0.05, connections=2)["rate"] > 0
        with pytest.raises(LoadError, match="404"):
            MODES["http"](Target(server.port, "/nowhere"), 0.05)
        server.wait_quiet()


def test_workerd_is_skipped_where_npm_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Skipped, match="npm was not found"):
        npm.workerd(tmp_path)


def test_another_version_of_workerd_is_not_taken(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "workerd" / "package.json"
    binary = tmp_path / "node_modules" / "@cloudflare" / "workerd-linux-64" / "bin" / "workerd"
    for file in (package, binary):
        file.parent.mkdir(parents=True)
        file.touch()
    package.write_text('{"version": "1.0.0"}')
    assert npm.find_workerd(tmp_path) is None
    package.write_text(json.dumps({"version": npm.WORKERD_VERSION}))
    assert npm.find_workerd(tmp_path) == binary


def test_the_config_for_workerd_has_every_class_and_binding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.subjects.workerd", lambda: Path("workerd"))
    launch = launch_workerd(WEBSOCKET_SERVER, tmp_path)
    config = (tmp_path / "config.capnp").read_text()
    assert "$" not in config.partition("const main")[2]
    assert 'className = "WebSocketServer"' in config
    assert f"--directory-path=state={tmp_path / 'state'}" in launch.command
