"""`BehaviorAgent`: a `BasicAgent` at the speed limit that keeps a distance in seconds, in three tempers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import carla

from ..tools.misc import get_speed
from .basic_agent import BasicAgent
from .global_route_planner import GlobalRoutePlanner


@dataclass(frozen=True)
class Behavior:
    """A temper.

    Attributes:
        max_speed: km/h.
        speed_lim_dist: km/h kept below the speed limit.
        safety_time: seconds to the car ahead below which it slows down.
        braking_distance: metres to an obstacle at which it stops.
    """

    max_speed: float
    speed_lim_dist: float
    safety_time: float
    braking_distance: float


BEHAVIORS = {
    "cautious": Behavior(40.0, 6.0, 3.0, 6.0),
    "normal": Behavior(50.0, 3.0, 3.0, 5.0),
    "aggressive": Behavior(70.0, 1.0, 3.0, 4.0),
}


class BehaviorAgent(BasicAgent):
    """Drives at the speed limit and follows cars.

    Args:
        behavior: `cautious`, `normal` or `aggressive`.

    Raises:
        ValueError: another behaviour.
    """

    def __init__(
        self,
        vehicle: carla.Vehicle,
        behavior: str = "normal",
        opt_dict: Mapping[str, Any] | None = None,
        map_inst: carla.Map | None = None,
        grp_inst: GlobalRoutePlanner | None = None,
    ) -> None:
        if behavior not in BEHAVIORS:
            raise ValueError(f"behavior is {behavior!r}, allowed {', '.join(BEHAVIORS)}")
        super().__init__(vehicle, 20, opt_dict, map_inst, grp_inst)
        self._behavior = BEHAVIORS[behavior]

    def run_step(self, debug: bool = False) -> carla.VehicleControl:
        """Wheel and pedals for now."""
        speed_mps = get_speed(self._vehicle) / 3.6
        reach_m = 10.0 + 3.0 * speed_mps
        if self._affected_by_traffic_light(None, 5.0 + speed_mps)[0] or self._must_stop_at_sign(
            5.0 + speed_mps, speed_mps
        ):
            return self.emergency_stop()
        for family in ("*walker.pedestrian*", "*vehicle*"):
            others = self._world.get_actors().filter(family)
            found, other, distance_m = self._vehicle_obstacle_detected(others, reach_m, up_angle_th=60)
            if not found or other is None:
                continue
            gap_m = distance_m - other.bounding_box.extent.x - self._vehicle.bounding_box.extent.x
            if gap_m < self._behavior.braking_distance:
                return self.emergency_stop()
            if family == "*vehicle*":
                return self.car_following_manager(other, gap_m)
        limit_kmh = self._vehicle.get_speed_limit() - self._behavior.speed_lim_dist
        self._local_planner.set_speed(min(self._behavior.max_speed, limit_kmh))
        return self._local_planner.run_step(debug)

    def car_following_manager(
        self, vehicle: carla.Actor, distance: float, debug: bool = False
    ) -> carla.VehicleControl:
        """Follow a car that is `distance` metres ahead."""
        theirs_kmh = get_speed(vehicle)
        closing_mps = max(1.0, (get_speed(self._vehicle) - theirs_kmh) / 3.6)
        limit_kmh = min(self._behavior.max_speed, self._vehicle.get_speed_limit() - self._behavior.speed_lim_dist)
        near = distance / closing_mps < self._behavior.safety_time
        self._local_planner.set_speed(min(limit_kmh, max(0.0, theirs_kmh - 10.0) if near else max(5.0, theirs_kmh)))
        return self._local_planner.run_step(debug)

    def emergency_stop(self) -> carla.VehicleControl:
        """Full stop, wheel straight."""
        return carla.VehicleControl(brake=self._max_brake)
