"""Remote calls as bytes; the hex was captured from the PyPI client carla 0.9.16."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_server.wire.limits import Limits
from carla_server.wire.rpc import ProtocolError, RpcReader, RpcWriter, failed, ok, void_failed, void_ok

VERSION_CALL = bytes.fromhex("940001a776657273696f6e9191c2")
TICK_CALL = bytes.fromhex("940011a87469636b5f6375659191c2")
TOKEN_CALL = bytes.fromhex("940003b06765745f73656e736f725f746f6b656e9291c201")
CONTROL_CALL = bytes.fromhex(
    "940010b86170706c795f636f6e74726f6c5f746f5f76656869636c659391c31e97ca3f000000ca00000000ca00000000c2c2c200"
)


def test_reads_the_clients_first_call():
    (request,) = RpcReader().feed(VERSION_CALL)
    assert (request.message_id, request.name, request.arguments) == (1, "version", ())


def test_reads_an_asynchronous_call_with_arguments():
    (request,) = RpcReader().feed(CONTROL_CALL)
    assert request.name == "apply_control_to_vehicle"
    assert request.arguments == (30, [0.5, 0.0, 0.0, False, False, False, 0])


@pytest.mark.parametrize("cut", range(1, len(VERSION_CALL + TOKEN_CALL + TICK_CALL)))
def test_calls_arrive_in_any_pieces_and_keep_their_order(cut):
    data = VERSION_CALL + TOKEN_CALL + TICK_CALL
    reader = RpcReader()
    requests = reader.feed(data[:cut]) + reader.feed(data[cut:])
    assert [request.name for request in requests] == ["version", "get_sensor_token", "tick_cue"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ok("0.9.16"), "940101c0919201a6302e392e3136"),
        (ok(1283), "940101c0919201cd0503"),
        (ok(True), "940101c0919201c3"),
        (void_ok(), "940101c09191c2"),
        (failed("why"), "940101c091920091a3776879"),
        (void_failed("why"), "940101c09192c391a3776879"),
        ([[[1, 30]]], "940101c0919192011e"),
    ],
)
def test_replies_have_the_bytes_that_the_client_decodes(result, expected):
    assert RpcWriter().reply(1, result).hex() == expected


def test_token_reply_matches_the_capture():
    from carla_server.wire.stream import pack_token

    captured = "940103c091920191c418010000000952010000000000000000000000000000000000"
    assert RpcWriter().reply(3, ok([pack_token(1, 21001)])).hex() == captured


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"GET / HTTP/1.1\r\n\r\n",
        msgpack.packb([1, 2, None, 3]),
        msgpack.packb([0, -1, "version", [[False]]]),
        msgpack.packb([0, 1, 7, [[False]]]),
        msgpack.packb([0, 1, "version", []]),
        msgpack.packb([0, 1, "version", [3]]),
        msgpack.packb({"a": 1}),
        b"\x94\x00\x01\xa2\xff\xfe\x90",
        b"\xc7\x01\x05\x00",
        b"\x91" * 4000 + b"\x00",
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_what_is_not_a_request_raises_protocol_error(data):
    with pytest.raises(ProtocolError):
        RpcReader().feed(data)


def test_a_call_longer_than_the_limit_raises_protocol_error():
    reader = RpcReader(Limits(max_request_bytes=1000))
    with pytest.raises(ProtocolError):
        reader.feed(b"\x94\x00\x01\xdb\x00\x00\x0f\xff" + b"x" * 995)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=64), max_size=8))
def test_random_bytes_raise_nothing_but_protocol_error(pieces):
    reader = RpcReader()
    try:
        for piece in pieces:
            reader.feed(piece)
    except ProtocolError:
        pass
