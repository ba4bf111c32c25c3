"""WebSockets at the server's edge, byte by byte, on both paths: spec websockets §1.4-§1.7, §10."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.sockets import DISCONNECTED, MESSAGE_BYTES_MAX
from tests.server.lab import ECHO, REPLY, open_lab, until
from tests.wire import Frame, Opcode, WireSocket, pack_close, pack_frame, request

if TYPE_CHECKING:
    from tests.server.lab import Lab

pytestmark = pytest.mark.asyncio

DEFLATE = (("Sec-WebSocket-Extensions", "permessage-deflate"),)


async def echoed(client: WireSocket, text: str = "hello") -> None:
    client.send_text(text)
    assert await client.next_frame() == Frame(Opcode.TEXT, text.encode())


async def closed_with(client: WireSocket) -> tuple[int | None, str]:
    """The Close that comes next, and nothing after it."""
    frame = await client.next_frame()
    assert frame is not None
    assert frame.opcode == Opcode.CLOSE
    assert await client.next_frame() is None
    return frame.close_code, frame.close_reason


def packed(text: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(
        b"\0\0\xff\xff"
    )


# --- §1.4, §1.5: the handshake -----------------------------------------------------------------


async def test_the_101_has_the_codes_own_headers_and_the_runtimes(lab: Lab) -> None:
    await lab.hook(
        fetch="""
client, server = pair()
ctx.acceptWebSocket(server)
headers = {"X-Own": "1", "Connection": "close", "Sec-WebSocket-Accept": "bad",
           "Sec-WebSocket-Protocol": "v2", "Content-Length": "5"}
response = Response(None, status=101, web_socket=client, headers=headers)
response.js_object.headers.append("Set-Cookie", "a=1")
response.js_object.headers.append("Set-Cookie", "b=2")
return response
"""
    )
    async with await lab.connect(headers=(("Sec-WebSocket-Protocol", "v1, v2"),)) as client:
        answer = client.answer
        assert answer.status == 101
        assert answer.header("x-own") == "1"
        assert answer.header("connection") == "Upgrade"
        assert answer.header("sec-websocket-accept") not in (None, "bad")
        assert answer.header("sec-websocket-protocol") == "v2"
        assert [v for k, v in answer.headers if k.lower() == "set-cookie"] == ["a=1", "b=2"]
        for absent in ("date", "server", "content-length", "transfer-encoding"):
            assert answer.header(absent) is None


async def test_a_subprotocol_is_never_chosen_automatically(lab: Lab) -> None:
    async with await lab.connect(headers=(("Sec-WebSocket-Protocol", "v1"),)) as client:
        assert client.answer.header("sec-websocket-protocol") is None


async def test_a_malformed_key_is_accepted(lab: Lab) -> None:
    await lab.hook(message=ECHO)
    async with await lab.connect(key="abc") as client:
        assert client.answer.status == 101
        await echoed(client)


@pytest.mark.parametrize("connection", [None, "keep-alive, Upgrade"])
async def test_the_connection_header_may_be_missing_or_a_list(
    fast_lab: Lab, connection: str | None
) -> None:
    await fast_lab.hook(message=ECHO)
    reader, writer = await asyncio.open_connection("127.0.0.1", fast_lab.port)
    line = "" if connection is None else f"Connection: {connection}\r\n"
    writer.write(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n{line}"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    writer.write(pack_frame(Opcode.TEXT, b"x"))
    assert await reader.readexactly(3) == b"\x81\x01x"
    writer.close()


async def test_a_longer_upgrade_header_asks_for_no_web_socket(lab: Lab) -> None:
    client = await lab.connect(upgrade="websocket, foo")
    assert (client.answer.status, client.answer.text) == (500, "Internal Server Error")
    assert any("did not contain the header" in text for text in lab.errors)


async def test_a_web_socket_for_a_plain_request_is_an_error(lab: Lab) -> None:
    answer = await request("127.0.0.1", lab.port, "GET", "/")
    assert (answer.status, answer.text) == (500, "Internal Server Error")


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        ("client.accept()", "Can't return WebSocket in a Response after calling accept()."),
        (
            "ctx.acceptWebSocket(client)",
            "Can't return WebSocket in a Response after calling acceptWebSocket().",
        ),
    ],
)
async def test_a_returned_end_that_is_taken_gives_101_and_the_end(
    lab: Lab, accept: str, words: str
) -> None:
    await lab.hook(
        fetch=f"""
client, server = pair()
{accept}
return Response(None, status=101, web_socket=client)
"""
    )
    async with await lab.connect() as client:
        assert client.answer.status == 101
        assert await client.next_frame() is None
    assert any(words in text for text in lab.errors)


async def test_a_pair_that_nobody_accepts_is_open_and_silent(lab: Lab) -> None:
    await lab.hook(fetch="return Response(None, status=101, web_socket=pair()[0])")
    async with await lab.connect() as client:
        client.send_text("anybody?")
        client.send_ping(b"p")
        assert await client.next_frame() == Frame(Opcode.PONG, b"p")


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", "permessage-deflate"),
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=15",
        ),
        (
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        ("permessage-deflate; surprise", None),
        ("permessage-brotli", None),
        ("permessage-deflate; surprise, permessage-deflate", "permessage-deflate"),
    ],
)
async def test_compression_is_agreed_as_it_was_offered(
    lab: Lab, offer: str, answer: str | None
) -> None:
    await lab.hook(message=ECHO)
    async with await lab.connect(headers=(("Sec-WebSocket-Extensions", offer),)) as client:
        assert client.answer.header("sec-websocket-extensions") == answer
        client.send_text("x" * 50)
        frame = await client.next_frame()
        assert frame is not None
        assert (frame.text, frame.rsv) == ("x" * 50, 4 if answer else 0)


async def test_old_dates_agree_on_no_compression() -> None:
    old = Path(__file__).with_name("old_worker.py")
    for date, answer in (("2023-08-14", None), ("2023-08-15", "permessage-deflate")):
        async with open_lab(date=date, main=old) as lab:
            async with await lab.connect(headers=DEFLATE) as client:
                assert client.answer.header("sec-websocket-extensions") == answer


async def test_compressed_messages_refer_back_to_earlier_ones(lab: Lab) -> None:
    await lab.hook(message=ECHO)
    async with await lab.connect(headers=DEFLATE) as client:
        for text in ("hello hello hello", "hello hello hello", "", "x" * 70_000):
            client.send_text(text, compress=True)
            frame = await client.next_frame()
            assert frame is not None
            assert (frame.text, frame.rsv) == (text, 4)


async def test_one_broadcast_reaches_plain_and_compressing_clients(lab: Lab) -> None:
    await lab.hook(message="for other in ctx.getWebSockets(): other.send(message)")
    async with await lab.connect(headers=DEFLATE) as one, await lab.connect() as two:
        two.send_text("to all")
        for client in (one, two):
            frame = await client.next_frame()
            assert frame is not None
            assert frame.text == "to all"


# --- §1.6: frames ----------------------------------------------------------------------------------


async def test_frames_that_are_not_masked_are_accepted(lab: Lab) -> None:
    await lab.hook(message=ECHO)
    async with await lab.connect() as client:
        client.send_bytes(b"\x81\x02hi")
        assert await client.next_frame() == Frame(Opcode.TEXT, b"hi")


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (pack_frame(3, b"x"), 1002, "Unknown opcode 3"),
        (pack_frame(11, b"x"), 1002, "Unknown opcode 11"),
        (pack_frame(1, b"x", rsv=2), 1002, "Received frame had RSV bits 2 or 3 set"),
        (pack_frame(0, b"x"), 1002, "Unexpected continuation frame"),
        (
            pack_frame(1, b"x", fin=False) + pack_frame(1, b"y"),
            1002,
            "Missing continuation frame",
        ),
        (
            pack_frame(1, b"x", fin=False) + pack_frame(2, b"y", fin=False),
            1002,
            "Missing continuation frame",
        ),
        (pack_frame(9, b"x", fin=False), 1002, "Received fragmented control frame"),
        (pack_frame(1, b"\xff"), 1007, "Invalid UTF-8 in text frame"),
    ],
)
async def test_a_broken_frame_is_answered_in_the_platforms_words(
    lab: Lab, data: bytes, code: int, reason: str
) -> None:
    async with await lab.connect() as client:
        client.send_bytes(data)
        assert await closed_with(client) == (code, reason)
    message = (
        f"WebSocket protocol error; protocolError.statusCode = {code}; "
        f"protocolError.description = {reason}"
    )
    assert await lab.seen() == [("error", message, 2)]


@pytest.mark.parametrize("is_lenient", [False, True], ids=["RFC 6455", "lenient"])
async def test_a_compression_bit_that_was_not_agreed_is_refused(is_lenient: bool) -> None:
    reason = (
        "Received a WebSocket frame whose compression bit was set, but the compression "
        "extension was not negotiated for this connection."
    )
    async with open_lab(lenient_frames=is_lenient) as lab:
        async with await lab.connect() as client:
            client.send_frame(Opcode.TEXT, b"x", rsv=4)
            sent = reason if is_lenient else reason[:123]  # RFC 6455 §5.5
            assert await closed_with(client) == (1002, sent)
        [(kind, message, _)] = await lab.seen()
        assert kind == "error"
        assert message.endswith(reason)


async def test_what_cannot_be_inflated_is_refused(fast_lab: Lab) -> None:
    async with await fast_lab.connect(headers=DEFLATE) as client:
        client.send_frame(Opcode.TEXT, b"\xff\xff\xff", rsv=4)
        assert await closed_with(client) == (1002, "Invalid compressed data")


async def test_an_oversize_frame_is_refused_at_its_header(lab: Lab) -> None:
    async with await lab.connect() as client:
        client.send_header(Opcode.BINARY, MESSAGE_BYTES_MAX + 1)
        assert await closed_with(client) == (
            1009,
            "Message is too large: 33554433 > 33554432",
        )
    assert [entry[0] for entry in await lab.seen()] == ["error"]


async def test_an_oversize_fragment_is_refused_by_what_is_left(fast_lab: Lab) -> None:
    async with await fast_lab.connect() as client:
        client.send_frame(Opcode.BINARY, b"", fin=False)
        client.send_bytes(b"\x00\xff" + MESSAGE_BYTES_MAX.to_bytes(8) + bytes(4))
        client.send_bytes(bytes(MESSAGE_BYTES_MAX))
        client.send_frame(Opcode.CONT, b"x")
        assert await closed_with(client) == (1009, "Message is too large: 1 > 0")


async def test_an_oversize_deflated_message_is_refused(lab: Lab) -> None:
    async with await lab.connect(headers=DEFLATE) as client:
        client.send_frame(Opcode.BINARY, packed(bytes(MESSAGE_BYTES_MAX + 1)), rsv=4)
        assert await closed_with(client) == (1009, "Message is too large")


async def test_the_largest_message_passes_both_ways(fast_lab: Lab) -> None:
    await fast_lab.hook(message="ws.send(message)")
    async with await fast_lab.connect() as client:
        client.send_bytes(b"\x82\xff" + MESSAGE_BYTES_MAX.to_bytes(8) + bytes(4))
        client.send_bytes(bytes(MESSAGE_BYTES_MAX))
        frame = await client.next_frame(timeout_s=15)
        assert frame is not None
        assert frame.payload == bytes(MESSAGE_BYTES_MAX)


async def test_outgoing_messages_have_no_limit(fast_lab: Lab) -> None:
    await fast_lab.hook(message="ws.send('x' * 40_000_000)")
    async with await fast_lab.connect() as client:
        client.send_text("go")
        frame = await client.next_frame(timeout_s=15)
        assert frame is not None
        assert len(frame.payload) == 40_000_000


@pytest.mark.parametrize("code", [999, 1006, 1015, 1016, 2999, 3000, 5000])
async def test_any_code_of_a_close_is_taken(lab: Lab, code: int) -> None:
    await lab.hook(close="ws.close(4000, 'seen')")
    async with await lab.connect() as client:
        client.send_close(code)
        assert await closed_with(client) == (4000, "seen")
    assert await lab.seen() == [("close", code, "", True, 2, 1)]


async def test_the_reason_of_an_odd_close_is_kept(fast_lab: Lab) -> None:
    await fast_lab.hook(close="ws.close(4000, reason)")
    async with await fast_lab.connect() as client:
        client.send_frame(Opcode.CLOSE, pack_close(2999) + b"a\xffb")
        assert await closed_with(client) == (4000, "a\ufffdb")
    assert await fast_lab.seen() == [("close", 2999, "a\ufffdb", True, 2, 1)]


@pytest.mark.parametrize("payload", [b"", b"\x03", pack_close(1005)])
async def test_a_close_without_a_usable_code_is_1005(lab: Lab, payload: bytes) -> None:
    await lab.hook(close=REPLY)
    async with await lab.connect() as client:
        client.send_frame(Opcode.CLOSE, payload)
        assert await closed_with(client) == (None, "")
    assert await lab.seen() == [("close", 1005, "", True, 2, 1)]


async def test_what_follows_a_close_is_ignored(lab: Lab) -> None:
    await lab.hook(message=ECHO, close="import asyncio; await asyncio.sleep(0.05); ws.close()")
    async with await lab.connect() as client:
        client.send_bytes(
            pack_frame(Opcode.CLOSE, pack_close(1000))
            + pack_frame(Opcode.TEXT, b"late")
            + pack_frame(Opcode.PING, b"late")
            + pack_frame(3, b"broken")
        )
        assert await closed_with(client) == (None, "")
    assert await lab.seen("message") == []


async def test_a_client_may_end_its_side_after_its_close_and_still_get_the_answer(
    fast_lab: Lab,
) -> None:
    await fast_lab.hook(close="import asyncio; await asyncio.sleep(0.05); ws.close(code)")
    async with await fast_lab.connect() as client:
        client.send_close(1000)
        client.half_close()
        assert await closed_with(client) == (1000, "")


async def test_the_servers_own_close_goes_on_receiving_and_hears_the_answer(lab: Lab) -> None:
    await lab.hook(message="ws.close(4001, 'kick') if message == 'go' else None")
    async with await lab.connect() as client:
        client.send_text("go")
        frame = await client.next_frame()
        assert frame is not None
        assert (frame.close_code, frame.close_reason) == (4001, "kick")
        client.send_text("still here")
        client.send_close(4003, "own")
        assert await client.next_frame() is None
    assert await lab.seen() == [
        ("message", "go"),
        ("message", "still here"),
        ("close", 4003, "own", True, 3, 1),
    ]


@pytest.mark.parametrize("how", ["reset", "half_close"])
async def test_a_lost_connection_is_1006(lab: Lab, how: str) -> None:
    client = await lab.connect()
    await lab.probe.forget()
    getattr(client, how)()
    await lab.until_seen(("close", 1006, DISCONNECTED, False, 2, 1))
    await client.aclose()


async def test_the_servers_end_shows_nothing_of_what_was_negotiated(lab: Lab) -> None:
    await lab.hook(message="ws.send(repr([ws.url, ws.protocol, ws.extensions]))")
    async with await lab.connect(headers=DEFLATE) as client:
        client.send_text("?", compress=True)
        frame = await client.next_frame()
        assert frame is not None
        assert frame.text == "[jsnull, '', '']"


# --- the platform's tolerance, [dev] lenient_frames ------------------------------------------------


@pytest.mark.parametrize("takes_over", [True, False])
async def test_lenient_frames_repair_text(takes_over: bool) -> None:
    async with open_lab(takes_over=takes_over, lenient_frames=True) as lab:
        await lab.hook(message=ECHO)
        async with await lab.connect() as client:
            client.send_frame(Opcode.TEXT, b"a\xffb")
            assert await client.next_frame() == Frame(Opcode.TEXT, "a\ufffdb".encode())


async def test_lenient_frames_take_long_control_frames_and_refuse_what_the_platform_refuses() -> (
    None
):
    async with open_lab(lenient_frames=True) as lab:
        await lab.hook(message=ECHO)
        async with await lab.connect(headers=DEFLATE) as client:
            for byte in pack_frame(Opcode.PING, b"x" * 200):
                client.send_bytes(bytes([byte]))
            assert await client.next_frame() == Frame(Opcode.PONG, b"x" * 200)
            client.send_text("squeezed", compress=True)
            frame = await client.next_frame()
            assert frame is not None
            assert frame.text == "squeezed"
            client.send_bytes(b"\x82\xfe\x01\x00" + bytes(4) + bytes(256))
            answer = await client.next_frame()
            assert answer is not None
            assert len(answer.payload) == 256
            client.send_frame(3, b"x")
            assert await closed_with(client) == (1002, "Unknown opcode 3")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x91\x80" + bytes(4), "Received frame had RSV bits 2 or 3 set"),
        (b"\x09\x80" + bytes(4), "Received fragmented control frame"),
        (b"\x82\xff" + (MESSAGE_BYTES_MAX + 1).to_bytes(8) + bytes(4), "Message is too large: 33554433 > 33554432"),
    ],
)  # fmt: skip
async def test_lenient_frames_have_the_platforms_limits(data: bytes, reason: str) -> None:
    async with open_lab(lenient_frames=True) as lab, await lab.connect() as client:
        client.send_bytes(data)
        frame: Any = await client.next_frame()
        assert frame.close_reason == reason


# --- §4.1, §1.7: clients that do not read, or send too much ------------------------------------------


async def test_an_unread_message_keeps_the_object_awake_and_counts_as_buffered(
    fast_lab: Lab,
) -> None:
    lab = fast_lab
    await lab.hook(message="ws.send('x' * 12_000_000); self.ws = ws")
    container = next(iter(lab.emulator.worker.namespaces["Probe"].containers.values()))
    async with await lab.connect() as client:
        client.send_text("go")
        await until(container.blockers)
        assert [b.kind for b in container.blockers()] == ["unsent message"]
        assert await lab.probe.run("return self.ws.bufferedAmount") == "12000000"
        frame = await client.next_frame()
        assert frame is not None
        assert len(frame.payload) == 12_000_000
        await until(lambda: not container.blockers())
        assert await lab.probe.run("return self.ws.bufferedAmount") == "0"


async def test_a_slow_reader_holds_nobody_and_is_cut_in_the_end(fast_lab: Lab) -> None:
    lab = fast_lab
    await lab.hook(
        message="""
if message == "who":
    self.slow = ws
else:
    for _ in range(int(message)): self.slow.send("x" * 10_000_000)
    ws.send("done")
"""
    )
    async with await lab.connect() as slow, await lab.connect() as other:
        slow.send_text("who")
        other.send_text("3")
        assert await other.next_frame() == Frame(Opcode.TEXT, b"done")
        assert any("does not read" in text for text in lab.errors)
        other.send_text("12")
        assert await other.next_frame() == Frame(Opcode.TEXT, b"done")
        await lab.until_seen(("close", 1006, DISCONNECTED, False, 2, 2))


async def test_a_flood_waits_in_the_network_while_the_object_is_busy(lab: Lab) -> None:
    await lab.hook(
        message="""
if message == "shut":
    async def wait():
        import asyncio
        await asyncio.sleep(0.2)
    await ctx.blockConcurrencyWhile(wait)
"""
    )
    async with await lab.connect() as client:
        client.send_text("shut")
        for number in range(8_000):
            client.send_text(f"{number} {'x' * 200}")
        [end] = next(
            iter(lab.emulator.worker.namespaces["Probe"].containers.values())
        ).sockets._by_age
        await until(lambda: end.is_reading_paused)
        assert len(end.inbox) < 5_000
        await until(lambda: not end.is_reading_paused and not end.inbox)
        client.send_text("last")
        await lab.until_seen(("message", "last"))
    texts = [entry[1].split(" ")[0] for entry in await lab.seen("message")]
    assert texts == ["shut", *map(str, range(8_000)), "last"]


# --- the server's end --------------------------------------------------------------------------------


@pytest.mark.parametrize("takes_over", [True, False])
async def test_a_server_that_stops_ends_every_connection(takes_over: bool) -> None:
    async with open_lab(takes_over=takes_over) as lab:
        clients = [await lab.connect() for _ in range(5)]
    for client in clients:
        assert await client.next_frame() is None
        await client.aclose()


async def test_an_aborting_object_ends_its_connections_and_loses_the_sends_of_its_turn(
    lab: Lab,
) -> None:
    await lab.hook(message="ws.send('lost'); ctx.abort('gone')")
    async with await lab.connect() as client, await lab.connect() as other:
        client.send_text("go")
        assert await client.next_frame() is None
        assert await other.next_frame() is None


async def test_a_handshake_pipelined_with_its_first_frame(fast_lab: Lab) -> None:
    await fast_lab.hook(message=ECHO)
    reader, writer = await asyncio.open_connection("127.0.0.1", fast_lab.port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
        + pack_frame(Opcode.TEXT, b"early")
    )
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(7) == b"\x81\x05early"
    writer.close()
