"""Storage of all vehicles: one struct of arrays whose rows appear and vanish with the actors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from carla_server.dynamics import powertrain
from carla_server.dynamics.actor_rows import ActorRows, finite
from carla_server.dynamics.arithmetic import CURVE_POINTS, Curves
from carla_server.dynamics.spec import GRAVITY_MPS2, LEAST_FRICTION, VehicleSpec

THROTTLE, STEER, BRAKE, HAND_BRAKE, REVERSE, MANUAL_GEAR, GEAR = range(7)
"""Columns of `VehicleRows.control`, in the order of CARLA's VehicleControl."""

AIR_DENSITY_KGPM3 = 1.2

FEW_VEHICLES = 10
"""Up to this many vehicles are moved one by one as numbers."""

LOAD_SENSITIVITY = 0.3
"""Cornering stiffness grows with the load on an axle to the power of 1 minus this, so the laden axle slips more."""

REAR_STIFFNESS_FACTOR = 1.1
"""Rear tyres are a little stiffer than front tyres, which makes vehicles understeer."""


class State(NamedTuple):
    """What changes while vehicles move: the columns of the fleet's state, float64 arrays of one length or floats.

    First what only the step knows, then what the snapshot shows, then what is commanded. The step writes all but the
    commands.
    """

    gear: Any
    rpm: Any
    steer_rad: Any
    wheel_turn_rad: Any
    steer_input: Any
    forward_gear: Any
    shift_timer_s: Any
    rise_forward: Any
    rise_right: Any
    contact: Any
    heading_x: Any
    heading_y: Any
    x_before_mps: Any
    y_before_mps: Any
    z_before_mps: Any
    x_m: Any
    y_m: Any
    z_m: Any
    pitch_rad: Any
    yaw_rad: Any
    roll_rad: Any
    velocity_x_mps: Any
    velocity_y_mps: Any
    velocity_z_mps: Any
    rate_x_radps: Any
    rate_y_radps: Any
    rate_z_radps: Any
    acceleration_x_mps2: Any
    acceleration_y_mps2: Any
    acceleration_z_mps2: Any
    throttle: Any
    steer: Any
    brake: Any
    hand_brake: Any
    reverse: Any
    manual_gear_shift: Any
    gear_command: Any
    friction_scale: Any
    gravity_mps2: Any
    frozen: Any
    force_x_n: Any
    force_y_n: Any
    force_z_n: Any
    torque_z_nm: Any
    holds_velocity: Any
    held_forward_mps: Any
    held_right_mps: Any


_COLUMN = {name: column for column, name in enumerate(State._fields)}
MOVED = slice(0, _COLUMN["throttle"])
"""Columns of `State` that the step writes."""

SHOWN = slice(_COLUMN["x_m"], _COLUMN["hand_brake"])
"""Columns of `State` that a snapshot shows, in its order: pose, velocities, acceleration, throttle, steer, brake."""


def _columns(first: str, count: int) -> slice:
    return slice(_COLUMN[first], _COLUMN[first] + count)


_VECTORS = {
    "position_m": _columns("x_m", 3),
    "rotation_rad": _columns("pitch_rad", 3),
    "velocity_mps": _columns("velocity_x_mps", 3),
    "angular_velocity_radps": _columns("rate_x_radps", 3),
    "acceleration_mps2": _columns("acceleration_x_mps2", 3),
    "control": _columns("throttle", 7),
    "heading": _columns("heading_x", 2),
    "_velocity_before_mps": _columns("x_before_mps", 3),
    "_force_n": _columns("force_x_n", 3),
    "_held_velocity_mps": _columns("held_forward_mps", 2),
}
_SCALARS = {
    "gear": _COLUMN["gear"],
    "rpm": _COLUMN["rpm"],
    "steer_rad": _COLUMN["steer_rad"],
    "wheel_turn_rad": _COLUMN["wheel_turn_rad"],
    "friction_scale": _COLUMN["friction_scale"],
    "_forward_gear": _COLUMN["forward_gear"],
    "_rise_forward": _COLUMN["rise_forward"],
    "_rise_right": _COLUMN["rise_right"],
    "_contact": _COLUMN["contact"],
    "_gravity_mps2": _COLUMN["gravity_mps2"],
    "_frozen": _COLUMN["frozen"],
    "_torque_nm": _COLUMN["torque_z_nm"],
    "_holds_velocity": _COLUMN["holds_velocity"],
}
"""Names of parts of the state, which are views of it."""


class Parameters(NamedTuple):
    """What the step needs of each specification, float64 arrays of one length or floats; forces are per mass.

    engine_fraction_s: share of the largest engine speed per rad/s. engine_drag: m^2/s, torque per rad/s and mass.
    engine_inertia_m2: the engine's moment of inertia per mass. wheel_damping_per_s: deceleration per speed.
    """

    mass_kg: Any
    to_front_m: Any
    to_rear_m: Any
    gyration2_m2: Any
    half_base_m: Any
    half_track_m: Any
    inverse_radius_per_m: Any
    steer_rate_per_s: Any
    max_rpm: Any
    engine_fraction_s: Any
    top_gear: Any
    shift_up: Any
    shift_down: Any
    switch_time_s: Any
    engine_inertia_m2: Any
    engine_drag: Any
    wheel_damping_per_s: Any
    front_drive: Any
    brake_mps2: Any
    handbrake_mps2: Any
    grip_mps2: Any
    front_stiffness_mps2: Any
    rear_stiffness_mps2: Any
    front_load: Any
    traction: Any
    drag_per_m: Any
    rolling_mps2: Any
    two_wheeler: Any

    @staticmethod
    def column(spec: VehicleSpec) -> list[float]:
        """Values of one vehicle, in field order."""
        load = spec.mass_kg * spec.wheel_radius_m
        front_load = 1.0 - spec.cg_to_front_m / spec.wheelbase_m
        # Pulling shifts load from the front axle to the rear; each axle slips at its own limit. With rear drive
        # alone the front formula is that of lifting the front wheels.
        shift = spec.tyre_friction * spec.cg_height_m / spec.wheelbase_m
        traction_front = front_load / max(spec.front_drive + shift, 1e-9)
        traction_rear = (1.0 - front_load) / max(1.0 - spec.front_drive - shift, 1e-9)
        stiffness = spec.cornering_per_rad * GRAVITY_MPS2 * 0.5**LOAD_SENSITIVITY
        kept = 1.0 - LOAD_SENSITIVITY
        return [
            spec.mass_kg,
            spec.cg_to_front_m,
            spec.wheelbase_m - spec.cg_to_front_m,
            spec.yaw_inertia_kgm2 / spec.mass_kg,
            0.5 * spec.wheelbase_m,
            0.5 * spec.track_m,
            1.0 / spec.wheel_radius_m,
            spec.steer_rate_per_s,
            spec.max_rpm,
            powertrain.RPM_PER_RADPS / spec.max_rpm,
            float(len(spec.gear_ratios)),
            spec.shift_up_fraction if spec.automatic_gearbox else np.inf,
            spec.shift_down_fraction if spec.automatic_gearbox else -np.inf,
            spec.gear_switch_time_s,
            spec.engine_inertia_kgm2 / spec.mass_kg,
            spec.engine_drag_nms / spec.mass_kg,
            4.0 * spec.wheel_damping_nms / (load * spec.wheel_radius_m),
            spec.front_drive,
            4.0 * spec.max_brake_torque_nm / load,
            2.0 * spec.max_handbrake_torque_nm / load,
            max(spec.tyre_friction, LEAST_FRICTION) * GRAVITY_MPS2,
            stiffness * front_load**kept,
            stiffness * (1.0 - front_load) ** kept * REAR_STIFFNESS_FACTOR,
            front_load,
            min(traction_front, traction_rear, 1.0),
            0.5 * AIR_DENSITY_KGPM3 * spec.drag_coefficient_m2 / spec.mass_kg,
            spec.rolling_resistance * GRAVITY_MPS2,
            float(spec.is_two_wheeler),
        ]


class EngineTables(NamedTuple):
    """Tables of `powertrain`: `Curves` of many vehicles or the lists of one."""

    steering: Any
    acceleration: Any
    lever: Any


class Rare(NamedTuple):
    """What most fleets do not have, and for which the step then does nothing.

    Attributes:
        forces: somebody pushes a vehicle in this tick.
        levers: a hand brake, reverse or a manual gear is commanded.
        gearboxes: a vehicle has more than one gear.
        two_wheelers: a vehicle leans into bends.
        held_velocities: a vehicle has a constant velocity.
        frozen: a vehicle moves only by set poses.
    """

    forces: bool
    levers: bool
    gearboxes: bool
    two_wheelers: bool
    held_velocities: bool
    frozen: bool


class VehicleRows(ActorRows):
    """Poses, velocities and controls of all vehicles; row i belongs to `actor_ids[i]`.

    Arrays are replaced when vehicles are added or removed, so read them afresh every tick.

    Attributes:
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
        ("state", len(State._fields), np.float64),
        ("simulate_physics", 0, np.bool_),
        ("gravity", 0, np.bool_),
        ("extent_m", 3, np.float64),
        ("box_center_m", 3, np.float64),
        ("_acceleration_table", CURVE_POINTS, np.float64),
        ("_steering_table", CURVE_POINTS, np.float64),
        ("_lever_table", powertrain.MAX_GEARS + 2, np.float64),
        ("_parameters", len(Parameters._fields), np.float64),
    )

    state: np.ndarray
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
        self._parameters[row] = Parameters.column(spec)
        self._forward_gear[row] = min(int(self._forward_gear[row]), len(spec.gear_ratios))
        self._rebuild()

    def forward_speed_mps(self) -> np.ndarray:
        """Signed speed along the body, (N,) float64 m/s."""
        return self.velocity_mps[:, 0] * self.heading[:, 0] + self.velocity_mps[:, 1] * self.heading[:, 1]

    def _mechanics_of(self, row: int) -> tuple[Parameters, EngineTables]:
        """Parameters and tables of one vehicle as numbers, for a step of it alone."""
        mechanics = self._mechanics.get(row)
        if mechanics is None:
            parameters = Parameters(*self._parameters[row].tolist())
            tables = EngineTables(*(table[row].tolist() for table in self._engine_tables))
            mechanics = self._mechanics[row] = parameters, tables
        return mechanics

    def _place(self, row: int, pose: np.ndarray) -> None:
        """Put a vehicle at x, y, z (metres), pitch, yaw, roll (degrees)."""
        self.position_m[row] = pose[:3]
        self.rotation_rad[row] = np.radians(pose[3:])
        yaw_rad = float(self.rotation_rad[row, 1])
        self.heading[row] = math.cos(yaw_rad), math.sin(yaw_rad)

    def _name_columns(self) -> None:
        """Point the named arrays at the columns of the state."""
        for name, columns in _VECTORS.items():
            setattr(self, name, self.state[:, columns])
        for name, column in _SCALARS.items():
            setattr(self, name, self.state[:, column])

    def _rebuild(self) -> None:
        """Refresh what is derived from the rows."""
        self._name_columns()
        self._p = Parameters(*np.ascontiguousarray(self._parameters.T))
        self.mass_kg = self._p.mass_kg
        self.front_m = self.box_center_m[:, 0] + self.extent_m[:, 0]
        self.yaw_inertia_kgm2 = self._p.gyration2_m2 * self._p.mass_kg
        self._mechanics: dict[int, tuple[Parameters, EngineTables]] = {}
        tables = self._engine_tables = EngineTables(self._steering_table, self._acceleration_table, self._lever_table)
        if len(self) > FEW_VEHICLES:
            self._tables = EngineTables(*map(Curves.of, tables))
        else:
            self._each = [self._mechanics_of(row) for row in range(len(self))]
        self._look_around()

    def _look_around(self) -> None:
        """Note which rare things there are, so that the step does not look for them in every tick."""
        self._rare = Rare(
            forces=bool(self._force_n.any() or self._torque_nm.any()),
            levers=bool(self.control[:, HAND_BRAKE : MANUAL_GEAR + 1].any()),
            gearboxes=bool((self._p.top_gear > 1.0).any()),
            two_wheelers=bool(self._p.two_wheeler.any()),
            held_velocities=bool(self._holds_velocity.any()),
            frozen=bool(self._frozen.any()),
        )
