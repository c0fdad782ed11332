"""Driving by Ackermann commands: a wanted steering angle, speed and acceleration instead of pedals.

Two controllers in a row, as CARLA's documentation of `VehicleAckermannControl` describes them: the error in speed
changes the wanted acceleration, the error in acceleration changes the pedal. Both gains are the client's to set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from carla_server.dynamics.spec import VehicleSpec
from carla_server.dynamics.vehicle import VehicleFleet

STANDSTILL_MPS = 0.1
"""Below this speed a vehicle counts as standing."""

MAX_ACCELERATION_MPS2 = 3.0
MAX_DECELERATION_MPS2 = 8.0
"""Limits where the command names no acceleration."""

SMOOTHING_S = 0.2
"""Time constant with which the measured acceleration is smoothed; its derivative moves the pedal."""


@dataclass(frozen=True)
class AckermannTarget:
    """One command (carla.VehicleAckermannControl).

    Attributes:
        steer_rad: wanted angle of the front wheels, positive to the right.
        steer_speed_radps: how fast the angle may change, 0 for at once.
        speed_mps: wanted speed, negative for backwards.
        acceleration_mps2: largest acceleration and deceleration to use, 0 for the limits above.
        jerk_mps3: how fast the wanted acceleration may change, 0 for at once.
    """

    steer_rad: float = 0.0
    steer_speed_radps: float = 0.0
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    jerk_mps3: float = 0.0


@dataclass(frozen=True)
class AckermannGains:
    """Gains of the controllers of speed and of acceleration (carla.AckermannControllerSettings, CARLA's defaults)."""

    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    acceleration_kp: float = 0.01
    acceleration_ki: float = 0.0
    acceleration_kd: float = 0.01


class _Pid:
    """Proportional, integral and derivative action on an error."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._before: float | None = None

    def change(self, error: float, gains: tuple[float, float, float], delta_s: float) -> float:
        kp, ki, kd = gains
        self._sum += error * delta_s
        rate = 0.0 if self._before is None else (error - self._before) / delta_s
        self._before = error
        return kp * error + ki * self._sum + kd * rate


class AckermannDriver:
    """Turns one vehicle's Ackermann commands into steering and pedals, tick by tick.

    Attributes:
        target: what to do, None while the vehicle is driven by pedals.
        gains: of the controllers.
    """

    def __init__(self) -> None:
        self.gains = AckermannGains()
        self.target: AckermannTarget | None = None
        self._forget()

    def _forget(self) -> None:
        self._speed, self._acceleration = _Pid(), _Pid()
        self._wanted_mps2 = 0.0
        self._pedal = 0.0
        self._smooth_mps2 = 0.0
        self._steer_rad: float | None = None

    def command(self, target: AckermannTarget) -> None:
        """Take a new command; the controllers go on from where they are."""
        self.target = target

    def release(self) -> None:
        """Give the vehicle back to pedal commands."""
        self.target = None
        self._forget()

    def drive(
        self, speed_mps: float, acceleration_mps2: float, steer_rad: float, max_steer_rad: float, delta_s: float
    ) -> tuple[float, float, float, float, float, float, float]:
        """Control for the coming tick.

        Args:
            speed_mps: along the body, negative backwards.
            acceleration_mps2: along the body.
            steer_rad: angle of the front wheels now.
            max_steer_rad: their angle at full lock at this speed.
            delta_s: length of the tick.

        Returns:
            throttle, steer, brake, hand_brake, reverse, manual_gear_shift, gear (CARLA's VehicleControl).

        Raises:
            ValueError: there is no command.
        """
        target = self.target
        if target is None:
            raise ValueError("the vehicle has no Ackermann command; call `command` first")
        steer = self._steer(target, steer_rad, max_steer_rad, delta_s)
        self._smooth_mps2 += (acceleration_mps2 - self._smooth_mps2) * (1.0 - math.exp(-delta_s / SMOOTHING_S))
        wanted_mps, standing = target.speed_mps, abs(speed_mps) < STANDSTILL_MPS
        if standing and abs(wanted_mps) < STANDSTILL_MPS:
            self._speed, self._acceleration = _Pid(), _Pid()
            self._wanted_mps2, self._pedal = 0.0, 0.0
            return 0.0, steer, 1.0, 0.0, 0.0, 0.0, 0.0
        reverse = wanted_mps < 0.0 if standing else speed_mps < 0.0
        way = -1.0 if reverse else 1.0
        wanted_mps = max(way * wanted_mps, 0.0)  # against the way that it rolls it must stop first
        limit = abs(target.acceleration_mps2)
        lowest, highest = (-limit, limit) if limit > 0.0 else (-MAX_DECELERATION_MPS2, MAX_ACCELERATION_MPS2)
        gains = self.gains
        change = self._speed.change(
            wanted_mps - way * speed_mps, (gains.speed_kp, gains.speed_ki, gains.speed_kd), delta_s
        )
        if target.jerk_mps3 > 0.0:
            reach = target.jerk_mps3 * delta_s
            change = min(max(change, -reach), reach)
        self._wanted_mps2 = min(max(self._wanted_mps2 + change, lowest), highest)
        push = self._acceleration.change(
            self._wanted_mps2 - way * self._smooth_mps2,
            (gains.acceleration_kp, gains.acceleration_ki, gains.acceleration_kd),
            delta_s,
        )
        self._pedal = min(max(self._pedal + push, -1.0), 1.0)
        return max(self._pedal, 0.0), steer, max(-self._pedal, 0.0), 0.0, float(reverse), 0.0, 0.0

    def _steer(self, target: AckermannTarget, steer_rad: float, max_steer_rad: float, delta_s: float) -> float:
        """Steering input -1..1 that leads to the wanted angle at the wanted rate."""
        wanted = min(max(target.steer_rad, -max_steer_rad), max_steer_rad)
        if target.steer_speed_radps > 0.0:
            now = steer_rad if self._steer_rad is None else self._steer_rad
            reach = target.steer_speed_radps * delta_s
            wanted = min(max(wanted, now - reach), now + reach)
        self._steer_rad = wanted
        return wanted / max_steer_rad if math.isfinite(max_steer_rad) and max_steer_rad > 0.0 else 0.0


def drive_all(drivers: Mapping[int, AckermannDriver], fleet: VehicleFleet, delta_s: float) -> None:
    """Command every vehicle that has a driver for the coming tick (actor id -> driver)."""
    for actor_id, driver in drivers.items():
        row = fleet.index_of(actor_id)
        yaw = float(fleet.rotation_rad[row, 1])
        cosine, sine = math.cos(yaw), math.sin(yaw)
        velocity_x, velocity_y, _ = fleet.velocity_mps[row].tolist()
        acceleration_x, acceleration_y, _ = fleet.acceleration_mps2[row].tolist()
        control = driver.drive(
            velocity_x * cosine + velocity_y * sine,
            acceleration_x * cosine + acceleration_y * sine,
            float(fleet.steer_rad[row]),
            _full_lock_rad(fleet.spec_of(actor_id), math.hypot(velocity_x, velocity_y)),
            delta_s,
        )
        fleet.set_control(actor_id, control)


def _full_lock_rad(spec: VehicleSpec, speed_mps: float) -> float:
    speed_kmh, share = zip(*spec.steering_curve, strict=True)
    return spec.max_steer_rad * float(np.interp(3.6 * speed_mps, speed_kmh, share))
