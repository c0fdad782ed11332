"""`BasicAgent`: drives to a destination, stops for red lights, stop signs, and what stands in its way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import carla

from ..tools.misc import get_speed, is_within_distance
from .global_route_planner import GlobalRoutePlanner
from .local_planner import LocalPlanner, RoadOption


class BasicAgent:
    """A careful driver on a route.

    Args:
        target_speed: km/h.
        opt_dict: options of `LocalPlanner`, and any of `ignore_traffic_lights`, `ignore_stop_signs`,
            `ignore_vehicles`, `sampling_resolution` (m), `base_tlight_threshold` (m), `base_vehicle_threshold` (m),
            `detection_speed_ratio` (s), `max_brake`, `offset` (m).
        map_inst, grp_inst: map and route planner, to spare making them.
    """

    def __init__(
        self,
        vehicle: carla.Vehicle,
        target_speed: float = 20,
        opt_dict: Mapping[str, Any] | None = None,
        map_inst: carla.Map | None = None,
        grp_inst: GlobalRoutePlanner | None = None,
    ) -> None:
        options = {"target_speed": target_speed, **(opt_dict or {})}
        self._vehicle = vehicle
        self._world = vehicle.get_world()
        self._map = map_inst if map_inst is not None else self._world.get_map()
        self._target_speed = target_speed
        self._ignore_traffic_lights = bool(options.get("ignore_traffic_lights", False))
        self._ignore_stop_signs = bool(options.get("ignore_stop_signs", False))
        self._ignore_vehicles = bool(options.get("ignore_vehicles", False))
        self._sampling_resolution = float(options.get("sampling_resolution", 2.0))
        self._base_tlight_threshold = float(options.get("base_tlight_threshold", 5.0))
        self._base_vehicle_threshold = float(options.get("base_vehicle_threshold", 5.0))
        self._speed_ratio = float(options.get("detection_speed_ratio", 1.0))
        self._max_brake = float(options.get("max_brake", 0.5))
        self._offset = float(options.get("offset", 0.0))
        self._local_planner = LocalPlanner(vehicle, options, self._map)
        self._global_planner = (
            grp_inst if grp_inst is not None else GlobalRoutePlanner(self._map, self._sampling_resolution)
        )
        self._lights_list = self._world.get_actors().filter("*traffic_light*")
        self._stops_list = self._world.get_actors().filter("traffic.stop")
        self._last_traffic_light: carla.TrafficLight | None = None
        self._stopped_at: set[int] = set()

    def add_emergency_stop(self, control: carla.VehicleControl) -> carla.VehicleControl:
        """The same control with the brake on and the throttle off; the wheel stays."""
        control.throttle, control.brake, control.hand_brake = 0.0, self._max_brake, False
        return control

    def set_target_speed(self, speed: float) -> None:
        """Target speed in km/h."""
        self._target_speed = speed
        self._local_planner.set_speed(speed)

    def follow_speed_limits(self, value: bool = True) -> None:
        """Whether to drive at the speed limit."""
        self._local_planner.follow_speed_limits(value)

    def get_local_planner(self) -> LocalPlanner:
        """The planner that follows waypoints."""
        return self._local_planner

    def get_global_planner(self) -> GlobalRoutePlanner:
        """The planner that finds routes."""
        return self._global_planner

    def set_destination(
        self,
        end_location: carla.Location,
        start_location: carla.Location | None = None,
        clean_queue: bool = True,
    ) -> None:
        """Plan to a place, from where the vehicle is or from another place."""
        start = start_location if start_location is not None else self._vehicle.get_location()
        plan = self.trace_route(self._map.get_waypoint(start), self._map.get_waypoint(end_location))
        self._local_planner.set_global_plan(plan, clean_queue=clean_queue)

    def set_global_plan(
        self,
        plan: Sequence[tuple[carla.Waypoint, RoadOption]],
        stop_waypoint_creation: bool = True,
        clean_queue: bool = True,
    ) -> None:
        """Waypoints to follow."""
        self._local_planner.set_global_plan(plan, stop_waypoint_creation, clean_queue)

    def trace_route(
        self, start_waypoint: carla.Waypoint, end_waypoint: carla.Waypoint
    ) -> list[tuple[carla.Waypoint, RoadOption]]:
        """The shortest way from one waypoint to another."""
        return self._global_planner.trace_route(start_waypoint.transform.location, end_waypoint.transform.location)

    def run_step(self) -> carla.VehicleControl:
        """Wheel and pedals for now."""
        speed_mps = get_speed(self._vehicle) / 3.6
        ahead_m = self._speed_ratio * speed_mps
        hazard = self._vehicle_obstacle_detected(None, self._base_vehicle_threshold + ahead_m)[0]
        hazard = self._affected_by_traffic_light(None, self._base_tlight_threshold + ahead_m)[0] or hazard
        hazard = self._must_stop_at_sign(self._base_tlight_threshold + ahead_m, speed_mps) or hazard
        control = self._local_planner.run_step()
        return self.add_emergency_stop(control) if hazard else control

    def done(self) -> bool:
        """Whether the destination is reached."""
        return self._local_planner.done()

    def ignore_traffic_lights(self, active: bool = True) -> None:
        """Whether red lights are run."""
        self._ignore_traffic_lights = active

    def ignore_stop_signs(self, active: bool = True) -> None:
        """Whether stop signs are run."""
        self._ignore_stop_signs = active

    def ignore_vehicles(self, active: bool = True) -> None:
        """Whether vehicles ahead are ignored."""
        self._ignore_vehicles = active

    def set_offset(self, offset: float) -> None:
        """Metres to keep to the right of the lane's centre."""
        self._local_planner.set_offset(offset)

    def lane_change(
        self,
        direction: str,
        same_lane_time: float = 0,
        other_lane_time: float = 0,
        lane_change_time: float = 2,
    ) -> None:
        """Change lane, spending the given seconds before, in and after the change at the present speed.

        Args:
            direction: `left` or `right`.
        """
        speed_mps = max(get_speed(self._vehicle) / 3.6, 1.0)
        path = self._generate_lane_change_path(
            self._map.get_waypoint(self._vehicle.get_location()),
            direction,
            same_lane_time * speed_mps,
            other_lane_time * speed_mps,
            lane_change_time * speed_mps,
        )
        if path:
            self.set_global_plan(path)

    def _affected_by_traffic_light(
        self, lights_list: Iterable[carla.TrafficLight] | None = None, max_distance: float | None = None
    ) -> tuple[bool, carla.TrafficLight | None]:
        """Whether a red light ahead is for this lane, and which."""
        if self._ignore_traffic_lights:
            return False, None
        reach_m = max_distance if max_distance is not None else self._base_tlight_threshold
        red = carla.TrafficLightState.Red
        pose = self._vehicle.get_transform()
        here = self._map.get_waypoint(pose.location)
        if here.is_junction:  # who is in the junction clears it
            return False, None
        for light in lights_list if lights_list is not None else self._lights_list:
            if light.state != red or light.get_location().distance(pose.location) > reach_m + 60.0:
                continue
            for stop in light.get_stop_waypoints():
                if _guards(stop, here, pose, reach_m):
                    self._last_traffic_light = light
                    return True, light
        return False, None

    def _must_stop_at_sign(self, reach_m: float, speed_mps: float) -> bool:
        """Whether a stop sign of this lane is near and the vehicle has not yet stood at it."""
        if self._ignore_stop_signs:
            return False
        pose = self._vehicle.get_transform()
        here = self._map.get_waypoint(pose.location)
        for sign in self._stops_list:
            place = sign.get_transform().transform(sign.trigger_volume.location)
            far_m = place.distance(pose.location)
            if far_m > reach_m + 10.0:
                self._stopped_at.discard(sign.id)
                continue
            line = self._map.get_waypoint(place)
            if sign.id in self._stopped_at or not _guards(line, here, pose, min(reach_m, 12.0)):
                continue
            if speed_mps < 0.1:
                self._stopped_at.add(sign.id)
                continue
            return True
        return False

    def _vehicle_obstacle_detected(
        self,
        vehicle_list: Iterable[carla.Actor] | None = None,
        max_distance: float | None = None,
        up_angle_th: float = 90,
        low_angle_th: float = 0,
        lane_offset: int = 0,
    ) -> tuple[bool, carla.Actor | None, float]:
        """Whether an actor is in the lane ahead (or `lane_offset` lanes beside); it, and how far (-1 if none)."""
        if self._ignore_vehicles:
            return False, None, -1
        reach_m = max_distance if max_distance is not None else self._base_vehicle_threshold
        if vehicle_list is None:
            vehicle_list = self._world.get_actors().filter("*vehicle*")
        pose = self._vehicle.get_transform()
        front_m = self._vehicle.bounding_box.extent.x
        forward = pose.get_forward_vector()
        nose = carla.Transform(
            pose.location + carla.Location(front_m * forward.x, front_m * forward.y), pose.rotation
        )
        here = self._map.get_waypoint(pose.location, lane_type=carla.LaneType.Any)
        lane = here.lane_id + (lane_offset if here.lane_id < 0 else -lane_offset)
        ahead, _ = self._local_planner.get_incoming_waypoint_and_direction(steps=3)
        for other in vehicle_list:
            if other.id == self._vehicle.id:
                continue
            place = other.get_transform()
            if place.location.distance(pose.location) > reach_m + 10.0:
                continue
            theirs = self._map.get_waypoint(place.location, lane_type=carla.LaneType.Any)
            on_lane = theirs.road_id == here.road_id and theirs.lane_id == lane
            on_way = ahead is not None and (theirs.road_id, theirs.lane_id) == (
                ahead.road_id,
                ahead.lane_id + lane_offset,
            )
            if not on_lane and not on_way:
                continue
            back = place.get_forward_vector()
            rear_m = other.bounding_box.extent.x
            rear = carla.Transform(place.location - carla.Location(rear_m * back.x, rear_m * back.y))
            if is_within_distance(rear, nose, reach_m, [low_angle_th, up_angle_th]):
                return True, other, place.location.distance(pose.location)
        return False, None, -1

    def _generate_lane_change_path(
        self,
        waypoint: carla.Waypoint,
        direction: str = "left",
        distance_same_lane: float = 10,
        distance_other_lane: float = 25,
        lane_change_distance: float = 25,
        check: bool = True,
        lane_changes: int = 1,
        step_distance: float = 2,
    ) -> list[tuple[carla.Waypoint, RoadOption]]:
        """Waypoints of a lane change; empty where the marking (if checked) or the road does not allow it."""
        left = direction == "left"
        option = RoadOption.CHANGELANELEFT if left else RoadOption.CHANGELANERIGHT
        allowed = (carla.LaneChange.Left if left else carla.LaneChange.Right, carla.LaneChange.Both)
        plan = _along(waypoint, distance_same_lane, step_distance, RoadOption.LANEFOLLOW)
        at = plan[-1][0] if plan else waypoint
        for _ in range(lane_changes):
            if check and at.lane_change not in allowed:
                return []
            ahead = at.next(max(lane_change_distance / lane_changes, step_distance))
            beside = (ahead[0].get_left_lane() if left else ahead[0].get_right_lane()) if ahead else None
            if beside is None or beside.lane_type != carla.LaneType.Driving:
                return []
            plan.append((beside, option))
            at = beside
        return plan + _along(at, distance_other_lane, step_distance, RoadOption.LANEFOLLOW)


def _along(
    waypoint: carla.Waypoint, distance_m: float, step_m: float, option: RoadOption
) -> list[tuple[carla.Waypoint, RoadOption]]:
    found: list[tuple[carla.Waypoint, RoadOption]] = []
    while len(found) * step_m < distance_m:
        ways = waypoint.next(step_m)
        if not ways:
            break
        waypoint = ways[0]
        found.append((waypoint, option))
    return found


def _guards(line: carla.Waypoint, here: carla.Waypoint, pose: carla.Transform, reach_m: float) -> bool:
    """Whether a stop line is on this lane, ahead, and within reach."""
    if line.road_id != here.road_id or line.lane_id != here.lane_id:
        return False
    forward, target = pose.get_forward_vector(), line.transform.location
    ahead_m = (target.x - pose.location.x) * forward.x + (target.y - pose.location.y) * forward.y
    return (
        -1.0 < ahead_m < reach_m and math.hypot(target.x - pose.location.x, target.y - pose.location.y) < reach_m + 2
    )
