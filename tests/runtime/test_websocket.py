"""The two ends of a WebSocketPair, without an object and without a network.

emulator/runtime/websocket.py; spec websockets §1.2, §1.7, §1.8, §2.4, §2.5.
"""

from __future__ import annotations

import pytest

from emulator.core.sockets import DISCONNECTED, Close, Disconnect, Failure, ReadyState, close_event
from emulator.core.values import JsException
from emulator.runtime.websocket import Holder, web_socket_pair

SEND_BEFORE_ACCEPT = (
    "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before "
    "sending messages."
)
SEND_AFTER_CLOSE = "TypeError: Can't call WebSocket send() after close()."


class FakeWire:
    """Keeps what goes out, in the order in which it does."""

    unsent_bytes = 0

    def __init__(self):
        self.out = []

    def send(self, message):
        self.out.append(message)

    def send_close(self, close):
        self.out.append(close)

    def finish(self):
        self.out.append("finish")

    def abort(self):
        self.out.append("abort")

    def pause_reading(self):
        self.out.append("pause")

    def resume_reading(self):
        self.out.append("resume")


def accepted_pair():
    """An end that code holds, what it heard, and the wire on the other side."""
    server, client = web_socket_pair()
    heard = []
    server.accept(None, heard.append)
    wire = FakeWire()
    client.couple(wire)
    return server, heard, client, wire


def raised(function, *args):
    with pytest.raises(JsException) as caught:
        function(*args)
    return str(caught.value)


def test_the_ends_of_a_pair_know_each_other():
    one, other = web_socket_pair()
    assert one.peer is other
    assert other.peer is one
    assert one.ready_state is ReadyState.OPEN
    assert one.holder is Holder.NOBODY


def test_what_one_end_sends_goes_out_on_the_wire_of_the_other():
    server, heard, client, wire = accepted_pair()
    server.send("text")
    server.send(b"bytes")
    client.from_wire("back")
    assert wire.out == ["text", b"bytes"]
    assert heard == ["back"]


def test_what_was_sent_before_the_101_waits_for_the_wire():
    server, client = web_socket_pair()
    server.accept(None, lambda _: None)
    server.send("one")
    server.send("two")
    wire = FakeWire()
    client.couple(wire)
    assert wire.out == ["one", "two"]


def test_what_arrived_before_accept_is_heard_after_it():
    server, client = web_socket_pair()
    client.couple(FakeWire())
    client.from_wire("one")
    client.from_wire("two")
    heard = []
    server.accept(None, heard.append)
    server.pump()
    assert heard == ["one", "two"]


def test_nothing_may_be_sent_before_an_accept():
    end, _ = web_socket_pair()
    assert raised(end.send, "x") == SEND_BEFORE_ACCEPT
    assert raised(end.close, Close()) == SEND_BEFORE_ACCEPT


def test_accept_twice_is_nothing():
    server, heard, client, _ = accepted_pair()
    server.accept(None, lambda _: pytest.fail("the first listener stays"))
    client.from_wire("x")
    assert heard == ["x"]


def test_an_end_of_a_response_cannot_be_accepted():
    _, client = web_socket_pair()
    client.couple(FakeWire())
    assert raised(client.accept, None, print) == (
        "TypeError: Can't accept() WebSocket that was already used in a response."
    )


def test_after_close_nothing_may_be_sent_and_a_second_close_is_nothing():
    server, _, _, wire = accepted_pair()
    server.close(Close(1000, "bye"))
    assert raised(server.send, "late") == SEND_AFTER_CLOSE
    server.close(Close(4000, "again"))
    assert wire.out == [Close(1000, "bye")]
    assert server.ready_state is ReadyState.CLOSING


def test_messages_still_come_in_after_the_own_close_until_the_peers():
    server, heard, client, wire = accepted_pair()
    server.close(Close(1000))
    client.from_wire("still")
    client.from_wire(Close(1000, "yes"))
    client.from_wire("ignored")
    assert heard == ["still", Close(1000, "yes")]
    assert wire.out == [Close(1000), "finish"]


def test_the_connection_ends_when_both_closes_are_through_whoever_was_first():
    server, heard, client, wire = accepted_pair()
    client.from_wire(Close(4001, "first"))
    assert wire.out == []
    server.close(Close(4001, "first"))
    assert wire.out == [Close(4001, "first"), "finish"]
    assert heard == [Close(4001, "first")]


def test_a_lost_connection_is_heard_once_and_what_is_sent_then_is_lost():
    server, heard, client, wire = accepted_pair()
    client.from_wire(Disconnect())
    client.from_wire(Disconnect())
    server.send("into the void")
    server.close(Close(1000))
    assert heard == [Disconnect()]
    assert wire.out == []


def test_a_broken_peer_is_heard_of_as_a_failure():
    server, heard, client, _ = accepted_pair()
    failure = Failure(1002, "Unknown opcode 3")
    client.from_wire(failure)
    client.from_wire("ignored")
    assert heard == [failure]
    assert server.is_failed


def test_dropping_an_end_cuts_the_wire_without_a_close():
    server, heard, _, wire = accepted_pair()
    server.drop()
    assert wire.out == ["abort"]
    assert heard == []


def test_a_client_that_is_too_fast_is_paused_and_goes_on_when_it_was_heard():
    server, client = web_socket_pair()
    wire = FakeWire()
    client.couple(wire)
    number = 0
    while not wire.out:
        number += 1
        client.from_wire(str(number))
        assert number < 100_000
    assert wire.out == ["pause"]
    heard = []
    server.accept(None, heard.append)
    server.pump()
    assert wire.out == ["pause", "resume"]
    assert heard == [str(n) for n in range(1, number + 1)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Close(4001, "app"), (4001, "app", True)),
        (Close(), (1005, "", True)),
        (Disconnect(), (1006, DISCONNECTED, False)),
    ],
)
def test_what_the_close_handler_is_told(item, expected):
    assert close_event(item) == expected
