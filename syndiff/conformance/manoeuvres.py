"""What the test drivers do: each manoeuvre turns what a vehicle has done so far into its next control."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from carla_agents.simulator.frame import Control
from syndiff.conformance.responses import KMH

SETTLE_S = 1.5
"""Every drive begins with the brake on, until the vehicle has come to rest on its wheels."""
_STILL_MPS = 0.05
_FAST_ENOUGH_S = 40.0
"""A vehicle that has not reached its speed after so long never will."""


@dataclass(frozen=True)
class Now:
    """What a driver sees: seconds since the start, forward speed, and how much of the track is left."""

    time_s: float
    speed_mps: float
    left_m: float


Driver = Callable[[Now], Control | None]
"""Next control, or None when the manoeuvre is over; a driver keeps its own state and drives once."""


class SpeedAndStop:
    """Full throttle to one speed after the other, and after each full brakes to rest."""

    def __init__(self, *targets_mps: float, give_up_s: float = _FAST_ENOUGH_S) -> None:
        self._targets = list(targets_mps)
        self._give_up_s = give_up_s
        self._leg_began_s = SETTLE_S
        self._braking = False
        self._rest_s = 0.0

    def __call__(self, now: Now) -> Control | None:
        if now.time_s < SETTLE_S:
            return _HOLD
        if not self._targets:
            return None
        if self._braking:
            if abs(now.speed_mps) > _STILL_MPS and now.time_s - self._leg_began_s < 2.0 * self._give_up_s:
                self._rest_s = now.time_s
            elif now.time_s - self._rest_s > 0.5:
                self._targets.pop(0)
                self._braking, self._leg_began_s = False, now.time_s
            return _HOLD
        too_long = now.time_s - self._leg_began_s > self._give_up_s
        if now.speed_mps >= self._targets[0] or too_long or now.left_m < 60.0 + now.speed_mps**2 / 6.0:
            self._braking, self._rest_s = True, now.time_s
            return _HOLD
        return Control(throttle=1.0)


class Coast:
    """Full throttle to a speed, then nothing for a while."""

    def __init__(self, from_mps: float, seconds: float = 10.5, give_up_s: float = 20.0) -> None:
        self._from_mps, self._seconds, self._give_up_s = from_mps, seconds, give_up_s
        self._let_go_s: float | None = None

    def __call__(self, now: Now) -> Control | None:
        if now.time_s < SETTLE_S:
            return _HOLD
        if self._let_go_s is None:
            if now.speed_mps < self._from_mps and now.time_s - SETTLE_S < self._give_up_s and now.left_m > 250.0:
                return Control(throttle=1.0)
            self._let_go_s = now.time_s
        return Control() if now.time_s - self._let_go_s < self._seconds else None


class SteerAt:
    """Holds a speed with the throttle, then steers as a function of the time since then.

    Args:
        speed_mps: reached first, driving straight; the pedals hold it from then on as well.
        steer: seconds since steering began -> steer in [-1, 1].
        seconds: how long it steers.
        give_up_s: the manoeuvre ends there if the speed is not reached.
    """

    def __init__(
        self, speed_mps: float, steer: Callable[[float], float], seconds: float, give_up_s: float = 25.0
    ) -> None:
        self._speed_mps, self._steer, self._seconds, self._give_up_s = speed_mps, steer, seconds, give_up_s
        self._near_since_s: float | None = None
        self._began_s: float | None = None
        self._sum = 0.0
        self._last_s = 0.0

    def __call__(self, now: Now) -> Control | None:
        if now.time_s < SETTLE_S:
            self._last_s = now.time_s
            return _HOLD
        throttle, brake = self._pedals(now)
        if self._began_s is None:
            if abs(now.speed_mps - self._speed_mps) > 0.04 * self._speed_mps:
                self._near_since_s = None
            elif self._near_since_s is None:
                self._near_since_s = now.time_s
            if self._near_since_s is not None and now.time_s - self._near_since_s >= 1.0:
                self._began_s = now.time_s
            elif now.time_s > self._give_up_s:
                return None
            else:
                return Control(throttle=throttle, brake=brake)
        since_s = now.time_s - self._began_s
        if since_s > self._seconds:
            return None
        return Control(throttle=throttle, brake=brake, steer=self._steer(since_s))

    @property
    def began_s(self) -> float | None:
        """When steering began; None if the speed was never held."""
        return self._began_s

    def _pedals(self, now: Now) -> tuple[float, float]:
        error_mps = self._speed_mps - now.speed_mps
        passed_s, self._last_s = now.time_s - self._last_s, now.time_s
        if abs(error_mps) < 2.0:
            self._sum = min(max(self._sum + error_mps * passed_s, -4.0), 4.0)
        wanted = 0.25 * error_mps + 0.12 * self._sum
        return min(max(wanted, 0.0), 1.0), min(max(-wanted - 0.15, 0.0), 0.5)


def full_lock(sign: float) -> SteerAt:
    """Walking pace with the wheel turned as far as it goes, for the turning circle."""
    return SteerAt(9.0 * KMH, lambda _: sign, 14.0)


def step_steer(speed_mps: float, steer: float) -> SteerAt:
    """A sudden steer that stays."""
    return SteerAt(speed_mps, lambda _: steer, 6.0)


def lane_change(speed_mps: float = 60.0 * KMH, amplitude: float = 0.05, period_s: float = 3.0) -> SteerAt:
    """One period of a sine on the steering wheel (ISO 7401's open-loop test), to the right, then 3 s straight."""

    def steer(since_s: float) -> float:
        return amplitude * math.sin(2.0 * math.pi * since_s / period_s) if since_s < period_s else 0.0

    return SteerAt(speed_mps, steer, period_s + 3.0)


_HOLD = Control(brake=1.0)
