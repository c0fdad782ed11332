"""Mutated bytes make the readers raise ProtocolError and nothing else."""

import numpy as np
import pytest

from carla_server.api.procedures import PROCEDURES
from carla_server.wire.limits import Limits
from carla_server.wire.rpc import ProtocolError, Request, RpcReader
from carla_server.wire.stream import SubscriptionReader
from tests.fuzz.messages import ARGUMENTS, requests, spoiled_bytes


def read_spoiled(count: int, seed: int = 0) -> tuple[int, int]:
    """Feed mutated messages to both readers; returns how many requests came out and how many errors."""
    random = np.random.default_rng(seed)
    reader, understood, refused = RpcReader(Limits(max_request_bytes=1 << 16)), 0, 0
    for number, message in zip(range(count), spoiled_bytes(random, requests())):
        try:
            if number % 8 == 7:
                SubscriptionReader().feed(message[:6])
            else:
                for request in reader.feed(message):
                    assert type(request) is Request
                    understood += 1
        except ProtocolError:
            refused += 1
            reader = RpcReader(Limits(max_request_bytes=1 << 16))
    return understood, refused


def test_every_procedure_of_the_server_has_an_example():
    assert set(ARGUMENTS) == set(PROCEDURES)


def test_mutated_messages_raise_only_protocol_errors():
    understood, refused = read_spoiled(20_000)
    assert understood > 500
    assert refused > 5_000


@pytest.mark.slow
def test_a_million_mutated_messages_raise_only_protocol_errors():
    understood, refused = read_spoiled(1_000_000, seed=1)
    assert understood + refused > 500_000
