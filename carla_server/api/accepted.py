"""Calls that ask for what is so anyway: they are checked and answered, and change nothing."""

from __future__ import annotations

from typing import Any

from carla_server.api.actors import vehicle_of
from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.wire.structs import read_bool, read_id


def set_annotations_traverse_translucency(simulator: Simulator, enabled: Any) -> None:
    """Whether labels see through glass: nothing here is translucent."""
    read_bool(enabled, "enabled")


def restore_physx_physics(simulator: Simulator, actor_id: Any) -> None:
    """Back from CarSim or Chrono to the built-in physics, which is the only one."""
    vehicle_of(simulator, actor_id)


def disable_sensor_for_ros(simulator: Simulator, stream_id: Any) -> None:
    """No sensor is published to ROS."""
    read_id(stream_id, "stream id")


def is_sensor_enabled_for_ros(simulator: Simulator, stream_id: Any) -> bool:
    read_id(stream_id, "stream id")
    return False


def are_gbuffers_enabled(simulator: Simulator, actor_id: Any) -> bool:
    simulator.world.actor(read_id(actor_id))
    return False


PROCEDURES = {
    **rows(Returns.VALUE, is_sensor_enabled_for_ros, are_gbuffers_enabled),
    **rows(Returns.VOID, set_annotations_traverse_translucency, restore_physx_physics, disable_sensor_for_ros),
}
