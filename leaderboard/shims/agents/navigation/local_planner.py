"""`RoadOption` and `LocalPlanner`: follow a queue of waypoints with a PID controller."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import carla

from ..tools.misc import get_speed


class RoadOption(IntEnum):
    """What to do at a waypoint; the values are those of CARLA."""

    VOID = -1
    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    LANEFOLLOW = 4
    CHANGELANELEFT = 5
    CHANGELANERIGHT = 6


_LATERAL = {"K_P": 1.95, "K_I": 0.05, "K_D": 0.2}
_LONGITUDINAL = {"K_P": 1.0, "K_I": 0.05, "K_D": 0.0}


class LocalPlanner:
    """Follows waypoints at a target speed; without a plan it goes on along the lane.

    Args:
        opt_dict: any of `dt`, `target_speed` (km/h), `sampling_radius` (m), `lateral_control_dict`,
            `longitudinal_control_dict`, `max_throttle`, `max_brake`, `max_steering`, `offset` (m),
            `base_min_distance` (m), `distance_ratio` (s), `follow_speed_limits`.
        map_inst: the map, to spare asking the server for it.
    """

    def __init__(
        self, vehicle: carla.Vehicle, opt_dict: Mapping[str, Any] | None = None, map_inst: carla.Map | None = None
    ) -> None:
        options = dict(opt_dict or {})
        self._vehicle = vehicle
        self._world = vehicle.get_world()
        self._map = map_inst if map_inst is not None else self._world.get_map()
        self._dt = float(options.get("dt", 1.0 / 20.0))
        self._target_speed = float(options.get("target_speed", 20.0))
        self._sampling_radius = float(options.get("sampling_radius", 2.0))
        self._args_lateral_dict = dict(options.get("lateral_control_dict", {**_LATERAL, "dt": self._dt}))
        self._args_longitudinal_dict = dict(
            options.get("longitudinal_control_dict", {**_LONGITUDINAL, "dt": self._dt})
        )
        self._max_throt = float(options.get("max_throttle", 0.75))
        self._max_brake = float(options.get("max_brake", 0.3))
        self._max_steer = float(options.get("max_steering", 0.8))
        self._offset = float(options.get("offset", 0.0))
        self._base_min_distance = float(options.get("base_min_distance", 3.0))
        self._distance_ratio = float(options.get("distance_ratio", 0.5))
        self._follow_speed_limits = bool(options.get("follow_speed_limits", False))
        self._waypoints_queue: deque[tuple[carla.Waypoint, RoadOption]] = deque(maxlen=10000)
        self._stop_waypoint_creation = False
        self._min_waypoint_queue_length = 100
        self._init_controller()

    def reset_vehicle(self) -> None:
        """Forget the vehicle."""
        self._vehicle = None

    def set_speed(self, speed: float) -> None:
        """Target speed in km/h; it is overruled while speed limits are followed."""
        self._target_speed = speed

    def set_offset(self, offset: float) -> None:
        """Metres to keep to the right of the waypoints."""
        self._offset = offset
        self._init_controller()

    def follow_speed_limits(self, value: bool = True) -> None:
        """Whether the target speed is the vehicle's present speed limit."""
        self._follow_speed_limits = value

    def set_global_plan(
        self,
        current_plan: Sequence[tuple[carla.Waypoint, RoadOption]],
        stop_waypoint_creation: bool = True,
        clean_queue: bool = True,
    ) -> None:
        """Waypoints to follow.

        Args:
            stop_waypoint_creation: stop at the end of the plan, rather than going on along the lane.
            clean_queue: forget the old plan.
        """
        if clean_queue:
            self._waypoints_queue.clear()
        if len(self._waypoints_queue) + len(current_plan) > (self._waypoints_queue.maxlen or 0):
            waiting = [*self._waypoints_queue, *current_plan]
            self._waypoints_queue = deque(waiting, maxlen=2 * len(waiting))
        else:
            self._waypoints_queue.extend(current_plan)
        self._stop_waypoint_creation = stop_waypoint_creation

    def run_step(self, debug: bool = False) -> carla.VehicleControl:
        """Wheel and pedals for now; brakes at the end of the plan."""
        if self._follow_speed_limits:
            self._target_speed = self._vehicle.get_speed_limit()
        if not self._stop_waypoint_creation and len(self._waypoints_queue) < self._min_waypoint_queue_length:
            self._extend_along_lane()
        here = self._vehicle.get_location()
        reach_m = self._base_min_distance + self._distance_ratio * get_speed(self._vehicle) / 3.6
        while self._waypoints_queue:
            last = len(self._waypoints_queue) == 1
            if here.distance(self._waypoints_queue[0][0].transform.location) >= (1.0 if last else reach_m):
                break
            self._waypoints_queue.popleft()
        if not self._waypoints_queue:
            return carla.VehicleControl(brake=1.0)
        self.target_waypoint, self.target_road_option = self._waypoints_queue[0]
        return self._vehicle_controller.run_step(self._target_speed, self.target_waypoint)

    def get_incoming_waypoint_and_direction(self, steps: int = 3) -> tuple[carla.Waypoint | None, RoadOption]:
        """The waypoint some steps ahead, or the last one, or (None, VOID) without a plan."""
        if not self._waypoints_queue:
            return None, RoadOption.VOID
        return self._waypoints_queue[min(steps, len(self._waypoints_queue) - 1)]

    def get_plan(self) -> deque[tuple[carla.Waypoint, RoadOption]]:
        """What is still to be followed."""
        return self._waypoints_queue

    def done(self) -> bool:
        """Whether the plan is at its end."""
        return len(self._waypoints_queue) == 0

    def _init_controller(self) -> None:
        from .controller import VehiclePIDController

        self._vehicle_controller = VehiclePIDController(
            self._vehicle,
            self._args_lateral_dict,
            self._args_longitudinal_dict,
            self._offset,
            self._max_throt,
            self._max_brake,
            self._max_steer,
        )
        self.target_waypoint = self._map.get_waypoint(self._vehicle.get_location())
        self.target_road_option = RoadOption.LANEFOLLOW

    def _extend_along_lane(self) -> None:
        """Goes on along the lane; at a fork it takes the way that turns least."""
        at = self._waypoints_queue[-1][0] if self._waypoints_queue else self.target_waypoint
        while len(self._waypoints_queue) < self._min_waypoint_queue_length:
            ways = at.next(self._sampling_radius)
            if not ways:
                return
            yaw = at.transform.rotation.yaw
            at = min(ways, key=lambda way: abs((way.transform.rotation.yaw - yaw + 180.0) % 360.0 - 180.0))
            self._waypoints_queue.append((at, RoadOption.LANEFOLLOW))
