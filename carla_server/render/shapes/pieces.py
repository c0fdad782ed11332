"""Pieces of actors that move by themselves: open doors of vehicles, limbs of walkers that a client poses."""

from __future__ import annotations

from carla_server.render.shapes.doors import SWING_DOORS, doorway_mesh, has_door, leaf_mesh
from carla_server.render.shapes.families import vehicle_profile
from carla_server.render.shapes.lids import BOOT, bay_mesh, has_lid, lid_mesh
from carla_server.render.shapes.limbs import LIMBS, limb_mesh
from carla_server.roads.mesh import Mesh

DOORS = BOOT + 1
"""Doors by `carla.VehicleDoor`: those that swing, then bonnet and boot."""

LEAVES = tuple(f"door leaf {number}" for number in range(DOORS))
"""The leaf of each door by its number; its origin at its hinge, for doors that swing on the ground below it."""

DOORWAYS = tuple(f"doorway {number}" for number in range(DOORS))
"""What an open door leaves in the body; in the vehicle's frame."""


def piece_mesh(blueprint_id: str, extent_m: tuple[float, float, float], piece: str) -> Mesh:
    """Build a piece of an actor.

    Args:
        blueprint_id: of the actor.
        extent_m: half lengths of its box.
        piece: one of `LEAVES` or `DOORWAYS` for a vehicle that has the door, one of `LIMBS` for a walker.

    Raises:
        ValueError: the actor has no such piece.
    """
    if blueprint_id.startswith("walker.") and piece in LIMBS:
        return limb_mesh(piece, 2.0 * extent_m[2])
    profile = vehicle_profile(blueprint_id) if blueprint_id.startswith("vehicle.") else None
    for names, build_door, build_lid in ((LEAVES, leaf_mesh, lid_mesh), (DOORWAYS, doorway_mesh, bay_mesh)):
        if profile is None or piece not in names:
            continue
        number = names.index(piece)
        if number < SWING_DOORS and has_door(profile, number):
            return build_door(profile, extent_m, number)
        if has_lid(profile, number):
            return build_lid(profile, extent_m, number)
    raise ValueError(f"{blueprint_id} has no piece {piece!r}")
