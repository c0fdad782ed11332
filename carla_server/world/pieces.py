"""What of an actor moves by itself: open doors of vehicles, limbs of walkers that a client poses.

CARLA lets a motor swing a door to its stop; a door that is closed is back in its frame at once
(`ACarlaWheeledVehicle::OpenDoorPhys`, `CloseDoorPhys`). Here it swings evenly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from carla_server.render.shapes.doors import SWING_DOORS, has_door, hinge_m
from carla_server.render.shapes.families import vehicle_profile
from carla_server.render.shapes.limbs import LIMBS
from carla_server.render.shapes.pieces import DOORWAYS, LEAVES
from carla_server.wire.structs import Pose
from carla_server.world.actors import Actor, Vehicle, Walker
from carla_server.world.poses import compose
from carla_server.world.skeleton import blend, gait, in_component
from carla_server.world.vehicle_blueprints import WITH_DOORS

if TYPE_CHECKING:
    from carla_server.world.world import World

SWING_DEG, SWING_S = 68.0, 0.6
"""How far a door opens, and how long that takes."""


class Piece(NamedTuple):
    """One piece.

    name: as `render.shapes.pieces` builds it.
    pose: in the world.
    """

    name: str
    pose: Pose


def set_open_doors(world: World, vehicle: Vehicle, open_doors: int) -> None:
    """Open and close doors: bits by `carla.VehicleDoor`. A model whose doors are not made to open keeps them shut."""
    opened = open_doors & ~vehicle.open_doors
    vehicle.open_doors = open_doors
    profile = vehicle_profile(vehicle.type_id) if vehicle.type_id in WITH_DOORS else None
    for number in range(SWING_DOORS):
        if not open_doors >> number & 1:
            vehicle.door_opened_s.pop(number, None)
        elif opened >> number & 1 and profile is not None and has_door(profile, number):
            vehicle.door_opened_s[number] = world.elapsed_s
    note_pieces(world, vehicle)


def note_pieces(world: World, actor: Vehicle | Walker) -> None:
    """Keep the world's list of those in pieces up to date after a change of doors or of a client's pose."""
    if isinstance(actor, Vehicle):
        moves = bool(actor.door_opened_s)
    else:
        moves = actor.pose_of_client.weight > 0.0 and bool(actor.pose_of_client.relative)
    if moves:
        world.in_pieces[actor.actor_id] = actor
    else:
        world.in_pieces.pop(actor.actor_id, None)


def pieces_of(world: World, actor: Vehicle | Walker) -> Iterator[Piece]:
    """The pieces of one of `world.in_pieces` now: those of a vehicle come beside its body, a walker's instead of it.

    A walker's first piece is its pelvis.
    """
    if isinstance(actor, Vehicle):
        body = world.pose_of(actor)
        for number in actor.door_opened_s:
            yield Piece(DOORWAYS[number], body)
            yield Piece(LEAVES[number], leaf_pose(world, actor, number))
    else:
        feet, component = feet_of(world, actor), in_component(walker_bones(world, actor))
        for bone in LIMBS:
            yield Piece(bone, compose(feet, component[bone]))


def leaf_pose(world: World, vehicle: Vehicle, number: int) -> Pose:
    """Where the hinge of an open door is and how far the leaf has swung: an origin on the ground below it."""
    profile = vehicle_profile(vehicle.type_id)
    if profile is None:
        raise ValueError(f"{vehicle.type_id} has no doors")
    x_m, y_m = hinge_m(profile, vehicle.box.extent_m, number)
    swung = min(max(world.elapsed_s - vehicle.door_opened_s[number], 0.0) / SWING_S, 1.0)
    yaw_deg = SWING_DEG * swung if y_m < 0.0 else -SWING_DEG * swung
    return compose(world.pose_of(vehicle), (x_m, y_m, 0.0, 0.0, yaw_deg, 0.0))


def walker_gait(world: World, walker: Walker) -> dict[str, Pose]:
    """Each bone's pose in its parent's frame as the walker's own steps move it."""
    fleet = world.walkers
    row = fleet.index_of(walker.actor_id)
    x_mps, y_mps, _ = fleet.velocity_mps[row].tolist()
    return gait(2.0 * walker.box.extent_m[2], float(fleet.stride_m[row]), math.hypot(x_mps, y_mps))


def walker_bones(world: World, walker: Walker) -> dict[str, Pose]:
    """Each bone's pose in its parent's frame, with what a client has changed."""
    return blend(walker_gait(world, walker), walker.pose_of_client)


def feet_of(world: World, walker: Actor) -> Pose:
    """The body's frame of a walker: its origin on the ground."""
    return compose(world.pose_of(walker), (0.0, 0.0, -walker.box.extent_m[2], 0.0, 0.0, 0.0))
