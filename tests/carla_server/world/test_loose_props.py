"""Props with physics fall to the ground and lie there; all others stay where they are put."""

from types import SimpleNamespace

import pytest

from carla_server.api.actors import set_actor_location, set_actor_simulate_physics
from carla_server.roads.towns import load_town
from carla_server.wire.structs import ActorDescription
from carla_server.world.world import World

BOX = ActorDescription(0, "static.prop.box01", ())
CAR = ActorDescription(0, "vehicle.tesla.model3", ())


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
def let_fall(world):
    simulator = SimpleNamespace(world=world)
    return lambda actor, enabled=True: set_actor_simulate_physics(simulator, actor.actor_id, enabled)


def ticked(world, actor, ticks):
    heights = []
    for _ in range(ticks):
        world.tick(0.05, {})
        heights.append(world.pose_of(actor)[2])
    return heights


def test_a_prop_stays_in_the_air_until_physics_is_switched_on_and_then_lands_as_it_is(world, let_fall):
    box = world.spawn(BOX, (5.0, 5.0, 3.0, 0.0, 30.0, 0.0))
    assert ticked(world, box, 10) == [3.0] * 10
    let_fall(box)
    heights = ticked(world, box, 10)
    assert heights[-1] == pytest.approx(3.0 - 0.5 * 9.81 * 0.5**2, abs=0.15)
    assert box.velocity_mps[2] == pytest.approx(-9.81 * 0.5)
    heights = ticked(world, box, 20)
    foot_m = box.box.center_m[2] - box.box.extent_m[2]
    assert heights[-1] + foot_m == pytest.approx(0.0, abs=1e-6)
    assert min(heights) == heights[-1], "it does not bounce or sink in"
    assert box.velocity_mps == (0.0, 0.0, 0.0)
    assert world.pose_of(box)[:2] == (5.0, 5.0)
    assert world.pose_of(box)[4] == pytest.approx(30.0)
    assert not world.loose_props


def test_physics_switched_off_holds_a_falling_prop_and_a_teleported_one_falls_again(world, let_fall):
    box = world.spawn(BOX, (5.0, 5.0, 3.0, 0.0, 0.0, 0.0))
    let_fall(box)
    ticked(world, box, 5)
    let_fall(box, False)
    (first, *others) = ticked(world, box, 5)
    assert 1.0 < first < 3.0
    assert others == [first] * 4
    assert box.velocity_mps == (0.0, 0.0, 0.0)
    let_fall(box)
    ticked(world, box, 40)
    set_actor_location(SimpleNamespace(world=world), box.actor_id, [6.0, 5.0, 2.0])
    assert ticked(world, box, 40)[-1] == pytest.approx(0.0, abs=0.01)
    world.destroy(box.actor_id)
    world.tick(0.05, {})


def test_a_car_is_stopped_by_a_box_that_has_fallen_into_its_way_and_not_by_one_above_it(world, let_fall):
    for lands in (False, True):
        box = world.spawn(ActorDescription(0, "static.prop.streetbarrier", ()), (30.0, 0.0, 6.0, 0.0, 90.0, 0.0))
        if lands:
            let_fall(box)
            ticked(world, box, 40)
        car = world.spawn(CAR, (0.0, 0.0, 0.05, 0.0, 0.0, 0.0))
        world.vehicles.set_velocity(car.actor_id, (10.0, 0.0, 0.0))
        world.vehicles.set_control(car.actor_id, (0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        for _ in range(100):
            world.tick(0.05, {})
        x_m = world.pose_of(car)[0]
        assert (x_m < 30.0) == lands
        world.destroy(car.actor_id)
        world.destroy(box.actor_id)


def test_a_prop_above_a_bridge_lands_on_its_deck(let_fall, world):
    river = World(load_town("TownRiver"), seed=1)
    deck = river.town.bridges[0]
    x, y, z = ((deck.left_m[0] + deck.right_m[0]) / 2.0).tolist()
    box = river.spawn(BOX, (x, y, z + 3.0, 0.0, 0.0, 0.0))
    set_actor_simulate_physics(SimpleNamespace(world=river), box.actor_id, True)
    assert ticked(river, box, 60)[-1] == pytest.approx(z, abs=0.3)
