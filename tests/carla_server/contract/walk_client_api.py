"""Calls every public method and property of the CARLA client once: `python walk_client_api.py PORT TM_PORT FOLDER`.

Prints one JSON line a call: its name, whether it returned or was refused with a RuntimeError, and that error's text.
A call that neither returns nor raises within a minute ends the process with its stack.
"""

import faulthandler
import json
import sys
from pathlib import Path

import carla

CALL_TIMEOUT_S = 60
CLASSES = (
    *(carla.Client, carla.World, carla.WorldSnapshot, carla.ActorList, carla.Actor, carla.Vehicle, carla.Walker),
    *(carla.WalkerAIController, carla.TrafficLight, carla.TrafficSign, carla.Sensor, carla.ServerSideSensor),
    *(carla.TrafficManager, carla.LightManager, carla.Light, carla.DebugHelper, carla.BlueprintLibrary),
    *(carla.ActorBlueprint, carla.Map, carla.Waypoint, carla.Junction, carla.Landmark),
)
done = set()


def call(owner, name, *arguments, **options):
    """Call a method, or read a property, of an object and say how it went; returns its result or None."""
    faulthandler.dump_traceback_later(CALL_TIMEOUT_S, exit=True)
    kind = next(kind for kind in type(owner).__mro__ if name in vars(kind)).__name__
    done.add(f"{kind}.{name}")
    found = None
    told = {"call": f"{kind}.{name}", "outcome": "returned", "text": ""}
    try:
        found = getattr(owner, name)
        if callable(found):
            found = found(*arguments, **options)
    except TypeError as error:
        if "No to_python" not in str(error):  # the client's own: it cannot hand over what it has
            raise
        told |= {"outcome": "client", "text": str(error)}
    except RuntimeError as error:
        told |= {"outcome": "refused", "text": str(error)}
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps(told), flush=True)
    return found


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


def junctions(town):
    return [(a.get_junction(), a) for a, _ in town.get_topology() if a.is_junction]


def walk_textures(world):
    color, floats = carla.TextureColor(2, 2), carla.TextureFloatColor(2, 2)
    material = carla.MaterialParameter.Diffuse
    call(world, "apply_color_texture_to_object", "wall", material, color)
    call(world, "apply_color_texture_to_objects", ["wall"], material, color)
    call(world, "apply_float_color_texture_to_object", "wall", material, floats)
    call(world, "apply_float_color_texture_to_objects", ["wall"], material, floats)
    call(world, "apply_textures_to_object", "wall", color, floats, floats, floats)
    call(world, "apply_textures_to_objects", ["wall"], color, floats, floats, floats)


def walk_map(town, points):
    waypoint = call(town, "get_waypoint", points[0].location)
    for name in ("name", "get_topology", "get_crosswalks", "get_all_landmarks", "to_opendrive", "get_all_road_marks"):
        call(town, name)
    call(town, "generate_waypoints", 50.0)
    geo = call(town, "transform_to_geolocation", points[0].location)
    call(town, "geolocation_to_transform", geo)
    landmark = town.get_all_landmarks()[0]
    call(town, "get_all_landmarks_from_id", landmark.id)
    call(town, "get_all_landmarks_of_type", landmark.type)
    call(town, "get_landmark_group", landmark)
    call(town, "get_all_road_marks_of_type", "solid")
    call(town, "get_road_marks_from_id", "1")
    call(town, "get_waypoint_xodr", waypoint.road_id, waypoint.lane_id, waypoint.s)
    call(town, "save_to_disk", str(Path(sys.argv[3]) / "town.xodr"))
    call(town, "cook_in_memory_map", str(Path(sys.argv[3]) / "town.bin"))
    for name in (
        *("id", "is_intersection", "is_junction", "is_rht", "junction_id", "lane_change", "lane_id", "lane_type"),
        *("lane_width", "left_lane_marking", "right_lane_marking", "road_id", "s", "section_id", "transform"),
        *("get_left_lane", "get_right_lane"),
    ):
        call(waypoint, name)
    for name in ("next", "previous", "next_until_lane_end", "previous_until_lane_start", "get_landmarks"):
        call(waypoint, name, 5.0)
    call(waypoint, "get_landmarks_of_type", 100.0, landmark.type)
    junction, inside = junctions(town)[0]
    call(inside, "get_junction")
    call(junction, "id")
    call(junction, "bounding_box")
    call(junction, "get_waypoints", carla.LaneType.Driving)
    for name in (
        *("country", "distance", "get_lane_validities", "h_offset", "height", "id", "is_dynamic", "name", "pitch"),
        *("orientation", "road_id", "roll", "s", "sub_type", "t", "text", "transform", "type", "unit", "value"),
        *("waypoint", "width", "z_offset"),
    ):
        call(landmark, name)


def walk_debug(debug, place):
    box = carla.BoundingBox(place, carla.Vector3D(1, 1, 1))
    end = place + carla.Location(x=3)
    call(debug, "draw_point", place)
    call(debug, "draw_line", place, end)
    call(debug, "draw_arrow", place, end)
    call(debug, "draw_box", box, carla.Rotation())
    call(debug, "draw_string", place, "hello")
    call(debug, "draw_hud_point", place)
    call(debug, "draw_hud_line", place, end)
    call(debug, "draw_hud_arrow", place, end)
    call(debug, "draw_hud_box", box, carla.Rotation())
    call(debug, "clear_debug_shape")
    call(debug, "clear_debug_string")


def walk_lights(world):
    manager = call(world, "get_lightmanager")
    lights = call(manager, "get_all_lights")
    red, state, group = carla.Color(255, 0, 0), carla.LightState(100.0), carla.LightGroup.Street
    for name in ("get_turned_off_lights", "get_turned_on_lights"):
        call(manager, name, group)
    for name in (
        "get_color",
        "get_intensity",
        "get_light_group",
        "get_light_state",
        "is_active",
        "turn_on",
        "turn_off",
    ):
        call(manager, name, lights)
    call(manager, "set_active", lights, [True] * len(lights))
    call(manager, "set_color", lights, red)
    call(manager, "set_colors", lights, [red] * len(lights))
    call(manager, "set_intensity", lights, 50.0)
    call(manager, "set_intensities", lights, [50.0] * len(lights))
    call(manager, "set_light_group", lights, group)
    call(manager, "set_light_groups", lights, [group] * len(lights))
    call(manager, "set_light_state", lights, state)
    call(manager, "set_light_states", lights, [state] * len(lights))
    call(manager, "set_day_night_cycle", True)
    lamp = lights[0]
    for name in (
        "color",
        "id",
        "intensity",
        "is_on",
        "light_group",
        "light_state",
        "location",
        "turn_off",
        "turn_on",
    ):
        call(lamp, name)
    for name, value in (("color", red), ("intensity", 5.0), ("light_group", group), ("light_state", state)):
        call(lamp, f"set_{name}", value)
    call(world, "tick")


def walk_actor(car, other):
    for name in (
        *("actor_state", "attributes", "bounding_box", "id", "is_active", "is_alive", "is_dormant", "parent"),
        *("semantic_tags", "type_id", "get_acceleration", "get_angular_velocity", "get_bone_names", "get_location"),
        *("get_bone_relative_transforms", "get_bone_world_transforms", "get_component_names", "get_socket_names"),
        *(
            "get_socket_relative_transforms",
            "get_socket_world_transforms",
            "get_transform",
            "get_velocity",
            "get_world",
        ),
    ):
        call(car, name)
    for name in ("get_component_relative_transform", "get_component_world_transform"):
        call(car, name, "root")
    push = carla.Vector3D(10, 0, 0)
    for name in ("add_angular_impulse", "add_force", "add_impulse", "add_torque", "enable_constant_velocity"):
        call(other, name, push)
    call(other, "disable_constant_velocity")
    for name in ("set_target_angular_velocity", "set_target_velocity"):
        call(other, name, push)
    for name in ("set_collisions", "set_enable_gravity", "set_simulate_physics"):
        call(other, name, True)
    call(other, "set_location", other.get_location())
    call(other, "set_transform", other.get_transform())


def walk_vehicle(car):
    for name in (
        *("get_ackermann_controller_settings", "get_control", "get_failure_state", "get_light_state"),
        *("get_physics_control", "get_speed_limit", "get_telemetry_data", "get_traffic_light"),
        *("get_traffic_light_state", "get_vehicle_bone_world_transforms", "is_at_traffic_light"),
        *("restore_physx_physics",),
    ):
        call(car, name)
    call(car, "apply_control", carla.VehicleControl(throttle=0.5))
    call(car, "apply_ackermann_control", carla.VehicleAckermannControl(speed=3.0))
    call(car, "apply_ackermann_controller_settings", carla.AckermannControllerSettings())
    call(car, "apply_physics_control", car.get_physics_control())
    wheel = carla.VehicleWheelLocation.FL_Wheel
    for name in ("get_wheel_steer_angle", "get_wheel_pitch_angle"):
        call(car, name, wheel)
    for name in ("set_wheel_steer_direction", "set_wheel_pitch_angle"):
        call(car, name, wheel, 10.0)
    for name in ("open_door", "close_door"):
        call(car, name, carla.VehicleDoor.FL)
    call(car, "set_light_state", carla.VehicleLightState(carla.VehicleLightState.Brake))
    call(car, "show_debug_telemetry", True)
    call(car, "enable_carsim", "file.sim")
    call(car, "use_carsim_road", True)
    call(car, "enable_chrono_physics", 5000, 0.002, "a.json", "b.json", "c.json", "folder")


def walk_walker(world, person, mind):
    call(person, "apply_control", carla.WalkerControl(carla.Vector3D(1, 0, 0), 1.0))
    call(person, "get_control")
    call(person, "get_bones")
    bones = carla.WalkerBoneControlIn()
    bones.bone_transforms = [("crl_arm__L", carla.Transform())]
    call(person, "set_bones", bones)
    call(person, "blend_pose", 0.5)
    for name in ("get_pose_from_animation", "hide_pose", "show_pose"):
        call(person, name)
    call(mind, "start")
    call(mind, "go_to_location", person.get_location())
    call(mind, "set_max_speed", 1.4)
    call(world, "tick")
    call(mind, "stop")


def walk_traffic_light(light):
    for name in (
        *("get_affected_lane_waypoints", "get_elapsed_time", "get_green_time", "get_group_traffic_lights"),
        *("get_light_boxes", "get_opendrive_id", "get_pole_index", "get_red_time", "get_state", "get_stop_waypoints"),
        *("get_yellow_time", "is_frozen", "reset_group", "state"),
    ):
        call(light, name)
    call(light, "freeze", True)
    call(light, "freeze", False)
    call(light, "set_state", carla.TrafficLightState.Green)
    for name in ("set_green_time", "set_red_time", "set_yellow_time"):
        call(light, name, 3.0)


def walk_sensors(world, camera, gnss):
    call(gnss, "is_listening")
    call(gnss, "listen", lambda measured: None)
    call(world, "tick")
    call(gnss, "stop")
    for name in ("enable_for_ros", "disable_for_ros", "is_enabled_for_ros", "get_ignored_vehicles"):
        call(camera, name)
    gbuffer = carla.GBufferTextureID.SceneColor
    call(camera, "enable_gbuffers", True)
    call(camera, "is_listening_gbuffer", gbuffer)
    call(camera, "listen_to_gbuffer", gbuffer, lambda picture: None)
    call(camera, "stop_gbuffer", gbuffer)
    call(camera, "set_ignored_vehicles", [])
    call(camera, "send", "hello")
    call(world, "tick")


def walk_batch(client, other):
    commands = [
        carla.command.ApplyVehicleControl(other, carla.VehicleControl()),
        carla.command.ApplyTransform(other, other.get_transform()),
        carla.command.DestroyActor(987_654),
    ]
    call(client, "apply_batch", commands)
    answers = call(client, "apply_batch_sync", commands, False)
    assert [bool(answer.error) for answer in answers] == [False, False, True]


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
