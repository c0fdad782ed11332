"""Friction triggers: boxes inside which tyres have another friction (`static.trigger.friction`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from carla_server.dynamics import VehicleFleet
from carla_server.dynamics.physics_control import CARLA_FRICTION_PER_UNIT
from carla_server.dynamics.spec import LEAST_FRICTION
from carla_server.wire.structs import InvalidArgument, Pose, Vector

FRICTION_TRIGGER = "static.trigger.friction"
_CENTIMETRE_M = 0.01


@dataclass(frozen=True)
class _Patch:
    """One trigger: its friction in CARLA's unit of `tire_friction`, and its upright box."""

    friction: float
    center_m: Vector
    extent_m: Vector
    cosine: float
    sine: float

    def contains(self, position_m: np.ndarray) -> np.ndarray:
        """(N,) bool for (N, 3) positions."""
        offset = position_m - self.center_m
        along = np.abs(offset[:, 0] * self.cosine + offset[:, 1] * self.sine)
        across = np.abs(offset[:, 1] * self.cosine - offset[:, 0] * self.sine)
        x, y, z = self.extent_m
        return (along <= x) & (across <= y) & (np.abs(offset[:, 2]) <= z)


class FrictionTriggers:
    """All triggers of an episode by actor id; where boxes overlap the one that was spawned last counts.

    As in CARLA the extents are half lengths in centimetres, and the friction replaces that of the tyres of every
    vehicle whose origin is inside.
    """

    def __init__(self) -> None:
        self._patches: dict[int, _Patch] = {}
        self._had_any = False

    def __bool__(self) -> bool:
        """Whether `apply` has anything to do."""
        return bool(self._patches) or self._had_any

    def place(self, actor_id: int, attributes: dict[str, str], pose: Pose) -> None:
        """Add a trigger or move it.

        Raises:
            InvalidArgument: a negative friction or extent.
        """
        values = {name: float(attributes[name]) for name in ("friction", "extent_x", "extent_y", "extent_z")}
        for name, value in values.items():
            if not 0.0 <= value < 1e9:
                raise InvalidArgument(f"attribute {name} of {FRICTION_TRIGGER} is {value:g}, it must be 0 or above")
        yaw = math.radians(pose[4])
        self._patches[actor_id] = _Patch(
            values["friction"],
            pose[:3],
            (
                values["extent_x"] * _CENTIMETRE_M,
                values["extent_y"] * _CENTIMETRE_M,
                values["extent_z"] * _CENTIMETRE_M,
            ),
            math.cos(yaw),
            math.sin(yaw),
        )

    def remove(self, actor_id: int) -> None:
        """Forget a trigger, if it is one."""
        self._patches.pop(actor_id, None)

    def apply(self, fleet: VehicleFleet) -> None:
        """Set `fleet.friction_scale` of every vehicle for the coming tick."""
        scale = np.ones(len(fleet))
        for patch in self._patches.values():
            for row in np.flatnonzero(patch.contains(fleet.position_m)):
                tyre_friction = fleet.spec_of(int(fleet.actor_ids[row])).tyre_friction
                scale[row] = patch.friction * CARLA_FRICTION_PER_UNIT / max(tyre_friction, LEAST_FRICTION)
        fleet.friction_scale[:] = scale
        self._had_any = bool(self._patches)
