"""Storage of all vehicles: one struct of arrays whose rows appear and vanish with the actors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from carla_server.dynamics import powertrain
from carla_server.dynamics.actor_rows import ActorRows, finite
from carla_server.dynamics.spec import GRAVITY_MPS2, VehicleSpec

THROTTLE, STEER, BRAKE, HAND_BRAKE, REVERSE, MANUAL_GEAR, GEAR = range(7)
"""Columns of `VehicleRows.control`, in the order of CARLA's VehicleControl."""

AIR_DENSITY_KGPM3 = 1.2

REAR_STIFFNESS_FACTOR = 1.1
"""Rear tyres are a little stiffer than front tyres, which makes vehicles understeer."""


class Parameters(NamedTuple):
    """What the step needs of each specification, (N,) float64 each; accelerations are forces per mass."""

    mass_kg: np.ndarray
    to_front_m: np.ndarray
    to_rear_m: np.ndarray
    gyration2_m2: np.ndarray
    half_base_m: np.ndarray
    half_track_m: np.ndarray
    radius_m: np.ndarray
    max_steer_rad: np.ndarray
    steer_rate_per_s: np.ndarray
    max_rpm: np.ndarray
    top_gear: np.ndarray
    shift_up: np.ndarray
    shift_down: np.ndarray
    switch_time_s: np.ndarray
    engine_drag_nms: np.ndarray
    front_drive: np.ndarray
    brake_mps2: np.ndarray
    handbrake_mps2: np.ndarray
    grip_mps2: np.ndarray
    front_stiffness_mps2: np.ndarray
    rear_stiffness_mps2: np.ndarray
    front_load: np.ndarray
    traction: np.ndarray
    drag_per_m: np.ndarray
    rolling_mps2: np.ndarray
    two_wheeler: np.ndarray

    @staticmethod
    def column(spec: VehicleSpec) -> list[float]:
        """Values of one vehicle, in field order."""
        load = spec.mass_kg * spec.wheel_radius_m
        front_load = 1.0 - spec.cg_to_front_m / spec.wheelbase_m
        traction_front = front_load / max(spec.front_drive, 1e-9)
        traction_rear = (1.0 - front_load) / max(1.0 - spec.front_drive, 1e-9)
        stiffness = spec.cornering_per_rad * GRAVITY_MPS2
        return [
            spec.mass_kg,
            spec.cg_to_front_m,
            spec.wheelbase_m - spec.cg_to_front_m,
            spec.yaw_inertia_kgm2 / spec.mass_kg,
            0.5 * spec.wheelbase_m,
            0.5 * spec.track_m,
            spec.wheel_radius_m,
            spec.max_steer_rad,
            spec.steer_rate_per_s,
            spec.max_rpm,
            float(len(spec.gear_ratios)),
            spec.shift_up_fraction if spec.automatic_gearbox else np.inf,
            spec.shift_down_fraction if spec.automatic_gearbox else -np.inf,
            spec.gear_switch_time_s,
            spec.engine_drag_nms,
            spec.front_drive,
            4.0 * spec.max_brake_torque_nm / load,
            2.0 * spec.max_handbrake_torque_nm / load,
            spec.tyre_friction * GRAVITY_MPS2,
            stiffness * front_load,
            stiffness * (1.0 - front_load) * REAR_STIFFNESS_FACTOR,
            front_load,
            min(traction_front, traction_rear, 1.0),
            0.5 * AIR_DENSITY_KGPM3 * spec.drag_coefficient_m2 / spec.mass_kg,
            spec.rolling_resistance * GRAVITY_MPS2,
            float(spec.is_two_wheeler),
        ]


class VehicleRows(ActorRows):
    """Poses, velocities and controls of all vehicles; row i belongs to `actor_ids[i]`.

    Arrays are replaced when vehicles are added or removed, so read them afresh every tick.

    Attributes:
        position_m: (N, 3) float64, world.
        rotation_rad: (N, 3) float64 pitch, yaw, roll with CARLA's signs; yaw within [-pi, pi].
        velocity_mps: (N, 3) float64, world.
        angular_velocity_radps: (N, 3) float64, world axes, CARLA's sense (z: clockwise seen from above).
        acceleration_mps2: (N, 3) float64, world: change of velocity over the last tick.
        control: (N, 7) float64 throttle, steer, brake, hand_brake, reverse, manual_gear_shift, gear as commanded.
        gear: (N,) int64 engaged gear, -1 reverse, 0 neutral.
        rpm: (N,) float64 engine speed.
        steer_rad: (N,) float64 angle of the front wheels, positive right.
        wheel_turn_rad: (N,) float64 rolling angle of the wheels, within [0, 2 pi).
        simulate_physics, gravity: (N,) bool.
        extent_m, box_center_m: (N, 3) float64 half lengths and centre of the boxes in the vehicles' frames.
        mass_kg, yaw_inertia_kgm2: (N,) float64; change them by `set_spec`.
        friction_scale: (N,) float64 factor on tyre friction (friction triggers; 1 by default).
    """

    _STATE = (
        ("position_m", 3, np.float64),
        ("rotation_rad", 3, np.float64),
        ("velocity_mps", 3, np.float64),
        ("angular_velocity_radps", 3, np.float64),
        ("acceleration_mps2", 3, np.float64),
        ("control", 7, np.float64),
        ("gear", 0, np.int64),
        ("rpm", 0, np.float64),
        ("steer_rad", 0, np.float64),
        ("wheel_turn_rad", 0, np.float64),
        ("simulate_physics", 0, np.bool_),
        ("gravity", 0, np.bool_),
        ("extent_m", 3, np.float64),
        ("box_center_m", 3, np.float64),
        ("friction_scale", 0, np.float64),
        ("_steer_input", 0, np.float64),
        ("_forward_gear", 0, np.int64),
        ("_shift_timer_s", 0, np.float64),
        ("_rise_forward", 0, np.float64),
        ("_rise_right", 0, np.float64),
        ("_contact", 0, np.float64),
        ("_velocity_before_mps", 3, np.float64),
        ("_constant_velocity_mps", 3, np.float64),
        ("_has_constant_velocity", 0, np.bool_),
        ("_force_n", 3, np.float64),
        ("_torque_nm", 0, np.float64),
        ("_torque_table_nm", powertrain.CURVE_POINTS, np.float64),
        ("_steering_table", powertrain.CURVE_POINTS, np.float64),
        ("_gear_table", powertrain.MAX_GEARS + 2, np.float64),
        ("_parameters", len(Parameters._fields), np.float64),
    )

    position_m: np.ndarray
    rotation_rad: np.ndarray
    velocity_mps: np.ndarray
    angular_velocity_radps: np.ndarray
    acceleration_mps2: np.ndarray
    control: np.ndarray
    gear: np.ndarray
    rpm: np.ndarray
    steer_rad: np.ndarray
    wheel_turn_rad: np.ndarray
    simulate_physics: np.ndarray
    gravity: np.ndarray
    extent_m: np.ndarray
    box_center_m: np.ndarray
    friction_scale: np.ndarray
    _steer_input: np.ndarray
    _forward_gear: np.ndarray
    _shift_timer_s: np.ndarray
    _rise_forward: np.ndarray
    _rise_right: np.ndarray
    _contact: np.ndarray
    _velocity_before_mps: np.ndarray
    _constant_velocity_mps: np.ndarray
    _has_constant_velocity: np.ndarray
    _force_n: np.ndarray
    _torque_nm: np.ndarray
    _torque_table_nm: np.ndarray
    _steering_table: np.ndarray
    _gear_table: np.ndarray
    _parameters: np.ndarray

    def __init__(self) -> None:
        """Start with no vehicles."""
        self._specs: dict[int, VehicleSpec] = {}
        super().__init__()

    def add(self, actor_id: int, spec: VehicleSpec, pose6: Sequence[float] | np.ndarray) -> None:
        """Add a vehicle at rest.

        Args:
            actor_id: its id; must be new.
            spec: its mechanics.
            pose6: x, y, z (metres), pitch, yaw, roll (degrees), as CARLA's spawn transform.

        Raises:
            ValueError: the id is taken or the pose is not finite.
        """
        pose = finite("pose6", pose6, 6)
        row = self._append(actor_id)
        self.simulate_physics[row] = self.gravity[row] = True
        self.friction_scale[row] = self._contact[row] = 1.0
        self._forward_gear[row] = 1
        self.position_m[row] = pose[:3]
        self.rotation_rad[row] = np.radians(pose[3:])
        self.set_spec(actor_id, spec)

    def remove(self, actor_id: int) -> None:
        """Remove a vehicle; the others keep their order.

        Raises:
            KeyError: no such vehicle.
        """
        self._delete(actor_id)
        del self._specs[actor_id]

    def spec_of(self, actor_id: int) -> VehicleSpec:
        """Mechanics of a vehicle.

        Raises:
            KeyError: no such vehicle.
        """
        return self._specs[int(self.actor_ids[self.index_of(actor_id)])]

    def set_spec(self, actor_id: int, spec: VehicleSpec) -> None:
        """Give a vehicle other mechanics (CARLA's apply_physics_control); its motion goes on."""
        row = self.index_of(actor_id)
        self._specs[actor_id] = spec
        self.extent_m[row] = spec.extent_m
        self.box_center_m[row] = spec.box_center_m
        self._torque_table_nm[row] = powertrain.torque_table(spec)
        self._steering_table[row] = powertrain.steering_table(spec)
        self._gear_table[row] = powertrain.gear_table(spec)
        self._parameters[row] = Parameters.column(spec)
        self._forward_gear[row] = min(int(self._forward_gear[row]), len(spec.gear_ratios))
        self._rebuild()

    def forward_speed_mps(self) -> np.ndarray:
        """Signed speed along the body, (N,) float64 m/s."""
        yaw = self.rotation_rad[:, 1]
        return self.velocity_mps[:, 0] * np.cos(yaw) + self.velocity_mps[:, 1] * np.sin(yaw)

    def _rebuild(self) -> None:
        """Refresh what is derived from the rows."""
        self._parameters_by_row = np.ascontiguousarray(self._parameters.T)
        self._p = Parameters(*self._parameters_by_row)
        count = len(self)
        self.mass_kg = self._p.mass_kg
        self.yaw_inertia_kgm2 = self._p.gyration2_m2 * self._p.mass_kg
        self._table_rows = np.arange(count, dtype=np.int64) * powertrain.CURVE_POINTS
        self._gear_rows = np.arange(count, dtype=np.int64) * (powertrain.MAX_GEARS + 2)
        self._any_two_wheeler = bool(self._p.two_wheeler.any())
        self._any_gears = bool((self._p.top_gear > 1.0).any())
        self._top_gear = self._p.top_gear.astype(np.int64)
        self._frozen_rows = np.flatnonzero(~self.simulate_physics)
        self._constant_rows = np.flatnonzero(self._has_constant_velocity)
        self._any_manual = bool(self.control[:, MANUAL_GEAR].any())
        self._has_forces = bool(self._force_n.any() or self._torque_nm.any())
