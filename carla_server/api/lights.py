"""Traffic lights and street lamps."""

from __future__ import annotations

from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.wire.structs import InvalidArgument, read_bool, read_float, read_id, read_int, read_str
from carla_server.world.actors import TrafficLight
from carla_server.world.traffic_lights import LightState

_HEAD_EXTENT_M = [0.2, 0.2, 0.55]


def set_traffic_light_state(simulator: Simulator, actor_id: Any, state: Any) -> None:
    light = _light(simulator, actor_id)
    simulator.world.lights.set_state(light.site, LightState(read_int(state, "traffic light state", 0, 4)))


def set_traffic_light_green_time(simulator: Simulator, actor_id: Any, seconds: Any) -> None:
    _set_time(simulator, actor_id, LightState.GREEN, seconds)


def set_traffic_light_yellow_time(simulator: Simulator, actor_id: Any, seconds: Any) -> None:
    _set_time(simulator, actor_id, LightState.YELLOW, seconds)


def set_traffic_light_red_time(simulator: Simulator, actor_id: Any, seconds: Any) -> None:
    _set_time(simulator, actor_id, LightState.RED, seconds)


def freeze_traffic_light(simulator: Simulator, actor_id: Any, frozen: Any) -> None:
    simulator.world.lights.freeze(read_bool(frozen, "frozen"), _light(simulator, actor_id).site)


def freeze_all_traffic_lights(simulator: Simulator, frozen: Any) -> None:
    simulator.world.lights.freeze(read_bool(frozen, "frozen"))


def reset_traffic_light_group(simulator: Simulator, actor_id: Any) -> None:
    simulator.world.lights.reset(_light(simulator, actor_id).site)


def reset_all_traffic_lights(simulator: Simulator) -> None:
    simulator.world.lights.reset()


def get_group_traffic_lights(simulator: Simulator, actor_id: Any) -> list[int]:
    members = set(simulator.world.lights.members(_light(simulator, actor_id).site))
    actors = simulator.world.actors.values()
    return [actor.actor_id for actor in actors if isinstance(actor, TrafficLight) and actor.site in members]


def get_light_boxes(simulator: Simulator, actor_id: Any) -> list:
    """Boxes around the lamp housings of one light, in the world."""
    light = _light(simulator, actor_id)
    world = simulator.world
    has_id = world.layout.bounding_box_has_actor_id
    boxes = []
    for x, y, z, yaw_deg in world.town.traffic_lights[light.site].heads:
        box: list = [[x, y, z], list(_HEAD_EXTENT_M), [0.0, yaw_deg, 0.0]]
        boxes.append([*box, light.actor_id] if has_id else box)
    return boxes


def query_lights_state(simulator: Simulator, endpoint: Any) -> list:
    read_str(endpoint, "endpoint")
    return simulator.world.street_lights.to_wire()


def update_lights_state(simulator: Simulator, endpoint: Any, states: Any, discard_client: Any) -> None:
    simulator.world.street_lights.update(states)


def update_day_night_cycle(simulator: Simulator, endpoint: Any, active: Any) -> None:
    """Let the sun switch the street lamps, or leave them to the light manager."""
    read_str(endpoint, "endpoint")
    simulator.world.street_lights.follow_day_and_night(read_bool(active, "active"))


def _set_time(simulator: Simulator, actor_id: Any, stage: LightState, seconds: Any) -> None:
    light = _light(simulator, actor_id)
    simulator.world.lights.set_time(light.site, stage, read_float(seconds, "seconds", 0.0, 1e6))


def _light(simulator: Simulator, actor_id: Any) -> TrafficLight:
    actor = simulator.world.actor(read_id(actor_id))
    if not isinstance(actor, TrafficLight):
        raise InvalidArgument(f"actor {actor_id} is a {actor.type_id}, the call needs a traffic light")
    return actor


PROCEDURES = {
    **rows(Returns.VALUE, get_group_traffic_lights, get_light_boxes, query_lights_state),
    **rows(
        Returns.VOID,
        set_traffic_light_state,
        set_traffic_light_green_time,
        set_traffic_light_yellow_time,
        set_traffic_light_red_time,
        freeze_traffic_light,
        freeze_all_traffic_lights,
        reset_traffic_light_group,
        reset_all_traffic_lights,
        update_lights_state,
        update_day_night_cycle,
    ),
}
