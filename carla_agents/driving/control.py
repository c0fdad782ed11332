"""`WaypointController`: from where to go and how fast, to wheel and pedals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from carla_agents.policies.base import Plan
from carla_agents.simulator.frame import Control

_HOLD_BELOW_MPS = 0.3


@dataclass(frozen=True)
class ControllerConfig:
    """Geometry of the vehicle and gains of the controller."""

    wheelbase_m: float = 2.9
    """Distance between the axles."""
    max_steer_rad: float = math.radians(70.0)
    """Front wheel angle at steer = 1."""
    lookahead_s: float = 0.8
    """The aim point lies this many seconds ahead."""
    min_lookahead_m: float = 3.5
    """But never nearer than this."""
    max_lookahead_m: float = 12.0
    """And never farther than this."""
    speed_gain_1ps: float = 1.6
    """Wanted acceleration per speed error."""
    integral_gain_1ps2: float = 0.15
    """Wanted acceleration per integrated speed error, for slopes and drag."""
    throttle_per_mps2: float = 0.22
    """Throttle for one m/s^2."""
    brake_per_mps2: float = 0.12
    """Brake for one m/s^2 of deceleration."""
    max_throttle: float = 0.75
    """Largest throttle."""

    def __post_init__(self) -> None:
        if self.wheelbase_m <= 0:
            raise ValueError(f"wheelbase_m is {self.wheelbase_m}, allowed > 0")
        if not 0 < self.min_lookahead_m <= self.max_lookahead_m:
            raise ValueError(
                f"min_lookahead_m is {self.min_lookahead_m} and max_lookahead_m {self.max_lookahead_m}; "
                "allowed 0 < min <= max"
            )
        if not 0 < self.max_throttle <= 1:
            raise ValueError(f"max_throttle is {self.max_throttle}, allowed (0, 1]")


class WaypointController:
    """Pure pursuit for the wheel, a PI on speed for the pedals.

    Source: R. C. Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01, 1992.

    Args:
        delta_s: simulated seconds between two calls.
        config: geometry and gains.
    """

    def __init__(self, delta_s: float = 0.05, config: ControllerConfig | None = None) -> None:
        self.config = config if config is not None else ControllerConfig()
        self._delta_s = delta_s
        self._integral = 0.0

    def reset(self) -> None:
        """Forgets the past; call it at the beginning of an episode."""
        self._integral = 0.0

    def control(self, plan: Plan, speed_mps: float) -> Control:
        """Control that follows a policy's plan.

        Args:
            plan: waypoints and target speed.
            speed_mps: present forward speed.
        """
        path = np.vstack((np.zeros((1, 2)), np.asarray(plan.waypoints_in_ego_m, dtype=np.float64)))
        return self.follow(path, plan.target_speed_mps, speed_mps)

    def follow(self, path_in_ego_m: np.ndarray, target_speed_mps: float, speed_mps: float) -> Control:
        """Control that follows a path.

        Args:
            path_in_ego_m: (N, 2) forward and right, N >= 2, starting near the vehicle; extended straight on if short.
            target_speed_mps: wanted speed, >= 0.
            speed_mps: present forward speed.
        """
        throttle, brake = self._pedals(target_speed_mps, speed_mps)
        return Control(steer=self._steer(path_in_ego_m, speed_mps), throttle=throttle, brake=brake)

    def _steer(self, path_in_ego_m: np.ndarray, speed_mps: float) -> float:
        config = self.config
        lookahead_m = min(max(config.lookahead_s * speed_mps, config.min_lookahead_m), config.max_lookahead_m)
        aim_x, aim_y = aim_point(path_in_ego_m, lookahead_m)
        # Pure pursuit is exact for the rear axle, which lies half a wheelbase behind the vehicle's origin.
        behind_x = aim_x + config.wheelbase_m / 2.0
        distance2 = behind_x * behind_x + aim_y * aim_y
        if distance2 < 1e-6:
            return 0.0
        angle = math.atan(config.wheelbase_m * 2.0 * aim_y / distance2)
        return min(max(angle / config.max_steer_rad, -1.0), 1.0)

    def _pedals(self, target_speed_mps: float, speed_mps: float) -> tuple[float, float]:
        config = self.config
        if target_speed_mps < _HOLD_BELOW_MPS and speed_mps < 2.0 * _HOLD_BELOW_MPS:
            self._integral = 0.0
            return 0.0, 0.6
        error = target_speed_mps - speed_mps
        if abs(error) < 2.0:
            self._integral = min(max(self._integral + error * self._delta_s, -4.0), 4.0)
        wanted = config.speed_gain_1ps * error + config.integral_gain_1ps2 * self._integral
        if wanted >= -0.3:
            return min(max(wanted, 0.0) * config.throttle_per_mps2, config.max_throttle), 0.0
        return 0.0, min(-wanted * config.brake_per_mps2, 1.0)


def aim_point(path_in_ego_m: np.ndarray, distance_m: float) -> tuple[float, float]:
    """The first point of a path at a straight distance from the vehicle; a short path is extended straight on."""
    previous = (0.0, 0.0)
    heading = (1.0, 0.0)
    for x, y in path_in_ego_m.tolist():
        step = math.hypot(x - previous[0], y - previous[1])
        if x * x + y * y >= distance_m * distance_m and x > 0:
            inside_m = math.hypot(*previous)
            reach_m = max(math.hypot(x, y) - inside_m, 1e-6)
            share = min(max((distance_m - inside_m) / reach_m, 0.0), 1.0)
            return previous[0] + share * (x - previous[0]), previous[1] + share * (y - previous[1])
        if step > 0.2:
            heading = ((x - previous[0]) / step, (y - previous[1]) / step)
            previous = (x, y)
    missing_m = max(distance_m - math.hypot(*previous), 0.0)
    return previous[0] + heading[0] * missing_m, previous[1] + heading[1] * missing_m
