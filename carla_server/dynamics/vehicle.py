"""All vehicles of the world, advanced together once per tick."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from carla_server.dynamics import powertrain, suspension
from carla_server.dynamics.actor_rows import finite
from carla_server.dynamics.bicycle import PlanarForces, advance
from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.dynamics.vehicle_rows import VehicleRows
from carla_server.roads.town import Ground

SUBSTEP_S = 0.0255
"""Longest planar substep: two per 0.05 s tick."""

ANTILOCK_SHARE = 0.95
"""Brakes and drive use at most this share of the grip, as anti-lock and traction control do."""

LOCKED_GRIP_SHARE = 0.35
"""Share of the lateral grip that is left on the rear axle when the hand brake locks it."""

HOLD_SPEED_MPS = 0.03
HOLD_YAW_RATE_RADPS = 0.03
TURN = 2.0 * math.pi


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
        if len(values) != 7 or not all(map(math.isfinite, values)):
            raise ValueError(f"vehicle control is {list(values)}; it must be seven finite values")
        throttle, steer, brake, hand_brake, reverse, manual, gear = values
        self.control[row] = (
            min(max(throttle, 0.0), 1.0),
            min(max(steer, -1.0), 1.0),
            min(max(brake, 0.0), 1.0),
            hand_brake,
            reverse,
            manual,
            gear,
        )
        self._any_manual |= bool(manual)

    def set_pose(self, actor_id: int, pose6: Sequence[float] | np.ndarray) -> None:
        """Teleport a vehicle; its velocity stays (as CARLA's set_transform).

        Args:
            actor_id: the vehicle.
            pose6: x, y, z (metres), pitch, yaw, roll (degrees).
        """
        row = self.index_of(actor_id)
        pose = finite("pose6", pose6, 6)
        self.position_m[row] = pose[:3]
        self.rotation_rad[row] = np.radians(pose[3:])
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
        self._has_constant_velocity[row] = velocity_body_mps is not None
        if velocity_body_mps is not None:
            self._constant_velocity_mps[row] = finite("velocity_body_mps", velocity_body_mps, 3)
        self._rebuild()

    def set_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Freeze (False) or release a vehicle; a frozen one moves only by `set_pose`."""
        row = self.index_of(actor_id)
        self.simulate_physics[row] = enabled
        if not enabled:
            self.velocity_mps[row] = self.angular_velocity_radps[row] = self.acceleration_mps2[row] = 0.0
            self._velocity_before_mps[row] = 0.0
        self._rebuild()

    def set_gravity(self, actor_id: int, enabled: bool) -> None:
        """Switch gravity for one vehicle."""
        self.gravity[self.index_of(actor_id)] = enabled

    def add_impulse(self, actor_id: int, impulse_ns: Sequence[float] | np.ndarray) -> None:
        """Change the velocity at once by an impulse through the centre of mass, N s, world frame."""
        row = self.index_of(actor_id)
        self.velocity_mps[row] += finite("impulse_ns", impulse_ns, 3) / self._p.mass_kg[row]

    def add_angular_impulse(self, actor_id: int, impulse_nms: Sequence[float] | np.ndarray) -> None:
        """Change the yaw rate at once by an angular impulse, N m s, world axes; only z acts."""
        row = self.index_of(actor_id)
        inertia = self._p.gyration2_m2[row] * self._p.mass_kg[row]
        self.angular_velocity_radps[row, 2] += finite("impulse_nms", impulse_nms, 3)[2] / inertia

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
        self._has_forces = True

    def step(self, delta_s: float, ground: Ground) -> None:
        """Advance all vehicles by one tick.

        Args:
            delta_s: length of the tick in seconds, above 0 (accurate up to about 0.1).
            ground: heights under the wheels.
        """
        if not len(self):
            return
        frozen = self._frozen_rows
        if frozen.size:
            kept_position, kept_rotation = self.position_m[frozen], self.rotation_rad[frozen]
        if self._has_forces:
            self._apply_forces(delta_s)
        velocity, yaw = self.velocity_mps, self.rotation_rad[:, 1].copy()
        cosine, sine = np.cos(yaw), np.sin(yaw)
        world_x, world_y = velocity[:, 0], velocity[:, 1]
        forward = world_x * cosine + world_y * sine
        right = world_y * cosine - world_x * sine
        yaw_rate = self.angular_velocity_radps[:, 2].copy()
        forces = self._forces(forward, delta_s)
        substeps = max(1, math.ceil(delta_s / SUBSTEP_S))
        forward, right, yaw_rate, mean_forward, mean_right, mean_turn = advance(
            forces, forward, right, yaw_rate, delta_s, substeps
        )
        if self._constant_rows.size:
            rows = self._constant_rows
            forward[rows] = mean_forward[rows] = self._constant_velocity_mps[rows, 0]
            right[rows] = mean_right[rows] = self._constant_velocity_mps[rows, 1]
        push = np.abs(forces.drive_mps2 + forces.grade_forward_mps2)
        held = (np.maximum(np.abs(forward), np.abs(right)) < HOLD_SPEED_MPS) & (forces.friction_mps2 > push)
        if np.count_nonzero(held):
            moves = 1.0 - (held & (np.abs(yaw_rate) < HOLD_YAW_RATE_RADPS))
            forward, right, yaw_rate = forward * moves, right * moves, yaw_rate * moves
            mean_forward, mean_right, mean_turn = mean_forward * moves, mean_right * moves, mean_turn * moves
        turn = mean_turn * delta_s
        middle = yaw + 0.5 * turn
        cosine, sine = np.cos(middle), np.sin(middle)
        position = self.position_m
        position[:, 0] += delta_s * (mean_forward * cosine - mean_right * sine)
        position[:, 1] += delta_s * (mean_forward * sine + mean_right * cosine)
        yaw += turn
        yaw -= TURN * np.rint(yaw / TURN)
        cosine, sine = np.cos(yaw), np.sin(yaw)
        self.wheel_turn_rad = np.mod(self.wheel_turn_rad + mean_forward * delta_s / self._p.radius_m, TURN)
        velocity[:, 0] = forward * cosine - right * sine
        velocity[:, 1] = forward * sine + right * cosine
        self.rotation_rad[:, 1] = yaw
        self.angular_velocity_radps[:, 2] = yaw_rate
        self._follow_ground(ground, cosine, sine, forward, right, delta_s)
        if frozen.size:
            self.position_m[frozen], self.rotation_rad[frozen] = kept_position, kept_rotation
            self.velocity_mps[frozen] = self.angular_velocity_radps[frozen] = 0.0
        self.acceleration_mps2 = (velocity - self._velocity_before_mps) / delta_s
        self._velocity_before_mps = velocity.copy()

    def _forces(self, forward: np.ndarray, delta_s: float) -> PlanarForces:
        """Turn controls, gearboxes and slopes into forces per mass; updates steering and gears."""
        p = self._p
        throttle, steer, brake, hand_brake, reverse, manual, manual_gear = np.ascontiguousarray(self.control.T)
        speed = np.abs(forward)

        old_steer = self._steer_input
        reach = p.steer_rate_per_s * delta_s
        change = np.minimum(np.maximum(steer - old_steer, -reach), reach)
        self._steer_input = old_steer + change
        share = powertrain.read_tables(
            self._steering_table,
            speed * (powertrain.CURVE_POINTS - 1) / powertrain.STEERING_TABLE_MPS,
            self._table_rows,
        )
        full_steer = share * p.max_steer_rad
        self.steer_rad = self._steer_input * full_steer
        # Mean over the tick of an input that ramps at the rate limit and then stays.
        angle = (self._steer_input - change * np.abs(change) / (2.0 * reach)) * full_steer

        gear = np.where(reverse > 0.0, -1, self._forward_gear)
        if self._any_manual:
            chosen = np.minimum(np.maximum(manual_gear, -1.0), p.top_gear).astype(np.int64)
            gear = np.where((manual > 0.0) & (reverse <= 0.0), chosen, gear)
            self._forward_gear = np.where(manual > 0.0, np.maximum(chosen, 1), self._forward_gear)
        ratio = self._gear_table.ravel()[np.where(gear < 0, powertrain.MAX_GEARS + 1, gear) + self._gear_rows]
        lever = ratio / p.radius_m
        engine_radps = speed * np.abs(lever)
        wheel_rpm = engine_radps * powertrain.RPM_PER_RADPS
        self.gear = gear
        self.rpm = np.maximum(wheel_rpm, powertrain.IDLE_RPM)
        engine_fraction = wheel_rpm / p.max_rpm
        torque_nm = powertrain.read_tables(
            self._torque_table_nm, engine_fraction * (powertrain.CURVE_POINTS - 1), self._table_rows
        )
        limiter = np.minimum(np.maximum((1.02 - engine_fraction) * 50.0, 0.0), 1.0)
        engaged = 1.0 - np.minimum(self._shift_timer_s * (1.0 / delta_s), 1.0)
        pull = torque_nm * throttle * limiter * engaged * lever / p.mass_kg
        self._shift_timer_s = np.maximum(self._shift_timer_s - delta_s, 0.0)
        if self._any_gears:
            self._forward_gear, self._shift_timer_s = powertrain.choose_gears(
                self._forward_gear,
                self._shift_timer_s,
                np.where(gear > 0, engine_fraction, 0.0),
                p.shift_up,
                p.shift_down,
                self._top_gear,
                p.switch_time_s,
            )

        grip = p.grip_mps2 * self.friction_scale * self._contact
        usable = ANTILOCK_SHARE * grip
        traction = usable * p.traction
        drive = np.minimum(np.maximum(pull, -traction), traction)
        brakes = np.minimum(brake * p.brake_mps2, usable)
        parked = hand_brake * np.minimum(p.handbrake_mps2, usable * (1.0 - p.front_load))
        engine_drag = p.engine_drag_nms * engine_radps * np.abs(lever) / p.mass_kg * (1.0 - throttle)
        friction = np.minimum(brakes + parked + engine_drag + p.rolling_mps2, usable + 1e-9) * self._contact
        used = np.minimum((brakes + np.abs(drive)) / (grip + 1e-9), ANTILOCK_SHARE)
        lateral = grip * np.sqrt(1.0 - used * used) + 1e-6
        grip_front = lateral * p.front_load
        grip_rear = (lateral - grip_front) * (1.0 - (1.0 - LOCKED_GRIP_SHARE) * hand_brake)
        return PlanarForces(
            p.to_front_m,
            p.to_rear_m,
            p.gyration2_m2,
            np.cos(angle),
            np.sin(angle),
            grip_front,
            grip_rear,
            p.front_stiffness_mps2 / grip_front,
            p.rear_stiffness_mps2 / grip_rear,
            drive,
            drive * p.front_drive,
            -GRAVITY_MPS2 * self._rise_forward * self._contact,
            -GRAVITY_MPS2 * self._rise_right * self._contact,
            friction,
            p.drag_per_m,
        )

    def _follow_ground(
        self,
        ground: Ground,
        cosine: np.ndarray,
        sine: np.ndarray,
        forward: np.ndarray,
        right: np.ndarray,
        delta_s: float,
    ) -> None:
        """Set height, pitch, roll and their rates from the ground under the wheels."""
        p, position, rotation, angular = self._p, self.position_m, self.rotation_rad, self.angular_velocity_radps
        level, rise_forward, rise_right = suspension.ground_under_wheels(
            ground, position[:, 0], position[:, 1], cosine, sine, p.half_base_m, p.half_track_m
        )
        height, climb, self._contact = suspension.heave(
            position[:, 2],
            self.velocity_mps[:, 2],
            level,
            forward * rise_forward + right * rise_right,
            GRAVITY_MPS2 * self.gravity,
            delta_s,
        )
        position[:, 2] = height
        self.velocity_mps[:, 2] = climb
        share = suspension.settle_share(delta_s) * self._contact
        roll_target = -np.arctan(rise_right)
        if self._any_two_wheeler:
            lean = np.arctan(forward * angular[:, 2] / GRAVITY_MPS2)
            roll_target = np.where(p.two_wheeler > 0.0, lean, roll_target)
        pitch_change = (np.arctan(rise_forward) - rotation[:, 0]) * share
        roll_change = (roll_target - rotation[:, 2]) * share
        rotation[:, 0] += pitch_change
        rotation[:, 2] += roll_change
        angular[:, 0] = (pitch_change * sine - roll_change * cosine) / delta_s
        angular[:, 1] = (-roll_change * sine - pitch_change * cosine) / delta_s
        self._rise_forward, self._rise_right = rise_forward, rise_right

    def _apply_forces(self, delta_s: float) -> None:
        """Let the forces of this tick act and forget them."""
        self.velocity_mps += self._force_n * (delta_s / self._p.mass_kg[:, None])
        self.angular_velocity_radps[:, 2] += self._torque_nm * delta_s / (self._p.gyration2_m2 * self._p.mass_kg)
        self._force_n[:] = 0.0
        self._torque_nm[:] = 0.0
        self._has_forces = False
