"""`VehiclePIDController`: a waypoint and a target speed in, wheel and pedals out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import carla

from ..tools.misc import get_speed

_STEER_STEP = 0.1


class VehiclePIDController:
    """Two PID loops, one for speed and one for heading.

    Args:
        args_lateral, args_longitudinal: gains `K_P`, `K_I`, `K_D` and the step `dt` in seconds.
        offset: metres to keep to the right of the waypoints.
    """

    def __init__(
        self,
        vehicle: carla.Vehicle,
        args_lateral: Mapping[str, float],
        args_longitudinal: Mapping[str, float],
        offset: float = 0,
        max_throttle: float = 0.75,
        max_brake: float = 0.3,
        max_steering: float = 0.8,
    ) -> None:
        self.max_throt, self.max_brake, self.max_steer = max_throttle, max_brake, max_steering
        self._vehicle = vehicle
        self.past_steering = vehicle.get_control().steer
        self._lon_controller = PIDLongitudinalController(vehicle, **args_longitudinal)
        self._lat_controller = PIDLateralController(vehicle, offset, **args_lateral)

    def run_step(self, target_speed: float, waypoint: carla.Waypoint) -> carla.VehicleControl:
        """One step.

        Args:
            target_speed: km/h.
            waypoint: where to head for.
        """
        pedal = self._lon_controller.run_step(target_speed)
        wanted = self._lat_controller.run_step(waypoint)
        # The wheel cannot jump.
        steer = max(self.past_steering - _STEER_STEP, min(self.past_steering + _STEER_STEP, wanted))
        steer = max(-self.max_steer, min(self.max_steer, steer))
        self.past_steering = steer
        control = carla.VehicleControl(steer=steer)
        control.throttle = min(max(pedal, 0.0), self.max_throt)
        control.brake = min(max(-pedal, 0.0), self.max_brake)
        return control

    def change_longitudinal_PID(self, args_longitudinal: Mapping[str, float]) -> None:
        """New gains for the speed."""
        self._lon_controller.change_parameters(**args_longitudinal)

    def change_lateral_PID(self, args_lateral: Mapping[str, float]) -> None:
        """New gains for the heading."""
        self._lat_controller.change_parameters(**args_lateral)


class _Pid:
    """The three terms over a window of the last ten errors."""

    def __init__(self, K_P: float = 1.0, K_I: float = 0.0, K_D: float = 0.0, dt: float = 0.03) -> None:
        self._errors: deque[float] = deque(maxlen=10)
        self.change_parameters(K_P, K_I, K_D, dt)

    def change_parameters(self, K_P: float, K_I: float, K_D: float, dt: float) -> None:
        """New gains."""
        self._k_p, self._k_i, self._k_d, self._dt = K_P, K_I, K_D, dt

    def output(self, error: float) -> float:
        """In [-1, 1]."""
        self._errors.append(error)
        slope = (self._errors[-1] - self._errors[-2]) / self._dt if len(self._errors) > 1 else 0.0
        total = sum(self._errors) * self._dt if len(self._errors) > 1 else 0.0
        return max(-1.0, min(1.0, self._k_p * error + self._k_d * slope + self._k_i * total))


class PIDLongitudinalController(_Pid):
    """Speed error in km/h to pedals: positive is throttle, negative is brake."""

    def __init__(
        self, vehicle: carla.Vehicle, K_P: float = 1.0, K_I: float = 0.0, K_D: float = 0.0, dt: float = 0.03
    ) -> None:
        super().__init__(K_P, K_I, K_D, dt)
        self._vehicle = vehicle

    def run_step(self, target_speed: float, debug: bool = False) -> float:
        """One step towards a speed in km/h; returns [-1, 1]."""
        return self.output(target_speed - get_speed(self._vehicle))


class PIDLateralController(_Pid):
    """Heading error in radians to the wheel: positive is right."""

    def __init__(
        self,
        vehicle: carla.Vehicle,
        offset: float = 0,
        K_P: float = 1.0,
        K_I: float = 0.0,
        K_D: float = 0.0,
        dt: float = 0.03,
    ) -> None:
        super().__init__(K_P, K_I, K_D, dt)
        self._vehicle = vehicle
        self._offset = offset

    def run_step(self, waypoint: carla.Waypoint) -> float:
        """One step towards a waypoint; returns [-1, 1]."""
        here, aim = self._vehicle.get_transform(), waypoint.transform
        right = aim.get_right_vector()
        dx = aim.location.x + self._offset * right.x - here.location.x
        dy = aim.location.y + self._offset * right.y - here.location.y
        if math.hypot(dx, dy) < 1e-3:
            return self.output(0.0)
        return self.output(math.remainder(math.atan2(dy, dx) - math.radians(here.rotation.yaw), math.tau))
