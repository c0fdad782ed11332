"""All vehicles of the world, advanced together once per tick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np

from carla_server.dynamics.actor_rows import finite
from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.dynamics.vehicle_columns import HAND_BRAKE, THROTTLE
from carla_server.dynamics.vehicle_motion import move
from carla_server.dynamics.vehicle_rows import VehicleRows
from carla_server.roads.town import Ground

_LOWEST = np.array((0.0, -1.0, 0.0))
"""Of throttle, steer and brake; all three reach up to 1."""


class VehicleFleet(VehicleRows):
    """Vehicles that can be commanded, pushed and stepped; arrays are documented at `VehicleRows`."""

    def set_control(self, actor_id: int, values: Sequence[float] | np.ndarray) -> None:
        """Command a vehicle; out-of-range values are clipped as CARLA does.

        Args:
            actor_id: the vehicle.
            values: throttle, steer, brake, hand_brake, reverse, manual_gear_shift, gear (CARLA's wire order).

        Raises:
            KeyError: no such vehicle.
            ValueError: not seven finite values.
        """
        row = self.index_of(actor_id)
        self.control[row] = _within_range(values)

    def set_controls(self, actor_ids: Sequence[int], values: Sequence[Sequence[float] | np.ndarray]) -> None:
        """Command many vehicles at once; where one comes twice, its last command holds.

        Args:
            actor_ids: the vehicles.
            values: one command for each, as `set_control` takes it.

        Raises:
            KeyError: no such vehicle.
            ValueError: not seven finite values; nobody is commanded then.
        """
        rows = [self.index_of(actor_id) for actor_id in actor_ids]
        controls = np.fromiter(chain.from_iterable(values), np.float64)
        if any(len(value) != 7 for value in values) or not np.isfinite(controls).all():
            raise ValueError(f"vehicle controls are {list(values)}; each must be seven finite values")
        controls = controls.reshape(len(rows), 7)
        pedals = controls[:, THROTTLE:HAND_BRAKE]
        np.minimum(np.maximum(pedals, _LOWEST, out=pedals), 1.0, out=pedals)
        controls += 0.0  # turns -0 into 0, whose sign is a matter of luck
        self.control[rows] = controls

    def set_pose(self, actor_id: int, pose6: Sequence[float] | np.ndarray) -> None:
        """Teleport a vehicle; its velocity stays (as CARLA's set_transform).

        Args:
            actor_id: the vehicle.
            pose6: x, y, z (metres), pitch, yaw, roll (degrees).
        """
        row = self.index_of(actor_id)
        self._place(row, finite("pose6", pose6, 6))
        self._rise_forward[row] = self._rise_right[row] = 0.0

    def set_velocity(self, actor_id: int, velocity_mps: Sequence[float] | np.ndarray) -> None:
        """Set the world velocity (CARLA's set_target_velocity), m/s; it does not count as acceleration."""
        row = self.index_of(actor_id)
        self.velocity_mps[row] = self._velocity_before_mps[row] = finite("velocity_mps", velocity_mps, 3)

    def set_angular_velocity(self, actor_id: int, angular_velocity_radps: Sequence[float] | np.ndarray) -> None:
        """Set the angular velocity about world axes, radians per second; only z acts on the motion."""
        row = self.index_of(actor_id)
        self.angular_velocity_radps[row] = finite("angular_velocity_radps", angular_velocity_radps, 3)

    def set_constant_velocity(self, actor_id: int, velocity_body_mps: Sequence[float] | np.ndarray | None) -> None:
        """Hold a velocity in the vehicle's own frame until called with None (CARLA's enable_constant_velocity)."""
        row = self.index_of(actor_id)
        self._holds_velocity[row] = velocity_body_mps is not None
        if velocity_body_mps is not None:
            self._held_velocity_mps[row] = finite("velocity_body_mps", velocity_body_mps, 3)[:2]

    def set_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Freeze (False) or release a vehicle; a frozen one moves only by `set_pose`."""
        row = self.index_of(actor_id)
        self.simulate_physics[row] = enabled
        self._frozen[row] = not enabled
        if not enabled:
            self.velocity_mps[row] = self.angular_velocity_radps[row] = self.acceleration_mps2[row] = 0.0
            self._velocity_before_mps[row] = 0.0

    def set_gravity(self, actor_id: int, enabled: bool) -> None:
        """Switch gravity for one vehicle."""
        row = self.index_of(actor_id)
        self.gravity[row] = enabled
        self._gravity_mps2[row] = GRAVITY_MPS2 if enabled else 0.0

    def add_impulse(self, actor_id: int, impulse_ns: Sequence[float] | np.ndarray) -> None:
        """Change the velocity at once by an impulse through the centre of mass, N s, world frame."""
        row = self.index_of(actor_id)
        self.velocity_mps[row] += finite("impulse_ns", impulse_ns, 3) / self.mass_kg[row]

    def add_angular_impulse(self, actor_id: int, impulse_nms: Sequence[float] | np.ndarray) -> None:
        """Change the yaw rate at once by an angular impulse, N m s, world axes; only z acts."""
        row = self.index_of(actor_id)
        turn_nms = finite("impulse_nms", impulse_nms, 3)[2]
        self.angular_velocity_radps[row, 2] += turn_nms / self.yaw_inertia_kgm2[row]

    def add_force(
        self,
        actor_id: int,
        force_n: Sequence[float] | np.ndarray,
        torque_nm: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        """Let a force (N, world) and a torque (N m, world; only z acts) work during the next tick."""
        row = self.index_of(actor_id)
        self._force_n[row] += finite("force_n", force_n, 3)
        if torque_nm is not None:
            self._torque_nm[row] += finite("torque_nm", torque_nm, 3)[2]

    def step(self, delta_s: float, ground: Ground) -> None:
        """Advance all vehicles by one tick.

        Args:
            delta_s: length of the tick in seconds, above 0 (accurate up to about 0.1).
            ground: heights under the wheels.
        """
        if len(self):
            move(self.rows, self._parameters, self._tables, ground.heights, delta_s)


def _within_range(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """A vehicle's command with its pedals and wheel clipped to their ranges."""
    if len(values) != 7 or not all(map(math.isfinite, values)):
        raise ValueError(f"vehicle control is {list(values)}; it must be seven finite values")
    throttle, steer, brake, *levers = values
    return min(max(throttle, 0.0), 1.0), min(max(steer, -1.0), 1.0), min(max(brake, 0.0), 1.0), *levers
