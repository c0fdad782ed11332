"""Storage of all vehicles: one struct of arrays whose rows appear and vanish with the actors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from carla_server.dynamics import powertrain
from carla_server.dynamics.actor_rows import ActorRows, finite
from carla_server.dynamics.powertrain import CURVE_POINTS
from carla_server.dynamics.spec import GRAVITY_MPS2, VehicleSpec
from carla_server.dynamics.vehicle_columns import SCALARS, STATE, STATE_DTYPE, VECTORS
from carla_server.dynamics.vehicle_motion import EngineTables
from carla_server.dynamics.vehicle_parameters import PARAMETERS_DTYPE, parameters_of


class VehicleRows(ActorRows):
    """Poses, velocities and controls of all vehicles; row i belongs to `actor_ids[i]`.

    Arrays are replaced when vehicles are added or removed, so read them afresh every tick.

    Attributes:
        rows: (N,) of `STATE_DTYPE`: all that follows in the form in which compiled code sees it.
        position_m: (N, 3) float64, world.
        rotation_rad: (N, 3) float64 pitch, yaw, roll with CARLA's signs; yaw within [-pi, pi].
        heading: (N, 2) float64 cosine and sine of the yaw.
        velocity_mps: (N, 3) float64, world.
        angular_velocity_radps: (N, 3) float64, world axes, CARLA's sense (z: clockwise seen from above).
        acceleration_mps2: (N, 3) float64, world: change of velocity over the last tick.
        control: (N, 7) float64 throttle, steer, brake, hand_brake, reverse, manual_gear_shift, gear as commanded.
        gear: (N,) float64 engaged gear, a whole number: -1 reverse, 0 neutral.
        rpm: (N,) float64 engine speed.
        steer_rad: (N,) float64 angle of the front wheels, positive right.
        wheel_turn_rad: (N,) float64 rolling angle of the wheels, within [0, 2 pi).
        simulate_physics, gravity: (N,) bool.
        extent_m, box_center_m: (N, 3) float64 half lengths and centre of the boxes in the vehicles' frames.
        front_m: (N,) float64 distance from the origin to the front bumper.
        mass_kg, yaw_inertia_kgm2: (N,) float64; change them by `set_spec`.
        friction_scale: (N,) float64 factor on tyre friction (friction triggers; 1 by default).
    """

    _STATE = (
        ("state", len(STATE), np.float64),
        ("simulate_physics", 0, np.bool_),
        ("gravity", 0, np.bool_),
        ("extent_m", 3, np.float64),
        ("box_center_m", 3, np.float64),
        ("_acceleration_table", CURVE_POINTS, np.float64),
        ("_steering_table", CURVE_POINTS, np.float64),
        ("_lever_table", powertrain.MAX_GEARS + 2, np.float64),
        ("_parameters", 0, PARAMETERS_DTYPE),
    )

    state: np.ndarray
    rows: np.ndarray
    position_m: np.ndarray
    rotation_rad: np.ndarray
    heading: np.ndarray
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
    front_m: np.ndarray
    friction_scale: np.ndarray
    _forward_gear: np.ndarray
    _rise_forward: np.ndarray
    _rise_right: np.ndarray
    _contact: np.ndarray
    _velocity_before_mps: np.ndarray
    _held_velocity_mps: np.ndarray
    _holds_velocity: np.ndarray
    _gravity_mps2: np.ndarray
    _frozen: np.ndarray
    _force_n: np.ndarray
    _torque_nm: np.ndarray
    _acceleration_table: np.ndarray
    _steering_table: np.ndarray
    _lever_table: np.ndarray
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
        self._name_columns()
        self.simulate_physics[row] = self.gravity[row] = True
        self._gravity_mps2[row] = GRAVITY_MPS2
        self.friction_scale[row] = self._contact[row] = 1.0
        self._forward_gear[row] = 1
        self._place(row, pose)
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
        self._acceleration_table[row] = powertrain.acceleration_table(spec)
        self._steering_table[row] = powertrain.steering_table(spec)
        self._lever_table[row] = powertrain.lever_table(spec)
        self._parameters[row] = parameters_of(spec)
        self._forward_gear[row] = min(int(self._forward_gear[row]), len(spec.gear_ratios))
        self._rebuild()

    def forward_speed_mps(self) -> np.ndarray:
        """Signed speed along the body, (N,) float64 m/s."""
        return self.velocity_mps[:, 0] * self.heading[:, 0] + self.velocity_mps[:, 1] * self.heading[:, 1]

    def _place(self, row: int, pose: np.ndarray) -> None:
        """Put a vehicle at x, y, z (metres), pitch, yaw, roll (degrees)."""
        self.position_m[row] = pose[:3]
        self.rotation_rad[row] = np.radians(pose[3:])
        yaw_rad = float(self.rotation_rad[row, 1])
        self.heading[row] = math.cos(yaw_rad), math.sin(yaw_rad)

    def _name_columns(self) -> None:
        """Point the named arrays at the columns of the state."""
        for name, columns in VECTORS.items():
            setattr(self, name, self.state[:, columns])
        for name, column in SCALARS.items():
            setattr(self, name, self.state[:, column])

    def _rebuild(self) -> None:
        """Refresh what is derived from the rows."""
        self._name_columns()
        self.rows = self.state.view(STATE_DTYPE)[:, 0]
        self._tables = EngineTables(self._steering_table, self._acceleration_table, self._lever_table)
        self.mass_kg = self._parameters["mass_kg"].copy()
        self.yaw_inertia_kgm2 = self._parameters["gyration2_m2"] * self.mass_kg
        self.front_m = self.box_center_m[:, 0] + self.extent_m[:, 0]
