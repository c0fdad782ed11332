"""Session, map, time, settings and weather."""

from __future__ import annotations

import time
from typing import Any

from carla_server.api.files import MAP_PREFIX
from carla_server.api.simulator import Simulator
from carla_server.api.table import AfterTick, Returns, rows
from carla_server.roads.generation import Generation
from carla_server.wire.structs import (
    InvalidArgument,
    pose_to_wire,
    read_array,
    read_bool,
    read_float,
    read_id,
    read_int,
    read_settings,
    read_str,
)
from carla_server.world.blueprints import LIBRARY
from carla_server.world.map_layers import ALL_LAYERS, numbers_in_layers
from carla_server.world.population import WORLD_STREAM_ID
from carla_server.world.weather import read_weather

GENERATED_MAP = "OpenDriveMap"
"""Name under which `generate_opendrive_world` loads the text it has sent."""


def version(simulator: Simulator) -> str:
    return simulator.world.layout.version


def get_episode_info(simulator: Simulator) -> list:
    return [simulator.world.episode_id, [simulator.token(WORLD_STREAM_ID)]]


def get_map_info(simulator: Simulator) -> list:
    town = simulator.world.town
    return [MAP_PREFIX + town.name, [pose_to_wire(tuple(pose)) for pose in town.spawn_points.tolist()]]


def get_map_data(simulator: Simulator) -> str:
    return simulator.world.town.opendrive


def get_available_maps(simulator: Simulator) -> list[str]:
    return [f"/Game/{MAP_PREFIX}{name}" for name in simulator.towns.names()]


def load_new_episode(
    simulator: Simulator, map_name: Any, reset_settings: Any = True, map_layers: Any = ALL_LAYERS
) -> None:
    """Load a map by name, with some of its layers; an empty name reloads the present one."""
    layers = read_int(map_layers, "map layers", 0, ALL_LAYERS)
    name = read_str(map_name, "map name").rstrip("/").rsplit("/", 1)[-1]
    reset = read_bool(reset_settings, "reset_settings")
    world = simulator.world
    if not name or (name == world.town.name and simulator.opendrive is None):
        town = world.whole_town
    elif name == GENERATED_MAP:
        town = _generated(simulator)
    else:
        try:
            town = simulator.towns.load(name)
        except ValueError as error:
            raise InvalidArgument(str(error)) from error
    world.begin_episode(town, reset_settings=reset)
    world.hide_scenery(numbers_in_layers(town, ALL_LAYERS & ~layers))


def copy_opendrive_to_file(simulator: Simulator, opendrive: Any, parameters: Any) -> None:
    simulator.opendrive = read_str(opendrive, "OpenDRIVE text"), _read_generation(parameters)


def get_actor_definitions(simulator: Simulator) -> list:
    base = simulator.world.layout.attribute_type_base
    return [blueprint.to_wire(base) for blueprint in LIBRARY.values()]


def get_spectator(simulator: Simulator) -> list:
    return simulator.actor_to_wire(simulator.world.spectator)


def tick_cue(simulator: Simulator) -> AfterTick:
    return AfterTick(lambda: simulator.world.frame)


def get_episode_settings(simulator: Simulator) -> list:
    return simulator.world.settings.to_wire()


def set_episode_settings(simulator: Simulator, settings: Any) -> int:
    simulator.world.settings = read_settings(settings)
    return simulator.world.frame


def get_weather_parameters(simulator: Simulator) -> list[float]:
    return list(simulator.world.weather)


def set_weather_parameters(simulator: Simulator, weather: Any) -> None:
    simulator.world.set_weather(read_weather(weather))


def is_traffic_manager_running(simulator: Simulator, port: Any) -> bool:
    return read_int(port, "port", 0, 65535) in simulator.traffic_managers


def get_traffic_manager_running(simulator: Simulator, port: Any) -> list:
    number = read_int(port, "port", 0, 65535)
    address = simulator.traffic_managers.get(number)
    return ["", 0] if address is None else [address, number]


def add_traffic_manager_running(simulator: Simulator, info: Any) -> bool:
    """Register a client's Traffic Manager; False if its port is taken."""
    if not isinstance(info, list) or len(info) != 2:
        raise InvalidArgument(f"traffic manager is {info!r}, it must be [address, port]")
    port = read_int(info[1], "port", 0, 65535)
    if port in simulator.traffic_managers:
        return False
    simulator.traffic_managers[port] = read_str(info[0], "address")
    simulator.traffic_manager_added_s = time.monotonic()
    return True


def destroy_traffic_manager(simulator: Simulator, port: Any) -> bool:
    return simulator.traffic_managers.pop(read_int(port, "port", 0, 65535), None) is not None


def get_sensor_token(simulator: Simulator, stream_id: Any) -> list:
    """Token of a stream; announces that a subscription is about to connect."""
    number = read_id(stream_id, "stream id")
    if number != WORLD_STREAM_ID and number not in {actor.stream_id for actor in simulator.world.actors.values()}:
        raise InvalidArgument(f"no sensor has stream {number}")
    simulator.announced[number] += 1
    return [simulator.token(number)]


def _generated(simulator: Simulator) -> Any:
    if simulator.opendrive is None:
        raise InvalidArgument(f"{GENERATED_MAP} exists only after generate_opendrive_world has sent its OpenDRIVE")
    (text, generation), simulator.opendrive = simulator.opendrive, None
    try:
        return simulator.towns.build(GENERATED_MAP, text, generation)
    except ValueError as error:
        raise InvalidArgument(f"the OpenDRIVE text cannot be used: {error}") from error


def _read_generation(value: Any) -> Generation:
    """carla.OpendriveGenerationParameters; `max_road_length` and `smooth_junctions` have no effect here."""
    vertex_distance, max_road_length, wall_height, additional_width, smooth, visible, walkers = read_array(
        value, "OpenDRIVE generation parameters", 7
    )[:7]
    read_float(max_road_length, "max_road_length", 0.0, 1e6)
    read_bool(smooth, "smooth_junctions")
    return Generation(
        vertex_distance_m=read_float(vertex_distance, "vertex_distance", 0.2, 100.0),
        wall_height_m=read_float(wall_height, "wall_height", 0.0, 50.0),
        additional_width_m=read_float(additional_width, "additional_width", 0.0, 10.0),
        visible=read_bool(visible, "enable_mesh_visibility"),
        walkers=read_bool(walkers, "enable_pedestrian_navigation"),
    )


PROCEDURES = {
    **rows(
        Returns.VALUE,
        version,
        get_episode_info,
        get_map_info,
        get_map_data,
        get_available_maps,
        get_actor_definitions,
        get_spectator,
        tick_cue,
        get_episode_settings,
        set_episode_settings,
        get_weather_parameters,
        is_traffic_manager_running,
        get_traffic_manager_running,
        add_traffic_manager_running,
        destroy_traffic_manager,
        get_sensor_token,
    ),
    **rows(Returns.VOID, load_new_episode, copy_opendrive_to_file, set_weather_parameters),
}
