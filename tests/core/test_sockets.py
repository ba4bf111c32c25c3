"""Rules of WebSockets that need no socket, spec websockets §1.3, §1.7, §3.3, §3.4."""

from __future__ import annotations

import pytest

from emulator.core.sockets import (
    ATTACHMENT_BYTES_MAX,
    AutoResponse,
    Close,
    Failure,
    ReadyState,
    check_attachment,
    check_close,
    check_tags,
    encode_text,
    parse_close,
    payload_bytes,
    ready_state,
    standard_ready_state,
)
from emulator.core.values import JsException

NO_REASON_ALONE = "If you specify a WebSocket close reason, you must also specify a code."
REASON_TOO_LONG = "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."


def closed(code: int | None, reason: str | None = None, *, is_limited: bool = True) -> Close:
    return check_close(code, reason, reason_is_limited=is_limited)


# --- tags ----------------------------------------------------------------------------------


def test_tags_lose_duplicates_and_keep_their_order():
    assert check_tags(["b", "a", "b", ""]) == ("b", "a", "")
    assert check_tags([]) == ()


def test_ten_tags_are_the_most():
    ten = [str(number) for number in range(10)]
    assert len(check_tags(ten)) == 10
    with pytest.raises(JsException) as caught:
        check_tags([*ten, "10"])
    assert str(caught.value) == "Error: a Hibernatable WebSocket cannot have more than 10 tags"


def test_an_eleventh_tag_is_refused_even_if_it_is_a_duplicate():
    with pytest.raises(JsException, match="more than 10 tags"):
        check_tags([*(str(number) for number in range(10)), "0"])


def test_a_tag_has_at_most_256_bytes():
    assert check_tags(["é" * 128]) == ("é" * 128,)
    with pytest.raises(JsException) as caught:
        check_tags(["é" * 128 + "x"])
    text = f'Error: "{"é" * 128}x" is longer than the max tag length (256 characters).'
    assert str(caught.value) == text


def test_half_of_a_surrogate_pair_counts_three_bytes():
    assert check_tags(["\ud800" * 85])
    with pytest.raises(JsException, match="longer than the max tag length"):
        check_tags(["\ud800" * 86])


# --- close ---------------------------------------------------------------------------------


def test_close_without_a_code_is_an_empty_close():
    assert closed(None) == Close(None, "")


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1014, 1016, 2999, 3000, 4999])
def test_codes_that_may_be_sent(code):
    assert closed(code) == Close(code, "")


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 5000, 65536])
def test_codes_that_may_not(code):
    with pytest.raises(JsException) as caught:
        closed(code)
    assert caught.value.name == "InvalidAccessError"
    assert caught.value.message == f"Invalid WebSocket close code: {code}."


def test_a_reason_needs_a_code():
    with pytest.raises(JsException) as caught:
        closed(None, "")
    assert (caught.value.name, caught.value.message) == ("InvalidAccessError", NO_REASON_ALONE)


def test_a_reason_has_at_most_123_bytes():
    assert closed(1000, "é" * 61 + "x") == Close(1000, "é" * 61 + "x")
    with pytest.raises(JsException) as caught:
        closed(1000, "é" * 62)
    assert (caught.value.name, caught.value.message) == ("SyntaxError", REASON_TOO_LONG)


def test_an_older_date_takes_any_reason():
    assert closed(1000, "x" * 200, is_limited=False).reason == "x" * 200


# --- attachments and auto-responses -----------------------------------------------------------


def test_an_attachment_has_at_most_16384_bytes():
    assert check_attachment(b"x" * ATTACHMENT_BYTES_MAX)
    with pytest.raises(JsException) as caught:
        check_attachment(b"x" * 16_390)
    assert str(caught.value) == (
        "Error: A WebSocket 'attachment' cannot be larger than 16384 bytes."
        "'attachment' was 16390 bytes."
    )


def test_an_auto_response_keeps_both_texts_up_to_2048_bytes():
    pair = AutoResponse("", "é" * 1024)
    assert (pair.request, pair.response) == ("", "é" * 1024)


@pytest.mark.parametrize(
    ("request_", "response", "message"),
    [
        ("x" * 2049, "", "Request cannot be larger than 2048 bytes. A request of size 2049 was provided."),
        ("", "é" * 1025, "Response cannot be larger than 2048 bytes. A response of size 2050 was provided."),
    ],
)  # fmt: skip
def test_an_auto_response_that_is_too_long_is_refused(request_, response, message):
    with pytest.raises(JsException) as caught:
        AutoResponse(request_, response)
    assert (caught.value.name, caught.value.message) == ("RangeError", message)


# --- the rest ------------------------------------------------------------------------------


def test_a_failure_tells_the_object_the_runtimes_words():
    assert Failure(1002, "Unknown opcode 3").message == (
        "WebSocket protocol error; protocolError.statusCode = 1002; "
        "protocolError.description = Unknown opcode 3"
    )


def test_text_goes_out_as_utf8_and_half_a_pair_as_three_replacement_characters():
    assert encode_text("aé😀") == "aé😀".encode()
    assert encode_text("a\ud800b") == "a\ufffd\ufffd\ufffdb".encode()


def test_ready_states_have_the_webs_numbers():
    assert [state.name for state in ReadyState] == ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]
    assert [int(state) for state in ReadyState] == [0, 1, 2, 3]


def test_a_message_counts_its_utf8_bytes_and_what_is_none_counts_nothing():
    sizes = [payload_bytes(frame) for frame in ("abc", "é", "\ud800", b"ab", Close(1000, "bye"))]
    assert sizes == [3, 2, 9, 2, 0]


@pytest.mark.parametrize(
    ("payload", "close"),
    [
        (b"", Close()),
        (b"\x03", Close()),
        (b"\x03\xe8", Close(1000)),
        (b"\x03\xedx", Close(None, "x")),
        (b"\x13\x88bye", Close(5000, "bye")),
        (b"\x03\xe8\xff", Close(1000, "\ufffd")),
    ],
)
def test_a_close_frame_is_read_as_the_platform_does(payload, close):
    assert parse_close(payload) == close


EVENTS = ("close_sent", "close_received", "was_closed_first", "is_gone", "is_failed", "is_told")
STATES = [  # what has happened, and readyState of a hibernatable and of a standard end
    ("", 1, 1),
    ("close_sent was_closed_first", 2, 2),
    ("close_received", 2, 2),
    ("close_sent close_received", 3, 3),
    ("close_sent close_received was_closed_first", 3, 3),
    ("is_gone", 2, 1),
    ("is_gone is_told", 2, 2),
    ("is_failed", 2, 3),
    ("close_sent was_closed_first is_gone", 3, 3),
]


@pytest.mark.parametrize(("happened", "hibernatable", "standard"), STATES)
def test_ready_states_after_what_happened(happened, hibernatable, standard):
    was = {name: name in happened.split() for name in EVENTS}
    is_told, was_closed_first = was.pop("is_told"), was.pop("was_closed_first")
    assert ready_state(**was, was_closed_first=was_closed_first) == hibernatable
    assert standard_ready_state(**was, is_told=is_told) == standard
