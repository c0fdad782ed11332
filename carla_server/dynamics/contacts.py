"""Vehicles as sides of a contact: what an impulse does to them, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass

from carla_server.dynamics.impulses import Body
from carla_server.dynamics.vehicle import VehicleFleet


@dataclass(frozen=True)
class Contact:
    """Two bodies that touched in this tick.

    Attributes:
        actor_id: a vehicle.
        other_id: the actor it touched (vehicle, walker or prop), 0 for a part of the map.
        other_tag: SemanticTag of that part of the map; NONE when other_id is an actor.
        normal: unit vector in the world that points from the other body to the actor.
        impulse_ns: size of the impulse along the normal, N s, not negative.
        point_m: where they touched, world.
    """

    actor_id: int
    other_id: int
    other_tag: int
    normal: tuple[float, float, float]
    impulse_ns: float
    point_m: tuple[float, float, float]


def body_of(vehicles: VehicleFleet, row: int, point: list[float]) -> Body:
    """A vehicle as one side of a contact at a point; a frozen one cannot be pushed."""
    x, y, _ = vehicles.position_m[row].tolist()
    velocity_x, velocity_y, _ = vehicles.velocity_mps[row].tolist()
    spin = float(vehicles.angular_velocity_radps[row, 2])
    lever_x, lever_y = point[0] - x, point[1] - y
    free = bool(vehicles.simulate_physics[row])
    return Body(
        velocity_x - spin * lever_y,
        velocity_y + spin * lever_x,
        1.0 / float(vehicles.mass_kg[row]) if free else 0.0,
        1.0 / float(vehicles.yaw_inertia_kgm2[row]) if free else 0.0,
        lever_x,
        lever_y,
    )


def push(
    vehicles: VehicleFleet, row: int, body: Body, x: float, y: float, normal: list[float], shift_m: float
) -> None:
    """Change a vehicle's velocity and yaw rate by an impulse and move it along the normal."""
    vehicles.velocity_mps[row, 0] += x * body.inverse_mass
    vehicles.velocity_mps[row, 1] += y * body.inverse_mass
    vehicles.angular_velocity_radps[row, 2] += body.turned_by(x, y)
    vehicles.position_m[row, 0] += normal[0] * shift_m
    vehicles.position_m[row, 1] += normal[1] * shift_m


def contact_of(
    vehicles: VehicleFleet,
    row: int,
    other_id: int,
    other_tag: int,
    normal: list[float],
    impulse_ns: float,
    point: list[float],
) -> Contact:
    """What a vehicle's sensors are told of a contact."""
    height_m = float(vehicles.position_m[row, 2] + vehicles.box_center_m[row, 2])
    return Contact(
        int(vehicles.actor_ids[row]),
        other_id,
        int(other_tag),
        (normal[0], normal[1], 0.0),
        impulse_ns,
        (point[0], point[1], height_m),
    )
