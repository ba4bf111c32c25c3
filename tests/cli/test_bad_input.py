"""Bad input, each kind with an answer that says what is wrong; the server stays up, or never starts.

With a real `durable dev` as a child process: what it prints is what a person sees.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from tests.dev_server import DevServer, dev_server
from tests.wire import HttpAnswer, connect, request
from tests.worlds import write_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO: Final = """
class Hello(DurableObject):
    async def fetch(self, request):
        return Response("hello")
"""
MILLION: Final = "a" * 1_000_000
TIMEOUT_S: Final = 10.0
TOO_LARGE: Final = (
    "The head of the request is too large: neither its first line, with the URL, nor a header may "
    "be longer than 65536 bytes.\n"
)


# --- it never starts -------------------------------------------------------------------------


def refused(config: Path, *options: str) -> str:
    """`durable dev` ends at once, with exit code 1 and no frame of its own; what it says."""
    command = [sys.executable, "-m", "emulator", "dev", "-c", config.name, "--port", "0"]
    result = subprocess.run(
        [*command, "--in-memory", *options],
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Ready" not in result.stdout
    assert "emulator/" not in result.stderr
    assert result.stderr.startswith("error: ")
    return result.stderr.removeprefix("error: ")


def test_no_configuration_file(tmp_path: Path) -> None:
    told = refused(tmp_path / "nowhere.toml")
    assert "nowhere.toml" in told
    assert "There is no such file." in told


def test_a_configuration_that_cannot_be_parsed(tmp_path: Path) -> None:
    file = tmp_path / "wrangler.toml"
    file.write_text('name = "w"\nmain = worker.py\n')
    told = refused(file)
    assert "wrangler.toml:2:8: Invalid TOML document" in told
    assert "     2 | main = worker.py\n" in told


def test_a_value_of_the_wrong_type(tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO, dev={"port": "eighty"})
    assert 'Expected "dev.port" to be of type number but got "eighty".' in refused(file)


def test_a_missing_main(tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO, main="wrong.py")
    assert 'The entry-point file at "wrong.py" was not found.' in refused(file)


def test_a_syntax_error_in_the_worker(tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO)
    worker = tmp_path / "worker.py"
    lines = worker.read_text().splitlines()
    worker.write_text("\n".join([*lines, "def broken(:", ""]))
    told = refused(file)
    place = f"{worker}:{len(lines) + 1}"
    assert f"worker.py could not be loaded: {place}: SyntaxError: invalid syntax" in told
    assert "    def broken(:\n               ^\n" in told


def test_an_import_that_fails_in_the_worker(tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO + "import no_such_package\n")
    told = refused(file)
    assert "ModuleNotFoundError: No module named 'no_such_package'" in told
    assert f"{tmp_path / 'worker.py'}:" in told


def test_a_class_that_the_worker_does_not_export(tmp_path: Path) -> None:
    file = write_worker(
        tmp_path,
        HELLO,
        durable_objects={"bindings": [{"name": "ROOM", "class_name": "Room"}]},
        migrations=[{"tag": "v1", "new_sqlite_classes": ["Room"]}],
    )
    told = refused(file)
    assert "not exported in your entrypoint file: Room." in told
    assert "You should export these objects from your entrypoint, worker.py." in told


@pytest.mark.asyncio
async def test_a_port_that_is_taken(server: DevServer, tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO)
    port = str(server.port)
    told = await asyncio.to_thread(refused, file, "--ip", "127.0.0.1", "--port", port)
    assert told == (
        f"Address already in use (127.0.0.1:{port}). Please check that you are not already running "
        "a server on this address or specify a different port with --port.\n"
    )
    await still_answers(server)


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO)
    (tmp_path / "state").write_text("in the way")
    command = [sys.executable, "-m", "emulator", "dev", "--persist-to", "state"]
    result = subprocess.run(
        command, cwd=file.parent, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "state" in result.stderr


@pytest.mark.asyncio
async def test_a_misspelt_key_is_warned_of_and_the_worker_served(tmp_path: Path) -> None:
    file = write_worker(tmp_path, HELLO, compatibility_flag=["python_workers"])
    with dev_server(config=str(file)) as server:
        log = "".join(server.log)
        assert 'Unexpected fields found in top-level field: "compatibility_flag"' in log
        assert 'Did you mean "compatibility_flags" instead of "compatibility_flag"?' in log
        assert (await ask(server, "/hello/a/x")).text == "hello"


# --- the server stays up ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with dev_server() as running:
        yield running
        assert running.process.poll() is None, "the server went down"
        assert "Traceback" not in "".join(running.log)


async def ask(server: DevServer, path: str, method: str = "GET") -> HttpAnswer:
    return await request(server.host, server.port, method, path)


async def still_answers(server: DevServer) -> None:
    answer = await ask(server, "/websocket/stats?id=well")
    assert (answer.status, answer.text) == (200, '{"totalConnections":0,"connections":[]}')


async def send_raw(server: DevServer, data: bytes) -> tuple[int, str]:
    """Send bytes; the status and body of the answer, after which the server has to hang up."""
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        with closing(writer):
            writer.write(data)
            answer = await reader.read()
        await writer.wait_closed()
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split(" ")[1]), body


@pytest.mark.asyncio
async def test_an_id_of_a_million_bytes(server: DevServer) -> None:
    for path in (f"/websocket/stats?id={MILLION}", f"/ws?id={MILLION}"):
        answer = await ask(server, path)
        assert (answer.status, answer.text) == (431, TOO_LARGE)
        await still_answers(server)
    refusal = await connect(server.host, server.port, f"/ws?id={MILLION}")
    assert (refusal.answer.status, refusal.answer.text) == (431, TOO_LARGE)
    await still_answers(server)


@pytest.mark.asyncio
async def test_an_id_of_sixty_thousand_bytes_is_one_like_any_other(server: DevServer) -> None:
    path = "/ws?id=" + "b" * 60_000
    async with await connect(server.host, server.port, path) as client:
        assert client.answer.status == 101
        welcome = await client.next_frame()
        assert welcome is not None
        assert '"totalConnections":1' in welcome.text


@pytest.mark.asyncio
async def test_a_plain_request_on_ws(server: DevServer) -> None:
    for method in ("GET", "POST", "HEAD"):
        assert (await ask(server, "/ws", method)).status == 426
    assert (await ask(server, "/ws")).text == "Expected Upgrade: websocket"
    await still_answers(server)


@pytest.mark.asyncio
async def test_a_path_that_is_no_route(server: DevServer) -> None:
    for path in ("/nowhere", "/", "/ws/", "/../ws/x", "/%00", "//ws"):
        answer = await ask(server, path)
        assert (answer.status, answer.text) == (404, "Not Found")
    refusal = await connect(server.host, server.port, "/nowhere")
    assert (refusal.answer.status, refusal.answer.text) == (404, "Not Found")
    await still_answers(server)


HOST: Final = b"Host: localhost\r\n"
NO_HTTP: Final = "This port speaks HTTP/1.1 (http:// and ws://), and this is no request of it. "
BAD: Final = {
    "TLS": (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        400,
        NO_HTTP + "(Received HTTPS traffic on an HTTP port.)\n",
    ),
    "every byte there is": (
        bytes(range(256)) * 4,
        400,
        NO_HTTP + "(Invalid method encountered.)\n",
    ),
    "HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        400,
        NO_HTTP + "(Pause on PRI/Upgrade.)\n",
    ),
    "a header of a million bytes": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X-Long: " + MILLION.encode() + b"\r\n\r\n",
        431,
        TOO_LARGE,
    ),
    "twenty thousand headers": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 20_000 + b"\r\n",
        431,
        "Too many headers received.\n",
    ),
    "no Host": (
        b"GET /websocket/stats HTTP/1.1\r\n\r\n",
        400,
        "Bad Request: Missing 'Host' header in request.\n",
    ),
    "a Host that is none": (
        b"GET /ws HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
        400,
        "Bad Request: the path and the Host header make no URL.\n",
    ),
    "a length below nothing": (
        b"POST /ws HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
        400,
        "Bad Request: Invalid character in Content-Length.\n",
    ),
    "two lengths": (
        b"POST /ws HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        400,
        "Bad Request: Duplicate Content-Length.\n",
    ),
    "a chunk without a size": (
        b"POST /ws HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        400,
        "Bad Request: Invalid character in chunk size.\n",
    ),
    "bytes that no URL has": (
        b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
        400,
        "Bad Request: Invalid char in url path.\n",
    ),
    "a body that nobody announced": (
        b"POST /nowhere HTTP/1.1\r\n" + HOST + b"\r\nbody without a length",
        400,
        NO_HTTP + "(Invalid method encountered.)\n",
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_request_is_told_why(name: str, server: DevServer) -> None:
    data, status, text = BAD[name]
    assert await send_raw(server, data) == (status, text)
    await still_answers(server)


@pytest.mark.asyncio
async def test_a_body_of_unknown_length(server: DevServer) -> None:
    chunks = b"5\r\nhello\r\n" * 1000 + b"0\r\n\r\n"
    head = b"POST /websocket/stats HTTP/1.1\r\nConnection: close\r\n" + HOST
    status, body = await send_raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert (status, body) == (405, "Method Not Allowed")
    await still_answers(server)


@pytest.mark.asyncio
async def test_a_client_that_goes_before_its_body_is_sent(server: DevServer) -> None:
    _, writer = await asyncio.open_connection(server.host, server.port)
    head = b"POST /websocket/stats HTTP/1.1\r\n" + HOST + b"Content-Length: 500\r\n\r\n"
    writer.write(head + b"hello")
    await writer.drain()
    await still_answers(server)
    writer.close()
    await writer.wait_closed()
    await still_answers(server)


@pytest.mark.asyncio
async def test_the_whole_url_as_for_a_proxy(server: DevServer) -> None:
    path = "http://example.com/websocket/stats?id=well"
    answer = await ask(server, path)
    assert (answer.status, answer.text) == (200, '{"totalConnections":0,"connections":[]}')


@pytest.mark.asyncio
async def test_the_developer_gets_one_line_for_each(server: DevServer) -> None:
    await send_raw(server, BAD["TLS"][0])
    await still_answers(server)
    assert "(no request) from 127.0.0.1 400  0 ms\n" in server.log
