"""Props for which a client has switched physics on: they fall to the ground as they are and lie where they land."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.world.actors import ZERO, Actor

if TYPE_CHECKING:
    from carla_server.world.world import World


class LooseProps:
    """Which props obey gravity, and how fast those fall that have not landed.

    A prop keeps its rotation, lands on the ground or a bridge, not on other actors, and nothing pushes it.
    """

    def __init__(self) -> None:
        self._loose: set[int] = set()
        self._falling_mps: dict[int, float] = {}

    def __bool__(self) -> bool:
        """Whether any falls."""
        return bool(self._falling_mps)

    def set_physics(self, actor: Actor, enabled: bool) -> None:
        """Let a prop fall from now on, or stay where it is."""
        if enabled:
            self._loose.add(actor.actor_id)
            self._falling_mps.setdefault(actor.actor_id, 0.0)
        else:
            self.remove(actor.actor_id)
            actor.velocity_mps = actor.acceleration_mps2 = ZERO

    def moved(self, actor_id: int) -> None:
        """An actor has been put somewhere else."""
        if actor_id in self._loose:
            self._falling_mps.setdefault(actor_id, 0.0)

    def remove(self, actor_id: int) -> None:
        """Forget an actor; one that is not known is no error."""
        self._loose.discard(actor_id)
        self._falling_mps.pop(actor_id, None)

    def fall(self, world: World, delta_s: float) -> None:
        """Let time pass for those that fall."""
        for actor_id, before_mps in list(self._falling_mps.items()):
            actor = world.actors[actor_id]
            x, y, z, *rotation = actor.pose
            foot_m = actor.box.center_m[2] - actor.box.extent_m[2]
            (ground_m,) = world.town.ground.height_m(np.array([x]), np.array([y]), np.array([z + foot_m])).tolist()
            speed_mps = before_mps + GRAVITY_MPS2 * delta_s
            fallen_m = z - speed_mps * delta_s
            landed = fallen_m + foot_m <= ground_m
            self._falling_mps[actor_id] = speed_mps
            actor.velocity_mps = ZERO if landed else (0.0, 0.0, -speed_mps)
            actor.acceleration_mps2 = ZERO if landed else (0.0, 0.0, -GRAVITY_MPS2)
            # One that was put into the ground stays there.
            world.set_pose(actor, (x, y, min(z, max(fallen_m, ground_m - foot_m)), *rotation))
            if landed:
                del self._falling_mps[actor_id]
