"""An episode takes so many actors and no more."""

import pytest

from carla_server.wire.structs import ActorDescription, InvalidArgument
from carla_server.world import population

CONE = ActorDescription(0, "static.prop.trafficcone01", ())


def test_a_full_world_refuses_actors_until_one_has_gone(make_world, monkeypatch):
    world = make_world()
    monkeypatch.setattr(population, "MAX_ACTORS", len(world.actors) + 3)
    cones = [world.spawn(CONE, (3.0 * place, 0.0, 0.0, 0.0, 0.0, 0.0)) for place in range(3)]
    for _ in range(2):
        with pytest.raises(InvalidArgument, match="destroy some first"):
            world.spawn(CONE, (20.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    world.tick(0.05, ())
    world.destroy(cones[0].actor_id)
    assert world.spawn(CONE, (20.0, 0.0, 0.0, 0.0, 0.0, 0.0)).actor_id in world.actors


def test_a_new_episode_has_room_again(make_world, monkeypatch, tiny_town):
    world = make_world()
    monkeypatch.setattr(population, "MAX_ACTORS", len(world.actors) + 1)
    world.spawn(CONE, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    world.begin_episode(tiny_town)
    world.spawn(CONE, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
