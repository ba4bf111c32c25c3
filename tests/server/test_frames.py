"""Frames on their way out, and what aiohttp's refusals become."""

from __future__ import annotations

import zlib

import pytest
from aiohttp.http_websocket import WebSocketError, WSCloseCode

from emulator.core.sockets import Close, Failure
from emulator.server.frames import FrameEncoder, close_frame, pong_frame
from emulator.server.handshake import Deflate, accept_key, negotiate_deflate
from emulator.server.refusals import NOT_NEGOTIATED, translate

DEFLATE = Deflate("permessage-deflate", 15, server_forgets=False, client_forgets=False)
SMALL = Deflate("permessage-deflate", 9, server_forgets=False, client_forgets=False)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frames_head_has_the_shortest_length(size, head):
    assert FrameEncoder().encode("x" * size, None) == head + b"x" * size


def test_binary_and_control_frames():
    assert FrameEncoder().encode(b"\x00", None) == b"\x82\x01\x00"
    assert pong_frame(b"p") == b"\x8a\x01p"
    assert close_frame(Close()) == b"\x88\x00"
    assert close_frame(Close(1000, "é")) == b"\x88\x04\x03\xe8\xc3\xa9"


def test_half_a_surrogate_pair_goes_out_as_three_replacement_characters():
    assert FrameEncoder().encode("\ud800", None) == b"\x81\x09" + "\ufffd\ufffd\ufffd".encode()


def test_the_frame_of_a_broadcast_is_made_once():
    encoder = FrameEncoder()
    message = "".join(["to ", "all"])
    assert encoder.encode(message, None) is encoder.encode(message, None)
    assert encoder.encode(message, DEFLATE) is encoder.encode(message, DEFLATE)
    assert encoder.encode(message, SMALL) is not encoder.encode(message, DEFLATE)
    assert encoder.encode("another", None) == b"\x81\x07another"


def test_one_compressor_serves_clients_that_get_different_messages():
    encoder = FrameEncoder()
    frames = [encoder.encode(f"message {n} message {n}", DEFLATE) for n in range(6)]
    for chosen in (frames, frames[::2], frames[1::3]):
        inflater = zlib.decompressobj(wbits=-15)
        texts = [inflater.decompress(f[2:] + b"\0\0\xff\xff").decode() for f in chosen]
        assert all(text.startswith("message ") for text in texts)
    assert frames[0][0] == 0xC1


def test_the_key_is_answered_as_the_standard_says():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("offer", "bits"),
    [
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=9", 9),
        ("permessage-deflate; client_max_window_bits=16", None),
        ('permessage-deflate; server_max_window_bits="12"', 12),
        ("x-webkit-deflate-frame", None),
    ],
)
def test_only_what_can_be_done_is_agreed_on(offer, bits):
    agreed = negotiate_deflate([offer])
    assert (None if agreed is None else agreed.window_bits) == bits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Invalid close code: 999", Close(999)),
        ("Invalid close code: 1005", Close()),
        ("Invalid close frame: True 8 b'x'", Close()),
        ("Unexpected opcode=3", Failure(1002, "Unknown opcode 3")),
        ("Message size 7 exceeds limit 5", Failure(1009, "Message is too large: 7 > 33554432")),
        ("Decompressed message exceeds size limit 5", Failure(1009, "Message is too large")),
        ("something new", Failure(1002, "something new")),
    ],
)
def test_a_refusal_is_told_in_the_platforms_words(text, found):
    assert translate(WebSocketError(WSCloseCode.PROTOCOL_ERROR, text)) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\xc1\x80", NOT_NEGOTIATED),
        (b"\x81\x81\0\0\0\0x\xc1\x80", NOT_NEGOTIATED),
        (b"\x81\xfe\x00\x80" + bytes(132) + b"\xc1\x80", NOT_NEGOTIATED),
        (b"\xe1\x80", Failure(1002, "Received frame had RSV bits 2 or 3 set")),
        (b"\x80", Failure(1002, "Received frame had RSV bits 2 or 3 set")),
    ],
)
def test_reserved_bits_are_told_apart_by_the_bytes(data, found):
    refusal = WebSocketError(
        WSCloseCode.PROTOCOL_ERROR, "Received frame with non-zero reserved bits"
    )
    assert translate(refusal, data=data) == found
