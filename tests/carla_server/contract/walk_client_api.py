"""Calls every public method and property of the CARLA client once: `python walk_client_api.py PORT TM_PORT FOLDER`.

Prints one JSON line a call: its name, whether it returned or was refused with a RuntimeError, and that error's text.
"""

import json
import sys

import carla
from told_call import CLASSES, call, done
from walk_actors import walk_actor, walk_batch, walk_sensors, walk_vehicle, walk_walker
from walk_roads import junctions, walk_debug, walk_lights, walk_map, walk_textures, walk_traffic_light


def synchronous(world):
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = 0.05
    call(world, "apply_settings", settings)


def walk_world(client, world):
    library = call(world, "get_blueprint_library")
    for name, argument in (("find", "vehicle.audi.tt"), ("filter", "walker.*")):
        call(library, name, argument)
    call(library, "filter_by_attribute", "base_type", "car")
    blueprint = library.find("vehicle.tesla.model3")
    call(blueprint, "set_attribute", "role_name", "hero")
    for name in ("get_attribute", "has_attribute"):
        call(blueprint, name, "role_name")
    call(blueprint, "has_tag", "tesla")
    call(blueprint, "match_tags", "vehicle.*")
    for name in ("id", "tags"):
        call(blueprint, name)
    town = call(world, "get_map")
    points = call(town, "get_spawn_points")
    car = call(world, "spawn_actor", blueprint, points[0])
    other = call(world, "try_spawn_actor", library.find("vehicle.audi.tt"), points[10])
    person = world.spawn_actor(library.find("walker.pedestrian.0001"), points[20])
    mind = world.spawn_actor(library.find("controller.ai.walker"), carla.Transform(), attach_to=person)
    camera_type = library.find("sensor.camera.rgb")
    camera_type.set_attribute("image_size_x", "64")
    camera_type.set_attribute("image_size_y", "48")
    camera = world.spawn_actor(camera_type, carla.Transform(carla.Location(z=3)), attach_to=car)
    gnss = world.spawn_actor(library.find("sensor.other.gnss"), carla.Transform(), attach_to=car)
    call(world, "tick")
    walk_map(town, points)
    actors = call(world, "get_actors")
    call(actors, "find", car.id)
    call(actors, "filter", "vehicle.*")
    light = actors.filter("traffic.traffic_light*")[0]
    sign = next(actor for actor in actors.filter("traffic.*") if "light" not in actor.type_id)
    snapshot = call(world, "get_snapshot")
    for name in ("delta_seconds", "elapsed_seconds", "frame", "frame_count", "id", "platform_timestamp", "timestamp"):
        call(snapshot, name)
    call(snapshot, "find", car.id)
    call(snapshot, "has_actor", car.id)
    ground = points[0].location
    above = ground + carla.Location(z=5)
    for name in (
        *("get_names_of_all_objects", "get_imui_sensor_gravity", "get_random_location_from_navigation"),
        *("get_settings", "get_spectator", "get_vehicles_light_states", "get_weather", "id", "debug"),
    ):
        call(world, name)
    call(world, "cast_ray", above, ground - carla.Location(z=5))
    call(world, "ground_projection", above, 100.0)
    call(world, "project_point", above, carla.Vector3D(0, 0, -1), 100.0)
    call(world, "freeze_all_traffic_lights", True)
    call(world, "freeze_all_traffic_lights", False)
    call(world, "reset_all_traffic_lights")
    call(world, "get_actor", car.id)
    objects = call(world, "get_environment_objects", carla.CityObjectLabel.Any)
    call(world, "enable_environment_objects", {objects[0].id}, False)
    call(world, "get_level_bbs", carla.CityObjectLabel.Any)
    for name in ("load_map_layer", "unload_map_layer"):
        call(world, name, carla.MapLayer.Buildings)
    landmark = town.get_all_landmarks()[0]
    waypoint = town.get_waypoint(points[0].location)
    call(world, "get_traffic_light", landmark)
    call(world, "get_traffic_sign", landmark)
    call(world, "get_traffic_light_from_opendrive_id", light.get_opendrive_id())
    call(world, "get_traffic_lights_from_waypoint", waypoint, 50.0)
    call(world, "get_traffic_lights_in_junction", next(pair[0] for pair in junctions(town)).id)
    number = call(world, "on_tick", lambda snapshot: None)
    call(world, "tick")
    call(world, "remove_on_tick", number)
    call(world, "set_annotations_traverse_translucency", True)
    call(world, "set_imui_sensor_gravity", 9.81)
    call(world, "set_pedestrians_cross_factor", 0.5)
    call(world, "set_pedestrians_seed", 3)
    call(world, "set_weather", carla.WeatherParameters.WetNoon)
    walk_textures(world)
    walk_debug(world.debug, above)
    walk_lights(world)
    walk_actor(car, other)
    walk_vehicle(car)
    walk_walker(world, person, mind)
    walk_traffic_light(light)
    call(sign, "trigger_volume")
    walk_sensors(world, camera, gnss)
    walk_batch(client, other)
    call(car, "destroy")


def walk_traffic_manager(client, world, port):
    library = world.get_blueprint_library()
    cars = [
        world.spawn_actor(library.find("vehicle.audi.tt"), point)
        for point in world.get_map().get_spawn_points()[:40:20]
    ]
    world.tick()
    manager = call(client, "get_trafficmanager", port)
    call(manager, "set_synchronous_mode", True)
    call(manager, "get_port")
    for name, value in (
        *(("global_lane_offset", 0.1), ("global_percentage_speed_difference", 10.0), ("set_random_device_seed", 1)),
        *(("set_boundaries_respawn_dormant_vehicles", (10.0, 100.0)), ("set_hybrid_physics_mode", False)),
        *(
            ("set_global_distance_to_leading_vehicle", 2.0),
            ("set_hybrid_physics_radius", 50.0),
            ("set_osm_mode", False),
        ),
        *(("set_respawn_dormant_vehicles", False),),
    ):
        call(manager, name, *(value if isinstance(value, tuple) else (value,)))
    call(cars[0], "set_autopilot", True, port)
    for name, value in (
        *(("auto_lane_change", True), ("distance_to_leading_vehicle", 2.0), ("force_lane_change", True)),
        *(("ignore_lights_percentage", 0.0), ("ignore_signs_percentage", 0.0), ("ignore_vehicles_percentage", 0.0)),
        *(("ignore_walkers_percentage", 0.0), ("keep_slow_lane_rule_percentage", 0.0), ("set_desired_speed", 20.0)),
        *(("random_left_lanechange_percentage", 0.0), ("random_right_lanechange_percentage", 0.0)),
        *(("set_path", [cars[0].get_location()]), ("set_route", ["Straight"]), ("update_vehicle_lights", True)),
        *(("vehicle_lane_offset", 0.0), ("vehicle_percentage_speed_difference", 0.0)),
    ):
        call(manager, name, cars[0], value)
    call(manager, "collision_detection", cars[0], cars[1], True)
    for name in ("get_next_action", "get_all_actions"):
        call(manager, name, cars[0])
    call(cars[0], "set_autopilot", False, port)
    call(manager, "set_synchronous_mode", False)
    call(manager, "shut_down")


def walk_client(client, world):
    for name in ("get_available_maps", "get_client_version", "get_server_version", "get_required_files"):
        call(client, name)
    call(client, "set_timeout", 50.0)
    call(client, "set_files_base_folder", sys.argv[3])
    call(client, "request_file", client.get_required_files("Nav", False)[0])
    call(client, "start_recorder", "walk.log", True)
    call(world, "tick")
    call(world, "tick")
    call(client, "stop_recorder")
    call(client, "show_recorder_file_info", "walk.log", True)
    call(client, "show_recorder_collisions", "walk.log", "a", "a")
    call(client, "show_recorder_actors_blocked", "walk.log", 1.0, 1.0)
    call(client, "set_replayer_ignore_hero", False)
    call(client, "set_replayer_ignore_spectator", True)
    call(client, "set_replayer_time_factor", 1.0)
    call(client, "replay_file", "walk.log", 0.0, 0.0, 0)
    call(world, "tick")
    call(client, "stop_replayer", False)
    world = call(client, "reload_world", False)
    walk_traffic_manager(client, world, int(sys.argv[2]))
    name = world.get_map().name.rsplit("/", 1)[-1]
    call(client, "load_world_if_different", name)
    opendrive = world.get_map().to_opendrive()
    call(client, "generate_opendrive_world", opendrive)
    world = call(client, "load_world", name)
    call(world, "wait_for_tick")


def main():
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(50.0)
    world = call(client, "get_world")
    synchronous(world)
    walk_world(client, world)
    walk_client(client, world)
    known = {f"{kind.__name__}.{name}" for kind in CLASSES for name in vars(kind) if not name.startswith("_")}
    print(json.dumps({"left_out": sorted(known - done)}), flush=True)


if __name__ == "__main__":
    main()
