"""Calls of our own programs as bytes, and the replies to them."""

import msgpack
import pytest

from carla_server.wire.caller import Refused, RpcCaller
from carla_server.wire.rpc import ProtocolError, RpcReader, RpcWriter, failed, ok, void_failed, void_ok


def test_the_server_reads_what_the_caller_packs():
    caller = RpcCaller()
    numbers, packed = zip(*(caller.call(name, 7, "x") for name in ("first", "second")))
    requests = RpcReader().feed(b"".join(packed))
    assert [(request.message_id, request.name, request.arguments) for request in requests] == [
        (numbers[0], "first", (7, "x")),
        (numbers[1], "second", (7, "x")),
    ]


@pytest.mark.parametrize("cut", range(1, 12))
def test_replies_arrive_in_any_pieces(cut):
    data = RpcWriter().reply(3, ok([1, b"pixels"]))
    caller = RpcCaller()
    replies = caller.feed(data[:cut]) + caller.feed(data[cut:])
    assert [(reply.message_id, reply.value()) for reply in replies] == [(3, [1, b"pixels"])]


@pytest.mark.parametrize("refusal", [failed("no such actor"), void_failed("no such actor")])
def test_a_refusal_is_raised_with_the_servers_text(refusal):
    (reply,) = RpcCaller().feed(RpcWriter().reply(1, refusal))
    with pytest.raises(Refused, match="no such actor"):
        reply.value()


def test_success_without_a_value_is_none_and_an_unknown_procedure_is_refused():
    done, unknown = RpcCaller().feed(RpcWriter().reply(1, void_ok()) + RpcWriter().reply(2, None, "unknown"))
    assert done.value() is None
    with pytest.raises(Refused, match="unknown"):
        unknown.value()


@pytest.mark.parametrize("data", [b"HTTP/1.1 400", b"\xc1", msgpack.packb([0, 1, "version", []])])
def test_bytes_that_are_no_reply_are_said_to_be_none(data):
    with pytest.raises(ProtocolError, match="not MessagePack-RPC"):
        RpcCaller().feed(data)


def test_a_reply_longer_than_the_limit_is_not_collected():
    caller = RpcCaller(max_reply_bytes=1000)
    with pytest.raises(ProtocolError):
        caller.feed(RpcWriter().reply(1, ok(b"x" * 5000)))
