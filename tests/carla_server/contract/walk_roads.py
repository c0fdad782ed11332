"""Calls of the map, of lights and textures, and of what can be drawn into the world."""

import sys
from pathlib import Path

import carla
from told_call import call


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
