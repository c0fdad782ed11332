"""Doors of vehicles: they swing open, and what is in their way is touched; bonnet and boot lift and touch nobody.

CARLA lets a motor swing a door to its stop, as a light body that blocks others but not its own vehicle; a closed one
is back in its frame at once and blocks nobody (`ACarlaWheeledVehicle::OpenDoorPhys`, `CloseDoorPhys`). Here it swings
evenly, gives way to whom it touches, and swings on once they have gone. Lids move above the vehicle's own ground, a
tailgate behind it above most heads, so that nothing is in their way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carla_server.dynamics import Contact
from carla_server.dynamics.contacts import body_of, contact_of, push
from carla_server.dynamics.impulses import Body, exchange
from carla_server.render.shapes.doors import SWING_DOORS, has_door, hinge_m, leaf_length_m
from carla_server.render.shapes.families import vehicle_profile
from carla_server.render.shapes.lids import BONNET, has_lid, lid_hinge_m
from carla_server.render.shapes.pieces import DOORS
from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import Pose
from carla_server.world.actors import Vehicle, Walker
from carla_server.world.overlap import BoxArray, overlapping
from carla_server.world.poses import compose
from carla_server.world.spawning import world_box
from carla_server.world.vehicle_blueprints import WITH_DOORS

if TYPE_CHECKING:
    from carla_server.world.world import World

SWING_DEG, SWING_S = 68.0, 0.6
"""How far a door opens, and how long that takes."""

BONNET_DEG, BOOT_DEG = 50.0, 75.0
"""How far lids lift; they take as long."""

LEAF_MASS_KG = 25.0
_HALF_THICKNESS_M = 0.05
_NEIGHBOUR_M = 12.0
"""The middle of no vehicle is farther from the hinge that it touches, trucks included."""

_TRIED_ANGLES = 18


@dataclass
class Door:
    """An open door that swings.

    Attributes:
        x_m, y_m: its hinge in the vehicle's frame; y is negative on the left.
        length_m: of the leaf.
        angle_deg: how far it has swung, 0 to `SWING_DEG`.
        touched: ids of the actors that it touches.
    """

    x_m: float
    y_m: float
    length_m: float
    angle_deg: float = 0.0
    touched: frozenset[int] = frozenset()

    def leaf_pose(self, body: Pose, angle_deg: float | None = None) -> Pose:
        """Frame of the leaf in the world: origin on the ground below the hinge, the leaf along -x.

        Args:
            body: pose of the vehicle.
            angle_deg: another angle than the present one.
        """
        swung_deg = self.angle_deg if angle_deg is None else angle_deg
        return compose(body, (self.x_m, self.y_m, 0.0, 0.0, math.copysign(swung_deg, -self.y_m), 0.0))


@dataclass
class Lid:
    """An open bonnet or boot.

    Attributes:
        x_m, z_m: the middle of its hinge in the vehicle's frame.
        opens_deg: how far it lifts in the end; negative if its hinge is in front of it.
        angle_deg: how far it has lifted.
    """

    x_m: float
    z_m: float
    opens_deg: float
    angle_deg: float = 0.0

    def leaf_pose(self, body: Pose) -> Pose:
        """Frame of the lid in the world; origin at the middle of its hinge.

        Args:
            body: pose of the vehicle.
        """
        return compose(body, (self.x_m, 0.0, self.z_m, self.angle_deg, 0.0, 0.0))

    def lift(self, delta_s: float) -> None:
        """Open farther for one tick."""
        step_deg = min(abs(self.opens_deg) / SWING_S * delta_s, abs(self.opens_deg - self.angle_deg))
        self.angle_deg += math.copysign(step_deg, self.opens_deg)


def set_open_doors(world: World, vehicle: Vehicle, open_doors: int) -> None:
    """Open and close doors: bits by `carla.VehicleDoor`. A model whose doors are not made to open keeps them shut."""
    opened = open_doors & ~vehicle.open_doors
    vehicle.open_doors = open_doors
    profile = vehicle_profile(vehicle.type_id) if vehicle.type_id in WITH_DOORS else None
    for number in range(DOORS):
        if not open_doors >> number & 1:
            vehicle.doors.pop(number, None)
        elif opened >> number & 1 and profile is not None:
            extent_m = vehicle.box.extent_m
            if number < SWING_DOORS and has_door(profile, number):
                x_m, y_m = hinge_m(profile, extent_m, number)
                vehicle.doors[number] = Door(x_m, y_m, leaf_length_m(profile, extent_m, number))
            elif has_lid(profile, number):
                opens_deg = BONNET_DEG if number == BONNET else -BOOT_DEG
                vehicle.doors[number] = Lid(*lid_hinge_m(profile, extent_m, number), opens_deg)
    world.note_pieces(vehicle)


def swing_doors(world: World, delta_s: float) -> list[Contact]:
    """Let open doors swing for one tick.

    Returns:
        A contact for each vehicle or walker that a door touches now and did not before.
    """
    contacts = []
    for vehicle in world.in_pieces.values():
        if isinstance(vehicle, Vehicle):
            for door in vehicle.doors.values():
                if isinstance(door, Lid):
                    door.lift(delta_s)
                else:
                    contacts += _swing(world, vehicle, door, delta_s)
    return contacts


def _swing(world: World, vehicle: Vehicle, door: Door, delta_s: float) -> list[Contact]:
    body = world.pose_of(vehicle)
    turned_deg = min(SWING_DEG / SWING_S * delta_s, SWING_DEG - door.angle_deg)
    door.angle_deg += turned_deg
    around = _neighbours(world, vehicle, door.leaf_pose(body)) if vehicle.collides else []
    boxes = BoxArray.of([world_box(other, world.pose_of(other)) for other in around])
    hit = np.flatnonzero(overlapping(_leaf_box(vehicle, door, body, door.angle_deg), boxes))
    touched = [around[index] for index in hit.tolist()]
    spin_radps = math.copysign(math.radians(turned_deg) / delta_s, -door.y_m)
    contacts = [
        contact
        for other in touched
        if other.actor_id not in door.touched
        and (contact := _contact(world, vehicle, door.leaf_pose(body), door.length_m, spin_radps, other))
    ]
    door.touched = frozenset(other.actor_id for other in touched)
    if touched:
        door.angle_deg = next(
            (
                angle_deg
                for angle_deg in np.linspace(door.angle_deg, 0.0, _TRIED_ANGLES)[1:-1].tolist()
                if not overlapping(_leaf_box(vehicle, door, body, angle_deg), boxes).any()
            ),
            0.0,
        )
    return contacts


def _neighbours(world: World, vehicle: Vehicle, leaf: Pose) -> list[Vehicle | Walker]:
    found: list[Vehicle | Walker] = []
    for fleet, actors in ((world.vehicles, world.vehicle_actors), (world.walkers, world.walker_actors)):
        if len(fleet):
            away_m = np.hypot(fleet.position_m[:, 0] - leaf[0], fleet.position_m[:, 1] - leaf[1])
            found += [actors[row] for row in np.flatnonzero(away_m < _NEIGHBOUR_M).tolist()]  # type: ignore[misc]
    return [other for other in found if other is not vehicle and other.collides]


def _leaf_box(vehicle: Vehicle, door: Door, body: Pose, angle_deg: float) -> Box:
    x, y, z, _, yaw_deg, _ = door.leaf_pose(body, angle_deg)
    half_m, yaw = 0.5 * door.length_m, math.radians(yaw_deg)
    center = (x - half_m * math.cos(yaw), y - half_m * math.sin(yaw), z + vehicle.box.extent_m[2])
    return Box(center, (half_m, _HALF_THICKNESS_M, 0.7 * vehicle.box.extent_m[2]), yaw_deg)


def _contact(
    world: World, vehicle: Vehicle, leaf: Pose, length_m: float, spin_radps: float, other: Vehicle | Walker
) -> Contact | None:
    """The push that another body gets from a door, which weighs little and is not held; None without one."""
    fleet, yaw = world.vehicles, math.radians(leaf[4])
    along = -math.cos(yaw), -math.sin(yaw)
    middle = world.pose_of(other)
    from_hinge = middle[0] - leaf[0], middle[1] - leaf[1]
    reach_m = min(max(from_hinge[0] * along[0] + from_hinge[1] * along[1], 0.0), length_m)
    lever = reach_m * along[0], reach_m * along[1]
    point = [leaf[0] + lever[0], leaf[1] + lever[1]]
    across = from_hinge[1] * along[0] - from_hinge[0] * along[1]
    normal = [math.copysign(1.0, across) * part for part in (-along[1], along[0])]
    held = body_of(fleet, fleet.index_of(vehicle.actor_id), point)
    door = Body(
        held.velocity_x - spin_radps * lever[1],
        held.velocity_y + spin_radps * lever[0],
        1.0 / LEAF_MASS_KG,
        0.0,
        0.0,
        0.0,
    )
    if isinstance(other, Vehicle):
        row = fleet.index_of(other.actor_id)
        body = body_of(fleet, row, point)
        impulse_ns, x, y = exchange(body, door, *normal)
        push(fleet, row, body, x, y, normal, 0.0)
        contact = contact_of(fleet, row, vehicle.actor_id, SemanticTag.NONE, normal, impulse_ns, point)
    else:
        row = world.walkers.index_of(other.actor_id)
        x_mps, y_mps, _ = world.walkers.velocity_mps[row].tolist()
        body = Body(x_mps, y_mps, 1.0 / float(world.walkers.mass_kg[row]), 0.0, 0.0, 0.0)
        impulse_ns, _, _ = exchange(body, door, *normal)
        to_door = (-normal[0], -normal[1], 0.0)
        place = (point[0], point[1], middle[2])
        contact = Contact(vehicle.actor_id, other.actor_id, int(SemanticTag.NONE), to_door, impulse_ns, place)
    return contact if impulse_ns > 0.0 else None
