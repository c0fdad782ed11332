"""What a vehicle at a stop sign sees through the client, as CARLA shows it: a red state without a traffic light."""

import carla
import pytest


@pytest.fixture
def stop_line(world):
    """Waypoint in the trigger box of a stop sign."""
    sign = min(world.get_actors().filter("traffic.stop"), key=lambda actor: actor.id)
    place = sign.get_transform().transform(sign.trigger_volume.location)
    return world.get_map().get_waypoint(place)


def place(world, waypoint, along_m, turned_deg=0.0):
    pose = waypoint.transform
    forward = pose.get_forward_vector()
    pose.location += carla.Location(forward.x * along_m, forward.y * along_m, 0.3)
    pose.rotation.yaw += turned_deg
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    car = world.spawn_actor(blueprint, pose)
    car.apply_control(carla.VehicleControl(brake=1.0))
    return car


def states(world, car, ticks):
    seen = []
    for _ in range(ticks):
        world.tick()
        assert not car.is_at_traffic_light()
        seen.append(car.get_traffic_light_state())
    return seen


def test_a_stop_sign_holds_a_vehicle_for_two_seconds(world, stop_line):
    car = place(world, stop_line, 0.0)
    seen = states(world, car, 50)
    red = carla.TrafficLightState.Red
    assert seen[:40] == [red] * 40
    assert seen[42:] == [carla.TrafficLightState.Green] * 8
    car.destroy()


def test_a_stop_sign_holds_a_vehicle_while_another_is_in_its_way(world, stop_line):
    car = place(world, stop_line, 0.0)
    crossing = place(world, stop_line, 12.0, turned_deg=90.0)
    assert states(world, car, 60)[-1] == carla.TrafficLightState.Red
    crossing.destroy()
    assert states(world, car, 2)[-1] == carla.TrafficLightState.Green
    car.destroy()
