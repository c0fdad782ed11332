"""Batches of vehicle controls, which travel together, keep the meaning of one command after another."""

from types import SimpleNamespace

import pytest

from carla_server.api.batch import apply_batch
from carla_server.roads.towns import load_town
from carla_server.wire.structs import ActorDescription
from carla_server.world.world import World


@pytest.fixture
def simulator():
    world = World(load_town("TownGrid"), seed=0)
    description = ActorDescription(0, "vehicle.tesla.model3", ())
    for pose in world.town.spawn_points[:9:3].tolist():
        world.spawn(description, tuple(pose))
    return SimpleNamespace(world=world)


def control(actor_id, throttle, *, brake=0.0, reverse=False):
    return [[2, [actor_id, [throttle, 0.25, brake, False, reverse, False, 0]]]]


def destroy(actor_id):
    return [[1, [actor_id]]]


def ids_of(simulator):
    return [actor.actor_id for actor in simulator.world.vehicle_actors]


def test_every_vehicle_gets_its_own_control_and_its_own_answer(simulator):
    ids = ids_of(simulator)
    answers = apply_batch(simulator, [control(actor_id, 0.1 * row) for row, actor_id in enumerate(ids)], False)
    assert answers == [[[1, actor_id]] for actor_id in ids]
    assert simulator.world.vehicles.control[:, 0].tolist() == [0.1 * row for row in range(len(ids))]
    assert (simulator.world.vehicles.control[:, 1] == 0.25).all()


def test_the_last_of_two_controls_of_a_vehicle_holds(simulator):
    actor_id = ids_of(simulator)[1]
    apply_batch(simulator, [control(actor_id, 0.9), control(actor_id, 0.3, reverse=True)], False)
    assert simulator.world.vehicles.control[1].tolist() == [0.3, 0.25, 0.0, 0.0, 1.0, 0.0, 0.0]


def test_a_command_after_a_vehicles_end_is_refused_and_the_others_go_on(simulator):
    first, second, third = ids_of(simulator)
    commands = [control(first, 0.5), destroy(second), control(second, 0.6), control(third, 7.0), control(third, "x")]
    answers = apply_batch(simulator, commands, False)
    assert [answer[0][0] for answer in answers] == [1, 1, 0, 1, 0]
    assert str(second) in answers[2][0][1][0]
    assert "throttle is 'x'" in answers[4][0][1][0]
    assert simulator.world.vehicles.actor_ids.tolist() == [first, third]
    assert simulator.world.vehicles.control[:, 0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("command", [[], [[2, []]], [[2, [1]]], [[2, [[1], 2]]], 5, [[2, [2**40, [0.0] * 7]]]])
def test_a_mangled_control_is_answered_with_an_error(simulator, command):
    assert apply_batch(simulator, [command], False)[0][0][0] == 0
