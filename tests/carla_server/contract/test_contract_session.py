"""Connect, tick, settings, maps, reload: what every client does first."""

import carla
import numpy as np
import pytest


def test_the_server_names_the_clients_own_version(server):
    client = server.client()
    assert client.get_server_version() == client.get_client_version() == "0.9.16"


def test_a_hundred_synchronous_ticks_number_the_frames_one_by_one(world):
    first = world.tick()
    frames = [world.tick() for _ in range(99)]
    assert frames == list(range(first + 1, first + 100))
    snapshot = world.get_snapshot()
    assert snapshot.frame == frames[-1]
    assert snapshot.timestamp.delta_seconds == pytest.approx(0.05)


def test_time_advances_by_the_fixed_delta(world):
    world.tick()
    before = world.get_snapshot().timestamp.elapsed_seconds
    for _ in range(20):
        world.tick()
    assert world.get_snapshot().timestamp.elapsed_seconds - before == pytest.approx(1.0)


@pytest.mark.parametrize("delta_s", [0.1, 0.066667, 0.033333, 0.016667, 0.011112])
def test_asynchronous_snapshots_have_the_fixed_delta_at_once(server, delta_s):
    world = server.client().get_world()
    world.apply_settings(carla.WorldSettings(fixed_delta_seconds=delta_s))
    deltas = [world.wait_for_tick(20.0).timestamp.delta_seconds for _ in range(5)]
    world.apply_settings(carla.WorldSettings())
    assert deltas == pytest.approx([delta_s] * 5, abs=1e-7)


@pytest.mark.parametrize(("ticks_itself", "tick_after"), [(False, False), (True, False), (False, True)])
def test_a_batch_advances_time_only_when_it_is_told_to(client, world, ticks_itself, tick_after):
    blueprint = world.get_blueprint_library().find("vehicle.audi.a2")
    before = world.get_snapshot().frame
    spawn = carla.command.SpawnActor(blueprint, world.get_map().get_spawn_points()[0])
    answers = client.apply_batch_sync([spawn], ticks_itself)
    if tick_after:
        world.tick()
    assert [answer.error for answer in answers] == [""]
    assert world.get_snapshot().frame - before == ticks_itself + tick_after


def test_settings_come_back_as_they_were_applied(world):
    settings = world.get_settings()
    assert settings.synchronous_mode
    settings.fixed_delta_seconds = 0.1
    world.apply_settings(settings)
    assert world.get_settings().fixed_delta_seconds == pytest.approx(0.1)
    world.tick()
    assert world.get_snapshot().timestamp.delta_seconds == pytest.approx(0.1)


def test_asynchronous_mode_ticks_by_itself(server):
    world = server.client().get_world()
    first = world.wait_for_tick(20.0).frame
    assert world.wait_for_tick(20.0).frame > first


def test_the_map_parses_and_has_spawn_points_on_driving_lanes(world):
    town = world.get_map()
    assert town.name.endswith("TownGrid")
    points = town.get_spawn_points()
    assert len(points) > 50
    for point in points[::10]:
        waypoint = town.get_waypoint(point.location, project_to_road=True)
        assert waypoint.lane_type == carla.LaneType.Driving
        assert waypoint.transform.location.distance(point.location) < 1.0


def test_reload_starts_a_new_episode_with_the_same_map_and_no_cars(client, world):
    library = world.get_blueprint_library()
    world.spawn_actor(library.find("vehicle.audi.tt"), world.get_map().get_spawn_points()[0])
    frame = world.tick()
    settings_kept = client.reload_world(False)
    assert settings_kept.id != world.id
    assert settings_kept.get_settings().synchronous_mode
    assert settings_kept.tick() > frame
    assert len(settings_kept.get_actors().filter("vehicle.*")) == 0
    assert settings_kept.get_snapshot().timestamp.elapsed_seconds < 1.0


def test_an_unknown_map_is_refused_with_the_names_of_those_that_exist(client, world):
    with pytest.raises(RuntimeError, match=r"Town99.*TownGrid"):
        client.load_world("Town99")
    world.tick()


def test_available_maps_lists_the_shipped_town(server):
    assert "/Game/Carla/Maps/TownGrid" in server.client().get_available_maps()


def test_the_weather_comes_back_as_it_was_set(world):
    wanted = carla.WeatherParameters.HardRainSunset
    world.set_weather(wanted)
    world.tick()
    assert world.get_weather() == wanted


def test_two_clients_see_the_same_world_and_either_may_tick(server, world):
    other = server.client().get_world()
    assert other.id == world.id
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.audi.tt"), world.get_map().get_spawn_points()[3])
    frame = world.tick()
    assert other.tick() == frame + 1
    assert other.get_actor(car.id).type_id == "vehicle.audi.tt"
    assert world.tick() == frame + 2


def test_blueprints_have_a_first_recommended_value_for_every_attribute(world):
    library = world.get_blueprint_library()
    assert len(library.filter("vehicle.*")) == 41
    assert len(library.filter("walker.pedestrian.*")) == 52
    for blueprint in library:
        for attribute in blueprint:
            assert list(attribute.recommended_values), (blueprint.id, attribute.id)
    assert library.find("vehicle.lincoln.mkz_2020").get_attribute("base_type") == "car"


def test_level_queries_return_the_towns_buildings_and_lamps(world):
    buildings = world.get_environment_objects(carla.CityObjectLabel.Buildings)
    assert len(buildings) > 10
    assert all(item.bounding_box.extent.z > 1.0 for item in buildings)
    assert len(world.get_level_bbs(carla.CityObjectLabel.TrafficLight)) > 0
    assert len(world.get_lightmanager().get_all_lights()) > 10


def test_a_ray_downwards_meets_the_road(world):
    point = world.get_map().get_spawn_points()[0].location
    start = carla.Location(point.x, point.y, point.z + 20.0)
    hit = world.ground_projection(start, 100.0)
    assert hit.label == carla.CityObjectLabel.Roads
    assert hit.location.distance(carla.Location(point.x, point.y, hit.location.z)) < 1e-3
    assert world.cast_ray(start, carla.Location(point.x, point.y, -20.0))
    assert np.isfinite(hit.location.z)
