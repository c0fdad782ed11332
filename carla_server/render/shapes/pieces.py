"""Pieces of actors that move by themselves: open doors of vehicles, limbs of walkers that a client poses."""

from __future__ import annotations

from carla_server.render.shapes.doors import SWING_DOORS, doorway_mesh, has_door, leaf_mesh
from carla_server.render.shapes.families import vehicle_profile
from carla_server.render.shapes.limbs import LIMBS, limb_mesh
from carla_server.roads.mesh import Mesh

LEAVES = tuple(f"door leaf {number}" for number in range(SWING_DOORS))
"""The leaf of each door by its number; origin on the ground below its hinge."""

DOORWAYS = tuple(f"doorway {number}" for number in range(SWING_DOORS))
"""What an open door leaves in the body's side; in the vehicle's frame."""


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
    for names, build in ((LEAVES, leaf_mesh), (DOORWAYS, doorway_mesh)):
        if profile is not None and piece in names and has_door(profile, names.index(piece)):
            return build(profile, extent_m, names.index(piece))
    raise ValueError(f"{blueprint_id} has no piece {piece!r}")
