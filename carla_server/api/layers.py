"""Switching scenery on and off, by map layer or one by one."""

from __future__ import annotations

from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.wire.structs import InvalidArgument, read_array, read_bool, read_int
from carla_server.world.map_layers import GROUND_LAYER, numbers_in_layers

_MAX_LAYERS = 0xFFFF


def load_map_layer(simulator: Simulator, layers: Any) -> None:
    """Show what belongs to some layers."""
    world = simulator.world
    bits = read_int(layers, "map layers", 0, _MAX_LAYERS)
    world.hide_scenery(world.hidden_scenery - numbers_in_layers(world.whole_town, bits))


def unload_map_layer(simulator: Simulator, layers: Any) -> None:
    """Take away what belongs to some layers, from pictures, rays and collisions alike."""
    world = simulator.world
    bits = read_int(layers, "map layers", 0, _MAX_LAYERS)
    if bits == GROUND_LAYER:
        raise InvalidArgument("the layer Ground cannot be unloaded: roads and terrain are one surface in this server")
    world.hide_scenery(world.hidden_scenery | numbers_in_layers(world.whole_town, bits))


def enable_environment_objects(simulator: Simulator, numbers: Any, enabled: Any) -> None:
    """Show or take away single objects, named by the ids of `get_environment_objects`."""
    world = simulator.world
    wanted = {read_int(number, "environment object id") for number in read_array(numbers, "environment object ids")}
    known = {placement.instance for placement in world.whole_town.placements}
    if not wanted <= known:
        raise InvalidArgument(
            f"environment objects {sorted(wanted - known)[:10]} cannot be switched: they do not exist, or are "
            "traffic lights and signs, which are actors"
        )
    hidden = world.hidden_scenery
    world.hide_scenery(hidden - wanted if read_bool(enabled, "enabled") else hidden | wanted)


PROCEDURES = rows(Returns.VOID, load_map_layer, unload_map_layer, enable_environment_objects)
