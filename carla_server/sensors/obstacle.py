"""Obstacle detector: a sphere swept ahead of the sensor finds the nearest thing in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from carla_server.sensors.bystanders import actor_on_wire
from carla_server.world.actors import Sensor
from carla_server.world.poses import rotation_matrix

if TYPE_CHECKING:
    from carla_server.world.world import World


def measure_obstacle(world: World, sensor: Sensor) -> list[bytes]:
    """Body of `sensor.other.obstacle`, if there is an obstacle.

    Args:
        world: after its tick.
        sensor: the detector; its attributes `distance`, `hit_radius` (m) and `only_dynamics` are read.

    Returns:
        One msgpack of [actor, other actor, distance (m)], or nothing when the way is free.
    """
    hit = world.collisions.first_hit(
        sensor.pose[:3],
        rotation_matrix(*sensor.pose[3:])[:, 0],
        float(sensor.attributes.get("distance", 5.0)),
        world.vehicles,
        world.walkers,
        ignored_id=sensor.parent_id,
        radius_m=float(sensor.attributes.get("hit_radius", 0.5)),
        only_actors=sensor.attributes.get("only_dynamics", "false").lower() == "true",
    )
    if hit is None:
        return []
    actor = actor_on_wire(world, sensor.parent_id, 0)
    other = actor_on_wire(world, hit.other_id, hit.other_tag)
    return [msgpack.packb([actor, other, hit.distance_m], use_single_float=True)]
