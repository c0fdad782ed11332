"""`SteeringNoise`: short pushes off the lane, so that recordings also show how to come back to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from carla_agents.simulator.frame import Control

_MIN_SPEED_MPS = 3.0


@dataclass(frozen=True)
class SteeringNoiseConfig:
    """How often and how hard the wheel is pushed."""

    mean_pause_s: float = 6.0
    """Mean time between two pushes; 0 switches them off."""
    duration_s: tuple[float, float] = (0.6, 1.2)
    """Shortest and longest push."""
    lateral_mps2: tuple[float, float] = (0.6, 1.6)
    """Smallest and largest sideways acceleration at the peak of a push."""
    max_steer: float = 0.25
    """A push never turns the wheel by more than this share of its range."""

    def __post_init__(self) -> None:
        if self.mean_pause_s < 0:
            raise ValueError(f"mean_pause_s is {self.mean_pause_s}, allowed >= 0 (0 switches the noise off)")
        for name in ("duration_s", "lateral_mps2"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} is {(low, high)}, allowed 0 < low <= high")
        if not 0 < self.max_steer <= 1:
            raise ValueError(f"max_steer is {self.max_steer}, allowed (0, 1]")


class SteeringNoise:
    """Triangular pushes at random times; what is recorded stays the expert's clean answer.

    Source: F. Codevilla et al., "End-to-end Driving via Conditional Imitation Learning", arXiv 1710.02410, sec. V.

    Args:
        config: how often and how hard.
        seed: decides all pushes of a drive.
        delta_s: seconds per tick.
        wheelbase_m, max_steer_rad: of the vehicle, to turn accelerations into wheel angles.
    """

    def __init__(
        self,
        config: SteeringNoiseConfig,
        seed: int,
        delta_s: float,
        *,
        wheelbase_m: float = 2.9,
        max_steer_rad: float = math.radians(70.0),
    ) -> None:
        self._config = config
        self._rng = np.random.default_rng(seed)
        self._delta_s = delta_s
        self._wheelbase_m = wheelbase_m
        self._max_steer_rad = max_steer_rad
        self._time_s = 0.0
        self._plan_push(from_s=0.0)

    def push(self, control: Control, speed_mps: float) -> Control:
        """The control to apply at this tick in place of the expert's; call it once per tick."""
        if not self._config.mean_pause_s:
            return control
        self._time_s += self._delta_s
        if self._time_s > self._end_s:
            self._plan_push(from_s=self._time_s)
        if self._time_s < self._start_s or speed_mps < _MIN_SPEED_MPS:
            return control
        phase = (self._time_s - self._start_s) / (self._end_s - self._start_s)
        lateral_mps2 = self._peak_mps2 * (1.0 - abs(2.0 * phase - 1.0))
        angle_rad = math.atan(self._wheelbase_m * lateral_mps2 / speed_mps**2)
        limit = self._config.max_steer
        offset = min(max(angle_rad / self._max_steer_rad, -limit), limit)
        return replace(control, steer=min(max(control.steer + offset, -1.0), 1.0))

    def _plan_push(self, from_s: float) -> None:
        config = self._config
        self._start_s = from_s + float(self._rng.exponential(config.mean_pause_s))
        self._end_s = self._start_s + float(self._rng.uniform(*config.duration_s))
        self._peak_mps2 = float(self._rng.uniform(*config.lateral_mps2) * self._rng.choice((-1.0, 1.0)))
