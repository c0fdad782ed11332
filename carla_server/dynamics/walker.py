"""All walkers of the world as one struct of arrays: they walk where they are told, on the ground's height."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from carla_server.dynamics.actor_rows import ActorRows, finite
from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.roads.town import Ground

DIRECTION_X, DIRECTION_Y, DIRECTION_Z, SPEED, JUMP = range(5)
"""Columns of `WalkerFleet.control`, in the order of CARLA's WalkerControl."""

MAX_SPEED_MPS = 10.0
TURN_RATE_RADPS = 6.0
JUMP_SPEED_MPS = 4.2
STEP_UP_M = 0.45
"""Ground at most this far below the feet is stepped down to, not fallen to."""

FOOT_ERROR_M = 0.6
"""Led walkers whose feet are this close to the ground are put on it: a navigation mesh only approximates it."""

LYING_DEG = -90.0
"""Pitch of a walker that fell: on its back."""

TELEPORT_M = 2.0
"""A set pose farther away than this in one tick is a jump and gives no velocity."""


class WalkerFleet(ActorRows):
    """Poses and velocities of all walkers; a walker's position is the middle of its body.

    Attributes:
        actor_ids: (N,) int64.
        position_m: (N, 3) float64, world.
        rotation_rad: (N, 3) float64 pitch, yaw, roll.
        velocity_mps: (N, 3) float64, world.
        angular_velocity_radps: (N, 3) float64, world axes.
        acceleration_mps2: (N, 3) float64, world.
        control: (N, 5) float64 direction x, y, z, speed (m/s), jump.
        simulate_physics: (N,) bool; without it a walker moves only by `set_pose` and `set_state`.
        led: (N,) bool; True since the last `set_state`, until a `set_control` lets the walker walk by itself.
        fallen: (N,) bool; a fallen walker lies on the ground and obeys nobody.
        extent_m: (N, 3) float64 half lengths of the boxes.
        mass_kg: (N,) float64.
        stride_m: (N,) float64 distance walked, for the gait.
    """

    _STATE = (
        ("position_m", 3, np.float64),
        ("rotation_rad", 3, np.float64),
        ("velocity_mps", 3, np.float64),
        ("angular_velocity_radps", 3, np.float64),
        ("acceleration_mps2", 3, np.float64),
        ("control", 5, np.float64),
        ("simulate_physics", 0, np.bool_),
        ("led", 0, np.bool_),
        ("fallen", 0, np.bool_),
        ("extent_m", 3, np.float64),
        ("mass_kg", 0, np.float64),
        ("stride_m", 0, np.float64),
        ("_position_before_m", 3, np.float64),
        ("_yaw_before_rad", 0, np.float64),
        ("_pushed_mps", 3, np.float64),
    )

    position_m: np.ndarray
    rotation_rad: np.ndarray
    velocity_mps: np.ndarray
    angular_velocity_radps: np.ndarray
    acceleration_mps2: np.ndarray
    control: np.ndarray
    simulate_physics: np.ndarray
    led: np.ndarray
    fallen: np.ndarray
    extent_m: np.ndarray
    mass_kg: np.ndarray
    stride_m: np.ndarray
    _position_before_m: np.ndarray
    _yaw_before_rad: np.ndarray
    _pushed_mps: np.ndarray

    def add(
        self,
        actor_id: int,
        extent_m: Sequence[float],
        pose6: Sequence[float] | np.ndarray,
        mass_kg: float = 75.0,
    ) -> None:
        """Add a standing walker.

        Args:
            actor_id: its id; must be new.
            extent_m: half lengths of its box (forward, right, up), metres.
            pose6: x, y, z (metres) of the middle of its body, pitch, yaw, roll (degrees).
            mass_kg: its mass.

        Raises:
            ValueError: the id is taken or a value is not finite.
        """
        pose, extent = finite("pose6", pose6, 6), finite("extent_m", extent_m, 3)
        row = self._append(actor_id)
        self.position_m[row] = self._position_before_m[row] = pose[:3]
        self.rotation_rad[row] = np.radians(pose[3:])
        self._yaw_before_rad[row] = self.rotation_rad[row, 1]
        self.extent_m[row] = extent
        self.mass_kg[row] = mass_kg
        self.simulate_physics[row] = True

    def remove(self, actor_id: int) -> None:
        """Remove a walker; the others keep their order.

        Raises:
            KeyError: no such walker.
        """
        self._delete(actor_id)

    def set_control(self, actor_id: int, values: Sequence[float] | np.ndarray) -> None:
        """Command a walker.

        Args:
            actor_id: the walker.
            values: direction x, y, z, speed (m/s, clipped to 0..10), jump.

        Raises:
            KeyError: no such walker.
            ValueError: not five finite values.
        """
        control = finite("walker control", values, 5)
        control[SPEED] = min(max(control[SPEED], 0.0), MAX_SPEED_MPS)
        row = self.index_of(actor_id)
        self.control[row] = control
        self.led[row] = False

    def set_pose(self, actor_id: int, pose6: Sequence[float] | np.ndarray) -> None:
        """Teleport a walker: x, y, z (metres) of the middle of its body, pitch, yaw, roll (degrees)."""
        row = self.index_of(actor_id)
        pose = finite("pose6", pose6, 6)
        self.position_m[row] = pose[:3]
        self.rotation_rad[row] = np.radians(pose[3:])

    def set_state(self, actor_id: int, pose6: Sequence[float] | np.ndarray, speed_mps: float) -> None:
        """Apply what CARLA's walker navigation sends each tick (batch command WalkerState).

        Args:
            actor_id: the walker.
            pose6: x, y, z (metres) of its feet, pitch, yaw, roll (degrees).
            speed_mps: its speed, which becomes the control that clients read.
        """
        row = self.index_of(actor_id)
        if len(pose6) != 6 or not all(map(math.isfinite, pose6)):
            raise ValueError(f"pose6 is {list(pose6)}; it must be 6 finite numbers")
        if self.fallen[row]:
            return
        x_m, y_m, z_m, pitch_deg, yaw_deg, roll_deg = pose6  # as numbers: a crowd sends this for everybody and tick
        yaw_rad = math.radians(yaw_deg)
        self.position_m[row] = x_m, y_m, z_m + float(self.extent_m[row, 2])
        self.rotation_rad[row] = math.radians(pitch_deg), yaw_rad, math.radians(roll_deg)
        self.led[row] = True
        self.control[row] = math.cos(yaw_rad), math.sin(yaw_rad), 0.0, min(max(speed_mps, 0.0), MAX_SPEED_MPS), 0.0

    def set_velocity(self, actor_id: int, velocity_mps: Sequence[float] | np.ndarray) -> None:
        """Push a walker; the push fades within about half a second."""
        self._pushed_mps[self.index_of(actor_id)] = finite("velocity_mps", velocity_mps, 3)

    def set_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Let a walker walk by its control (True) or only by set poses (False)."""
        self.simulate_physics[self.index_of(actor_id)] = enabled

    def fall(self, actor_id: int) -> None:
        """Let a walker drop to the ground and stay there."""
        row = self.index_of(actor_id)
        if self.fallen[row]:
            return
        self.fallen[row] = True
        self.control[row] = 0.0
        self.rotation_rad[row, 0] = math.radians(LYING_DEG)
        self.position_m[row, 2] += self.extent_m[row, 0] - self.extent_m[row, 2]
        self._position_before_m[row, 2] = self.position_m[row, 2]

    def push(self, row: int, velocity_mps: Sequence[float], shift_m: Sequence[float]) -> None:
        """Knock a walker that walks by itself (collisions): planar velocity and shift, (2,) each."""
        if self.simulate_physics[row] and not self.led[row]:
            self._pushed_mps[row, :2] += velocity_mps
            self.position_m[row, :2] += shift_m

    def step(self, delta_s: float, ground: Ground) -> None:
        """Advance all walkers by one tick.

        Args:
            delta_s: length of the tick in seconds, above 0.
            ground: height under the feet.
        """
        if not len(self):
            return
        position, rotation, control = self.position_m, self.rotation_rad, self.control
        walks = self.simulate_physics & ~self.led & ~self.fallen
        slides = self.fallen & self._pushed_mps.any(axis=1)
        if np.count_nonzero(walks) or np.count_nonzero(slides):
            direction_x, direction_y, speed = control[:, DIRECTION_X], control[:, DIRECTION_Y], control[:, SPEED]
            length = np.hypot(direction_x, direction_y)
            scale = np.where(walks & (length > 1e-6), speed / np.maximum(length, 1e-6), 0.0)
            push = self._pushed_mps
            pushed = walks | slides
            position[:, 0] += (direction_x * scale + push[:, 0] * pushed) * delta_s
            position[:, 1] += (direction_y * scale + push[:, 1] * pushed) * delta_s
            push *= math.exp(-6.0 * delta_s)
            wanted = np.where(scale > 0.0, np.arctan2(direction_y, direction_x), rotation[:, 1])
            turn = np.remainder(wanted - rotation[:, 1] + math.pi, 2.0 * math.pi) - math.pi
            reach = TURN_RATE_RADPS * delta_s
            rotation[:, 1] += np.where(walks, np.minimum(np.maximum(turn, -reach), reach), 0.0)
            rotation[:, 1] = np.where(
                walks, np.remainder(rotation[:, 1] + math.pi, 2.0 * math.pi) - math.pi, rotation[:, 1]
            )
            self._walk_on(ground, walks, delta_s)
        if np.count_nonzero(self.led):
            self._stand_on(ground)
        moved = position - self._position_before_m
        moved[np.abs(moved).max(axis=1) > TELEPORT_M] = 0.0
        velocity = moved / delta_s
        self.stride_m += np.hypot(moved[:, 0], moved[:, 1])
        self.acceleration_mps2 = (velocity - self.velocity_mps) / delta_s
        self.velocity_mps = velocity
        turned = np.remainder(rotation[:, 1] - self._yaw_before_rad + math.pi, 2.0 * math.pi) - math.pi
        self.angular_velocity_radps[:, 2] = turned / delta_s
        self._position_before_m = position.copy()
        self._yaw_before_rad = rotation[:, 1].copy()

    def _stand_on(self, ground: Ground) -> None:
        """Put led walkers' feet on the ground that is close below or above them."""
        position = self.position_m
        rest = self._standing_m(ground)
        close = self.led & ~self.fallen & (np.abs(position[:, 2] - rest) <= FOOT_ERROR_M)
        position[:, 2] = np.where(close, rest, position[:, 2])

    def _standing_m(self, ground: Ground) -> np.ndarray:
        """(N,) height of the middle of each body if it stood on the ground below its feet."""
        x_m, y_m, z_m = self.position_m.T
        half_m = self.extent_m[:, 2]
        return ground.height_m(x_m, y_m, z_m - half_m) + half_m

    def _walk_on(self, ground: Ground, walks: np.ndarray, delta_s: float) -> None:
        """Keep walking feet on the ground, let those above it fall, and start jumps."""
        position, climb = self.position_m, self.velocity_mps[:, 2]
        rest = self._standing_m(ground)
        gap = position[:, 2] - rest
        standing = (gap <= STEP_UP_M) & (climb > -2.0) & (climb < 2.0)
        jumps = standing & (self.control[:, JUMP] > 0.0)
        falling = np.where(jumps, JUMP_SPEED_MPS, climb - GRAVITY_MPS2 * delta_s)
        fallen = np.maximum(position[:, 2] + falling * delta_s, rest)
        height = np.where(standing & ~jumps, rest, fallen)
        position[:, 2] = np.where(walks, height, position[:, 2])
        self.control[:, JUMP] = np.where(jumps, 0.0, self.control[:, JUMP])
