"""What of an actor moves by itself: open doors of vehicles, limbs of walkers that a client poses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from carla_server.render.shapes.limbs import LIMBS
from carla_server.render.shapes.pieces import DOORWAYS, LEAVES
from carla_server.wire.structs import Pose
from carla_server.world.actors import Actor, Vehicle, Walker
from carla_server.world.poses import compose
from carla_server.world.skeleton import blend, gait, in_component

if TYPE_CHECKING:
    from carla_server.world.world import World


class Piece(NamedTuple):
    """One piece.

    name: as `render.shapes.pieces` builds it.
    pose: in the world.
    """

    name: str
    pose: Pose


def pieces_of(world: World, actor: Vehicle | Walker) -> Iterator[Piece]:
    """The pieces of one of `world.in_pieces` now: those of a vehicle come beside its body, a walker's instead of it.

    A walker's first piece is its pelvis.
    """
    if isinstance(actor, Vehicle):
        body = world.pose_of(actor)
        for number, door in actor.doors.items():
            yield Piece(DOORWAYS[number], body)
            yield Piece(LEAVES[number], door.leaf_pose(body))
    else:
        feet, component = feet_of(world, actor), in_component(walker_bones(world, actor))
        for bone in LIMBS:
            yield Piece(bone, compose(feet, component[bone]))


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
