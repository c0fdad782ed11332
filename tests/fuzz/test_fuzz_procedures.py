"""Well-formed requests with wrong arguments are answered, never with an internal error, and the world goes on."""

import numpy as np
import pytest

from carla_server.api.procedures import PROCEDURES
from carla_server.api.simulator import Simulator
from carla_server.api.table import Dispatcher
from carla_server.recorder.recordings import Recordings
from carla_server.wire.rpc import Request, RpcWriter
from carla_server.wire.structs import EpisodeSettings
from tests.fuzz import messages
from tests.fuzz.messages import ARGUMENTS, CAR_DESCRIPTION, IMU_DESCRIPTION, spoiled_value


class NoTowns:
    """A source of maps that has none."""

    def names(self):
        return []

    def load(self, name):
        raise ValueError(f"no map {name!r}")

    def build(self, name, opendrive):
        raise ValueError("not today")


@pytest.fixture
def prepare(make_world, tmp_path):
    """A simulator whose actors have the ids of `messages`, and its dispatcher."""

    def make():
        world = make_world()
        world.settings = EpisodeSettings(synchronous_mode=True, fixed_delta_s=0.05)
        simulator = Simulator(world, NoTowns(), 1234, recordings=Recordings(tmp_path))
        dispatcher = Dispatcher(PROCEDURES, simulator, lambda: world.tick(world.tick_delta_s, {1}))

        def call(name, *arguments):
            return dispatcher.execute(Request(1, name, arguments))

        there = [[0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]
        call("spawn_actor", CAR_DESCRIPTION, there)
        call("spawn_actor", [0, "walker.pedestrian.0001", []], [[8.0, 5.0, 1.0], [0.0, 0.0, 0.0]])
        call("spawn_actor_with_parent", IMU_DESCRIPTION, there, messages.CAR, 0, "")
        assert list(world.actors)[-3:] == [messages.CAR, messages.WALKER, messages.SENSOR]
        call("start_recorder", "fuzz.log", True)
        call("tick_cue")
        call("tick_cue")
        return call, world

    return make


def test_every_example_is_answered_without_an_internal_error(prepare):
    call, _ = prepare()
    for name, arguments in ARGUMENTS.items():
        answer = call(name, *arguments)
        assert "internal error" not in str(answer), (name, answer)
        assert answer[1] is None
        RpcWriter().reply(1, *answer)


@pytest.mark.parametrize("seed", range(2))
def test_wrong_arguments_are_never_an_internal_error(prepare, seed):
    check_wrong_arguments(prepare, 4000, seed)


@pytest.mark.slow
def test_a_hundred_thousand_wrong_arguments_are_never_an_internal_error(prepare):
    check_wrong_arguments(prepare, 100_000, 2)


def check_wrong_arguments(prepare, count, seed):
    random = np.random.default_rng(seed)
    names = [name for name, arguments in ARGUMENTS.items() if arguments]
    call, world = prepare()
    for number in range(count):
        if number % 1000 == 999:
            call, world = prepare()
        name = names[int(random.integers(len(names)))]
        arguments = spoiled_value(random, ARGUMENTS[name])
        arguments = arguments if isinstance(arguments, list) else [arguments]
        result, error = call(name, *arguments)
        assert "internal error" not in str(result)[:400], (name, arguments, result)
        assert error is None
        RpcWriter().reply(1, result, error)
        if number % 50 == 49:
            frame = world.frame
            world.tick(0.05, {1})
            assert world.frame == frame + 1
            assert np.isfinite(world.vehicles.position_m).all()
            assert np.isfinite(world.walkers.position_m).all()
