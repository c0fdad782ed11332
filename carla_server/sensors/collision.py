"""Collision detector: tells its vehicle or walker what it touched and how hard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgpack

from carla_server.dynamics.contacts import Contact
from carla_server.sensors.bystanders import actor_on_wire
from carla_server.world.actors import Sensor

if TYPE_CHECKING:
    from carla_server.world.world import World


def measure_collisions(world: World, sensor: Sensor, contacts: Sequence[Contact]) -> list[bytes]:
    """Bodies of `sensor.other.collision`, one per contact of the actor that carries it.

    Args:
        world: after its tick.
        sensor: the detector; whatever its `sensor_tick`, CARLA reports every contact.
        contacts: what `CollisionWorld.step` returned in this tick.

    Returns:
        msgpack of [actor, other actor, impulse on the actor (N s, world frame)] each; empty without contact.
    """
    carrier = sensor.parent_id
    bodies = []
    for contact in contacts:
        if contact.actor_id == carrier:
            other_id, sign = contact.other_id, 1.0
        elif contact.other_id == carrier and carrier != 0:
            other_id, sign = contact.actor_id, -1.0
        else:
            continue
        impulse = [sign * contact.impulse_ns * part for part in contact.normal]
        actor = actor_on_wire(world, carrier, 0)
        other = actor_on_wire(world, other_id, contact.other_tag)
        bodies.append(msgpack.packb([actor, other, impulse], use_single_float=True))
    return bodies
