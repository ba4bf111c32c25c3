"""Who gets something from the control API, over real sockets."""

from __future__ import annotations

import pytest

from emulator.server.control_access import is_loopback, refusal
from tests.server.control_lab import API, open_control_lab

STATUS = f"GET {API}/local/status HTTP/1.1\nHost: %s\nConnection: close\n%s\n"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"]
)
def test_these_names_are_this_machine(host):
    assert is_loopback(host)
    assert refusal({"Host": f"{host}:8787" if host != "::1" else "[::1]:1"}, is_open=False) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "192.168.0.7",
        "localhost:80:90",
        "[::2]",
        "evil.example#localhost",
        "user@localhost",
        "2130706433",
    ],
)
def test_a_rebound_name_is_refused(host):
    assert refusal({"Host": host}, is_open=False) is not None
    assert refusal({"Host": f"{host}:8787"}, is_open=False) is not None


def test_an_open_server_takes_addresses_but_no_names():
    assert refusal({"Host": "192.168.0.7:8787"}, is_open=True) is None
    assert refusal({"Host": "[fe80::1]:8787"}, is_open=True) is None
    assert refusal({"Host": "evil.example:8787"}, is_open=True) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://localhost"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_is_refused(headers):
    assert refusal({"Host": "localhost:8787", **headers}, is_open=False) is not None


def test_the_servers_own_page_is_not():
    own = {"Origin": "http://localhost:8787", "Sec-Fetch-Site": "same-origin"}
    assert refusal({"Host": "localhost:8787", **own}, is_open=False) is None


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("evil.example", ""),
        ("localhost", "Origin: http://evil.example\n"),
        ("localhost", "Sec-Fetch-Site: cross-site\n"),
        ("192.168.0.7", ""),
    ],
)
async def test_over_the_wire_it_is_a_403_and_tells_nothing(control, host, headers):
    answer = await control.raw(STATUS % (host, headers))
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"state_folder" not in answer
    assert b"access-control" not in answer.lower()


async def test_over_the_wire_this_machine_is_answered(control):
    answer = await control.raw(STATUS % ("localhost", ""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"no-store" in answer
    assert b"nosniff" in answer


@pytest.mark.parametrize(
    "target",
    [
        "/cdn-cgi/local/explorer/../../../etc/passwd",
        "/cdn-cgi/local/explorer/..%2f..%2fapp.py",
        "/cdn-cgi/local/explorer/%2e%2e/app.py",
        "/cdn-cgi/local/explorer//etc/passwd",
        "/cdn-cgi/local/explorer/index.html/../../app.py",
        "/cdn-cgi/local/other",
        "/cdn-cgi/local/explorerx/index.html",
        f"{API}/../../app.py",
        f"{API}/local/objects/..%2f..%2fetc/{'0' * 64}/kv",
        f"{API}/local/objects/test-worker-Box/..%2f..%2fwrangler.json",
        f"{API}/local/objects/%2e%2e/{'0' * 64}",
        f"{API}/local/objects/test-worker-Box/{'0' * 64}/../../x",
    ],
)
async def test_a_path_outside_gets_nothing(control, target):
    answer = await control.raw(f"GET {target} HTTP/1.1\nHost: localhost\nConnection: close\n\n")
    assert answer.split(b" ")[1] in (b"404", b"400")
    assert b"root:" not in answer
    assert b"durable_objects" not in answer


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PATCH", "HEAD"])
async def test_other_methods_get_405_without_cors(control, method):
    head = f"{method} {API}/local/status HTTP/1.1\nHost: localhost\nOrigin: http://localhost\n"
    answer = await control.raw(f"{head}Connection: close\n\n")
    assert answer.startswith(b"HTTP/1.1 405")
    assert b"access-control" not in answer.lower()


async def test_a_form_can_send_nothing(control):
    await control.stub().put("k", 1)
    url = f"{control.url}{API}{control.path()}/abort"
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": content_type}
        async with control.client.post(url, data=b"{}", headers=headers) as answer:
            assert answer.status == 415
    assert control.container().instance is not None


@pytest.mark.parametrize(("explorer", "status"), [(None, 404), (False, 404), (True, 200)])
async def test_on_an_address_for_others_it_exists_only_if_asked_for(tmp_path, explorer, status):
    async with open_control_lab(tmp_path, host="0.0.0.0", explorer=explorer) as lab:
        async with lab.client.get(f"{lab.url}{API}/local/status") as answer:
            assert answer.status == status
