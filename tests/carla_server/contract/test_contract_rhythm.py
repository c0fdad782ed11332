"""Ticks wait for the question that a synchronous Traffic Manager asks between them, see `carla_server/rhythm.py`."""

import msgpack
import pytest

TICK, QUESTION = "tick_cue", "get_episode_settings"


def send_together(client, *names):
    """Send calls in one piece; returns their names in the order of the replies."""
    numbered = dict(enumerate(names, 1000))
    client.sock.sendall(b"".join(msgpack.packb([0, number, name, [[False]]]) for number, name in numbered.items()))
    return [numbered[client.reply()[1]] for _ in names]


@pytest.fixture
def accustomed(server, world, wire):
    """A connection whose last ticks each saw one question."""
    client = wire(server)
    for _ in range(4):
        assert send_together(client, QUESTION, TICK) == [QUESTION, TICK]
    return client


def test_a_tick_does_not_overtake_the_question_that_belongs_before_it(accustomed):
    assert send_together(accustomed, TICK, QUESTION) == [QUESTION, TICK]


def test_a_question_that_does_not_come_any_more_does_not_stop_the_world(accustomed):
    frames = []
    for _ in range(5):
        frames.append(accustomed.value(TICK))
    assert frames == list(range(frames[0], frames[0] + 5))


def test_calls_keep_their_order_once_nobody_asks_before_ticks(accustomed):
    for _ in range(4):
        accustomed.value(TICK)
    assert send_together(accustomed, TICK, QUESTION) == [TICK, QUESTION]


def test_calls_of_a_connection_without_the_habit_keep_their_order(server, world, wire):
    client = wire(server)
    for _ in range(3):
        assert send_together(client, TICK, TICK) == [TICK, TICK]
    assert send_together(client, TICK, QUESTION) == [TICK, QUESTION]
