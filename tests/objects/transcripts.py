"""Seventeen sessions with WebSocketServer, as the same object answered on the real runtime.

Every frame of every client is claimed. The notation is explained in session.py. T13 spends 22
seconds idle, in whatever time the session's `idle` keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.wire import Opcode, connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.objects.session import Session

PONG: Final = '{"type":"pong","timestamp":<ms:now>}'
INVALID: Final = '{"type":"error","message":"Invalid JSON message"}'


async def join(s: Session, *names: str) -> None:
    """Clients come one after the other; each is welcomed and then hears of those who came later.

    They are <ID1>, <ID2>, ... in that order.
    """
    for name in names:
        await s.play(f"{name}: CONNECT /ws?id=<inst> -> 101")
    for own, name in enumerate(names, start=1):
        await s.expect(
            name,
            f'TEXT {{"type":"connected","id":"<ID{own}>",'
            f'"message":"Welcome to WebSocket server","totalConnections":{own}}}',
        )
        for n in range(own + 1, len(names) + 1):
            await s.expect(
                name,
                f'TEXT {{"type":"user_connected","data":{{"id":"<ID{n}>","totalConnections":{n}}}}}',
            )


async def t01(s: Session) -> None:
    """Connect, welcome, clean close."""
    await s.play(
        """
        A: CONNECT /ws?id=<inst> -> 101
        A:   << TEXT {"type":"connected","id":"<ID1>","message":"Welcome to WebSocket server","totalConnections":1}
        A: >> CLOSE code=1000 reason='bye'
        A:   << CLOSE code=1000 reason='bye'
        A:   << EOF
        HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":0,"connections":[]}
        """
    )


async def t02(s: Session) -> None:
    """Second and third client join; counts."""
    await s.play(
        """
        A: CONNECT /ws?id=<inst> -> 101
        A:   << TEXT {"type":"connected","id":"<ID1>","message":"Welcome to WebSocket server","totalConnections":1}
        B: CONNECT /ws?id=<inst> -> 101
        B:   << TEXT {"type":"connected","id":"<ID2>","message":"Welcome to WebSocket server","totalConnections":2}
        A:   << TEXT {"type":"user_connected","data":{"id":"<ID2>","totalConnections":2}}
        C: CONNECT /ws?id=<inst> -> 101
        C:   << TEXT {"type":"connected","id":"<ID3>","message":"Welcome to WebSocket server","totalConnections":3}
        A:   << TEXT {"type":"user_connected","data":{"id":"<ID3>","totalConnections":3}}
        B:   << TEXT {"type":"user_connected","data":{"id":"<ID3>","totalConnections":3}}
        """
    )


async def t03(s: Session) -> None:
    """Ping with and without data."""
    await join(s, "A", "B")
    await s.exchange("A", '{"type":"ping"}', PONG)
    await s.exchange("A", '{"type":"ping","data":"Hello from client"}', PONG)


async def t04(s: Session) -> None:
    """Broadcast excludes the sender; data forms."""
    await join(s, "A", "B", "C")
    await s.play(
        r"""
        B: >> TEXT {"type":"broadcast","data":{"message":"Hello everyone!"}}
        A:   << TEXT {"type":"broadcast","data":{"message":"Hello everyone!"}}
        C:   << TEXT {"type":"broadcast","data":{"message":"Hello everyone!"}}
        B: >> TEXT {"type":"broadcast","data":"str"}
        A:   << TEXT {"type":"broadcast","data":"str"}
        C:   << TEXT {"type":"broadcast","data":"str"}
        B: >> TEXT {"type":"broadcast","data":null}
        A:   << TEXT {"type":"broadcast","data":null}
        C:   << TEXT {"type":"broadcast","data":null}
        B: >> TEXT {"type":"broadcast"}
        A:   << TEXT {"type":"broadcast"}
        C:   << TEXT {"type":"broadcast"}
        B: >> TEXT {"type":"broadcast","data":[1,{"x":"\u00e9\u20ac\ud83d\ude00"}],"extra":1}
        A:   << TEXT {"type":"broadcast","data":[1,{"x":"é€😀"}]}
        C:   << TEXT {"type":"broadcast","data":[1,{"x":"é€😀"}]}
        """
    )


async def t05(s: Session) -> None:
    """The get_stats message and the HTTP statistics agree."""
    await join(s, "A", "B")
    await s.play(
        """
        A: >> TEXT {"type":"get_stats"}
        B: >> TEXT {"type":"get_stats"}
        A:   << TEXT {"type":"stats","data":{"totalConnections":2,"yourId":"<ID1>","connectedAt":<ms:now>}}
        B:   << TEXT {"type":"stats","data":{"totalConnections":2,"yourId":"<ID2>","connectedAt":<ms:now>}}
        HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":2,"connections":[{"id":"<ID1>","connectedAt":<ms:now>},{"id":"<ID2>","connectedAt":<ms:now>}]}
        """
    )


async def t06(s: Session) -> None:
    """Everything else that is JSON is echoed whole."""
    await join(s, "A")
    same = ("[1,2]", '"text"', "42", "true", "null", "{}", '{"your":"message"}')
    types = ('{"type":"nope","data":1}', '{"type":"PING"}', '{"type":5}', '{"type":null}')
    echoes = (
        *((text, text) for text in (*same, *types)),
        ('{"type":"echo","data":{"a":1}}', '{"type":"echo","data":{"a":1}}'),
        ("1e2", "100"),
        ("1.0", "1"),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"big":12345678901234567890}', '{"big":12345678901234567000}'),
    )
    for sent, data in echoes:
        await s.exchange("A", sent, f'{{"type":"echo","data":{data},"receivedAt":<ms:now>}}')
    await s.exchange("A", ' {"type" : "ping"} ', PONG)


async def t07(s: Session) -> None:
    """Not JSON: error, connection stays."""
    await join(s, "A", "B")
    for sent in ("hello", "", "{bad", '{"a":1,}', "{'a':1}", "NaN", '{"a":NaN}'):
        await s.exchange("A", sent, INVALID)
    await s.exchange("A", '\ufeff{"type":"ping"}', INVALID)
    await s.exchange("A", "undefined", INVALID)
    await s.exchange("A", '{"type":"ping"}', PONG)


async def t08(s: Session) -> None:
    """Binary frames."""
    await join(s, "A")
    await s.exchange("A", b'{"type":"ping"}', PONG)
    await s.exchange("A", b'{"x":1}', '{"type":"echo","data":{"x":1},"receivedAt":<ms:now>}')
    for sent in (b"\xff\xfe\x00", b"", b'"\xff"'):  # the last is JSON to a lenient decoder
        await s.exchange("A", sent, INVALID)


async def t09(s: Session) -> None:
    """Close codes chosen by the client, and who is told."""
    await join(s, "K")
    same = (
        "code=1000 reason=''",
        "code=1001 reason='going away'",
        "code=4001 reason='app'",
        "code=None reason=''",
        f"code=3000 reason='{'é' * 61}'",
    )
    closes = (*((close, close) for close in same), ("code=1005 reason=''", "code=None reason=''"))
    for number, (sent, answer) in enumerate(closes, start=2):
        await s.play(
            f"""
            A: CONNECT /ws?id=<inst> -> 101
            A:   << TEXT {{"type":"connected","id":"<ID{number}>","message":"Welcome to WebSocket server","totalConnections":2}}
            K:   << TEXT {{"type":"user_connected","data":{{"id":"<ID{number}>","totalConnections":2}}}}
            A: >> CLOSE {sent}
            A:   << CLOSE {answer}
            A:   << EOF
            K:   << TEXT {{"type":"user_disconnected","data":{{"id":"<ID{number}>","totalConnections":1}}}}
            """
        )


async def t10(s: Session) -> None:
    """Abrupt disconnects."""
    await join(s, "K", "A", "B")
    await s.play(
        """
        A: TCP reset
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID2>","totalConnections":2}}
        B:   << TEXT {"type":"user_disconnected","data":{"id":"<ID2>","totalConnections":2}}
        B: TCP half close (FIN)
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID3>","totalConnections":1}}
        HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":1,"connections":[{"id":"<ID1>","connectedAt":<ms:now>}]}
        """
    )


async def t11(s: Session) -> None:
    """Instances: missing, empty, default, case, repeated."""
    await s.play(
        """
        D1: CONNECT /ws -> 101
        D2: CONNECT /ws?id= -> 101
        D3: CONNECT /ws?id=default -> 101
        D1:   << TEXT {"type":"connected","id":"<ID1>","message":"Welcome to WebSocket server","totalConnections":1}
        D1:   << TEXT {"type":"user_connected","data":{"id":"<ID2>","totalConnections":2}}
        D1:   << TEXT {"type":"user_connected","data":{"id":"<ID3>","totalConnections":3}}
        D2:   << TEXT {"type":"connected","id":"<ID2>","message":"Welcome to WebSocket server","totalConnections":2}
        D2:   << TEXT {"type":"user_connected","data":{"id":"<ID3>","totalConnections":3}}
        D3:   << TEXT {"type":"connected","id":"<ID3>","message":"Welcome to WebSocket server","totalConnections":3}
        X: CONNECT /ws?id=Room<inst> -> 101
        Y: CONNECT /ws?id=room<inst> -> 101
        Z: CONNECT /ws?id=room<inst>&id=other -> 101
        W: CONNECT /ws?x=1&id=room<inst>#frag -> 101
        X:   << TEXT {"type":"connected","id":"<ID4>","message":"Welcome to WebSocket server","totalConnections":1}
        Y:   << TEXT {"type":"connected","id":"<ID5>","message":"Welcome to WebSocket server","totalConnections":1}
        Y:   << TEXT {"type":"user_connected","data":{"id":"<ID6>","totalConnections":2}}
        Y:   << TEXT {"type":"user_connected","data":{"id":"<ID7>","totalConnections":3}}
        Z:   << TEXT {"type":"connected","id":"<ID6>","message":"Welcome to WebSocket server","totalConnections":2}
        Z:   << TEXT {"type":"user_connected","data":{"id":"<ID7>","totalConnections":3}}
        W:   << TEXT {"type":"connected","id":"<ID7>","message":"Welcome to WebSocket server","totalConnections":3}
        Y: >> TEXT {"type":"broadcast","data":"only room"}
        Z:   << TEXT {"type":"broadcast","data":"only room"}
        W:   << TEXT {"type":"broadcast","data":"only room"}
        HTTP GET /websocket/stats -> 200 {"totalConnections":3,"connections":[{"id":"<ID1>","connectedAt":<ms:now>},{"id":"<ID2>","connectedAt":<ms:now>},{"id":"<ID3>","connectedAt":<ms:now>}]}
        HTTP GET /websocket/stats?id=room<inst> -> 200 {"totalConnections":3,"connections":[{"id":"<ID5>","connectedAt":<ms:now>},{"id":"<ID6>","connectedAt":<ms:now>},{"id":"<ID7>","connectedAt":<ms:now>}]}
        HTTP GET /websocket/stats?id=never<inst> -> 200 {"totalConnections":0,"connections":[]}
        """
    )


async def t12(s: Session) -> None:
    """Plain HTTP on the routes."""
    await s.play(
        """
        HTTP GET /ws?id=<inst> -> 426 Expected Upgrade: websocket
        HTTP POST /ws?id=<inst> -> 426 Expected Upgrade: websocket
        HTTP GET /websocket -> 404 Not Found
        X: CONNECT /websocket?id=<inst> -> 404  'Not Found'
        HTTP GET / -> 404 Not Found
        HTTP GET /ws/ -> 404 Not Found
        HTTP POST /websocket/stats?id=<inst> -> 405 Method Not Allowed
        HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":0,"connections":[]}
        """
    )
    path = f"/ws?id={s.room}"
    y = await connect(s.host, s.port, path, upgrade="WebSocket")
    z = await connect(s.host, s.port, path, version="8")
    v = await connect(s.host, s.port, path, key=None)
    p = await connect(s.host, s.port, path, method="POST")
    for name, peer in (("Y", y), ("Z", z), ("V", v), ("P", p)):
        s.join(name, peer)
        # The runtime refuses the last three only after the object has welcomed them, so Y may hear
        # of clients that never were. Nobody depends on that, and nothing is claimed about it.
        s.settle(name)
    assert y.answer.status == 101
    assert z.answer.status == 426
    assert z.answer.text == "ERROR: The requested WebSocket version is not supported."
    assert z.answer.header("Sec-WebSocket-Version") == "13"
    assert (v.answer.status, v.answer.text) == (400, "ERROR: Missing Sec-WebSocket-Key")
    assert p.answer.status == 400
    assert p.answer.text == "ERROR: WebSocket must be initiated with a GET request."
    await s.play(
        """
        S: CONNECT /websocket/stats?id=<inst> -> 200  '{"totalConnections":1,"connections":[{"id":"<ID1>","connectedAt":<ms:now>}]}'
        """
    )


async def t13(s: Session) -> None:
    """Hibernation: 11 s silent, identity and totals kept, ping frames do not wake."""
    await join(s, "A", "B")
    for number in range(5):
        await s.idle(2.2)
        s.peer("A").send_ping(f"{number}".encode())
        await s.expect("A", f"PONG b'{number}'")
    await s.play(
        """
        A: >> TEXT {"type":"get_stats"}
        A:   << TEXT {"type":"stats","data":{"totalConnections":2,"yourId":"<ID1>","connectedAt":<ms:-12s>}}
        B: >> TEXT {"type":"broadcast","data":"after sleep"}
        A:   << TEXT {"type":"broadcast","data":"after sleep"}
        """
    )
    await s.idle(10.6)
    await s.play(
        """
        A: >> CLOSE code=1000 reason='x'
        A:   << CLOSE code=1000 reason='x'
        A:   << EOF
        B:   << TEXT {"type":"user_disconnected","data":{"id":"<ID1>","totalConnections":1}}
        HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":1,"connections":[{"id":"<ID2>","connectedAt":<ms:-23s>}]}
        """
    )


async def t14(s: Session) -> None:
    """Protocol level: fragments, ping inside, too large, bad opcode."""
    await join(s, "A", "B", "K")
    s.wire("A").send_frame(Opcode.TEXT, b'{"type":', fin=False)
    s.wire("A").send_ping(b"mid")
    s.wire("A").send_frame(Opcode.CONT, b'"ping"}')
    await s.play(
        """
        A:   << PONG b'mid'
        A:   << TEXT {"type":"pong","timestamp":<ms:now>}
        """
    )
    s.wire("A").send_header(Opcode.TEXT, 33_554_433)
    await s.play(
        """
        A:   << CLOSE code=1009 reason='Message is too large: 33554433 > 33554432'
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID1>","totalConnections":2}}
        """
    )
    s.wire("B").send_frame(3)
    await s.play(
        """
        B:   << TEXT {"type":"user_disconnected","data":{"id":"<ID1>","totalConnections":2}}
        B:   << CLOSE code=1002 reason='Unknown opcode 3'
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID2>","totalConnections":1}}
        HTTP GET /websocket/stats?id=<inst> -> 200 {"totalConnections":1,"connections":[{"id":"<ID3>","connectedAt":<ms:now>}]}
        """
    )


async def t15(s: Session) -> None:
    """Pipelining: many frames without waiting, then close at once."""
    await join(s, "A", "B")
    for n in range(4):
        s.peer("A").send_text(f'{{"n":{n}}}')
        s.peer("A").send_text(f'{{"type":"broadcast","data":{n}}}')
    await s.play(
        """
        A: >> TEXT {"type":"ping"}
        A: >> CLOSE code=1000 reason='done'
        A:   << TEXT {"type":"echo","data":{"n":0},"receivedAt":<ms:now>}
        A:   << TEXT {"type":"echo","data":{"n":1},"receivedAt":<ms:now>}
        A:   << TEXT {"type":"echo","data":{"n":2},"receivedAt":<ms:now>}
        A:   << TEXT {"type":"echo","data":{"n":3},"receivedAt":<ms:now>}
        A:   << TEXT {"type":"pong","timestamp":<ms:now>}
        A:   << CLOSE code=1000 reason='done'
        A:   << EOF
        B:   << TEXT {"type":"broadcast","data":0}
        B:   << TEXT {"type":"broadcast","data":1}
        B:   << TEXT {"type":"broadcast","data":2}
        B:   << TEXT {"type":"broadcast","data":3}
        B:   << TEXT {"type":"user_disconnected","data":{"id":"<ID1>","totalConnections":1}}
        """
    )


async def t16(s: Session) -> None:
    """Compression and subprotocol offers."""
    offers = (
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Protocol", "chat, v2"),
    )
    a = await connect(s.host, s.port, f"/ws?id={s.room}", headers=offers)
    s.join("A", a)
    assert a.answer.status == 101
    agreed = a.answer.header("Sec-WebSocket-Extensions")
    assert agreed == "permessage-deflate; client_max_window_bits=15"
    assert a.answer.header("Sec-WebSocket-Protocol") is None
    await s.play(
        """
        A:   << TEXT {"type":"connected","id":"<ID1>","message":"Welcome to WebSocket server","totalConnections":1}  [fin=1 rsv=4]
        A: >> TEXT {"type":"ping"}
        A:   << TEXT {"type":"pong","timestamp":<ms:now>}  [fin=1 rsv=4]
        """
    )
    a.send_text('{"type":"ping","data":"compressed on the way in, too"}', compress=True)
    await s.expect("A", 'TEXT {"type":"pong","timestamp":<ms:now>}  [fin=1 rsv=4]')


async def t17(s: Session) -> None:
    """Three clients leave at the same moment."""
    await join(s, "K", "A", "B", "C")
    for name in "ABC":
        s.peer(name).send_close(1000)
    await s.play(
        """
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID2>","totalConnections":3}}
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID3>","totalConnections":2}}
        K:   << TEXT {"type":"user_disconnected","data":{"id":"<ID4>","totalConnections":1}}
        A:   << CLOSE code=1000 reason=''
        A:   << EOF
        B:   << TEXT {"type":"user_disconnected","data":{"id":"<ID2>","totalConnections":3}}
        B:   << CLOSE code=1000 reason=''
        B:   << EOF
        C:   << TEXT {"type":"user_disconnected","data":{"id":"<ID2>","totalConnections":3}}
        C:   << TEXT {"type":"user_disconnected","data":{"id":"<ID3>","totalConnections":2}}
        C:   << CLOSE code=1000 reason=''
        C:   << EOF
        """
    )


FIRST: Final = (t01, t02, t03, t04, t05, t06, t07, t08, t09)
SECOND: Final = (t10, t11, t12, t13, t14, t15, t16, t17)
TRANSCRIPTS: Final[dict[str, Callable[[Session], Awaitable[None]]]] = {
    play.__name__.upper(): play for play in (*FIRST, *SECOND)
}
