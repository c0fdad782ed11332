"""`DriveObserver`: turns snapshots and collision events into `TickFacts`, through the plain client API."""

from __future__ import annotations

import math
from collections.abc import Sequence

import carla
import numpy as np

from carla_agents.driving.route import Route, RouteProgress
from carla_agents.simulator.events import CollisionSensor
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState
from leaderboard.criteria import Contact, TickFacts
from leaderboard.traffic_rules import StopBox, StopLine

_LANES = carla.LaneType.Driving | carla.LaneType.Parking
_OUTSIDE_MARGIN_M = 0.5
_WRONG_WAY_RAD = math.radians(120.0)


def stop_lines(session: Session) -> list[StopLine]:
    """The stop lines of every traffic light of the world."""
    lines = []
    for light in session.world.get_actors().filter("traffic.traffic_light*"):
        for waypoint in light.get_stop_waypoints():
            place = waypoint.transform.location
            yaw_rad = math.radians(waypoint.transform.rotation.yaw)
            lines.append(StopLine.across_lane(light.id, (place.x, place.y), yaw_rad, waypoint.lane_width))
    return lines


def stop_boxes(session: Session) -> list[StopBox]:
    """The trigger volumes of every stop sign of the world."""
    boxes = []
    for sign in session.world.get_actors().filter("traffic.stop"):
        volume, pose = sign.trigger_volume, sign.get_transform()
        center = pose.transform(volume.location)
        lane = session.map.get_waypoint(center)
        boxes.append(
            StopBox(
                sign.id,
                (center.x, center.y),
                (volume.extent.x, volume.extent.y),
                math.radians(pose.rotation.yaw + volume.rotation.yaw),
                math.radians(lane.transform.rotation.yaw),
            )
        )
    return boxes


class DriveObserver:
    """Watches one vehicle on one route.

    Args:
        session: where it drives.
        ego: the vehicle.
        route: what it should drive.
        traffic_ids: vehicles of the background traffic.

    Attributes:
        progress: how far the vehicle has come.
        oncoming_lane_allowed: while True, driving in the lane of the oncoming traffic does not count as outside.
    """

    def __init__(self, session: Session, ego: carla.Vehicle, route: Route, traffic_ids: Sequence[int] = ()) -> None:
        self.oncoming_lane_allowed = False
        self._session = session
        self._ego_id = ego.id
        self._traffic_ids = tuple(traffic_ids)
        self._collisions = CollisionSensor(session, ego)
        self._lights = list(session.world.get_actors().filter("traffic.traffic_light*"))
        self._start_s: float | None = None
        self._first_frame = 0
        self.progress = RouteProgress(route)

    def observe(self, state: VehicleState) -> TickFacts:
        """The facts of the present tick; contacts are those of the ticks before it, so that every run sees the same.

        Args:
            state: the ego in the present snapshot.
        """
        if self._start_s is None:
            self._start_s, self._first_frame = state.elapsed_s, state.frame_id
        self.progress.update(state.x_m, state.y_m)
        contacts = self._collisions.take(state.frame_id)
        return self._facts(state, tuple(Contact(event.other_id, event.other_type) for event in contacts))

    @property
    def route_completion_pct(self) -> float:
        """Share of the route driven; above 99 % and within 10 m of the end it counts as all of it."""
        completion = self.progress.completion
        if completion > 0.99 and self.progress.remaining_m < 10.0:
            return 100.0
        return 100.0 * completion

    def _facts(self, state: VehicleState, contacts: tuple[Contact, ...]) -> TickFacts:
        points_m = self.progress.route.points_m
        offset_m = float(np.hypot(points_m[:, 0] - state.x_m, points_m[:, 1] - state.y_m).min())
        red = frozenset(light.id for light in self._lights if light.state == carla.TrafficLightState.Red)
        return TickFacts(
            frame_id=state.frame_id - self._first_frame,
            elapsed_s=round(state.elapsed_s - (self._start_s or 0.0), 6),
            position_in_world_m=np.array([state.x_m, state.y_m, state.z_m]),
            yaw_rad=state.yaw_rad,
            speed_mps=math.hypot(state.velocity_mps[0], state.velocity_mps[1]),
            route_progress_m=self.progress.distance_m,
            route_offset_m=offset_m,
            contacts=contacts,
            red_light_ids=red,
            outside_lanes=self._outside_lanes(state),
            traffic_speed_mps=self._traffic_speed_mps(),
        )

    def _traffic_speed_mps(self) -> float | None:
        """Mean over the vehicles that are still there: the Traffic Manager removes those that hang."""
        snapshot = self._session.snapshot()
        found = [snapshot.find(actor_id) for actor_id in self._traffic_ids]
        speeds = [actor.get_velocity().length() for actor in found if actor is not None]
        return sum(speeds) / len(speeds) if speeds else None

    def _outside_lanes(self, state: VehicleState) -> bool:
        place = carla.Location(state.x_m, state.y_m, state.z_m)
        waypoint = self._session.map.get_waypoint(place, lane_type=_LANES)
        center = waypoint.transform.location
        away_m = math.hypot(center.x - state.x_m, center.y - state.y_m)
        if away_m > 0.5 * waypoint.lane_width + _OUTSIDE_MARGIN_M:
            return True
        if self.oncoming_lane_allowed:
            return False
        lane_yaw_rad = math.radians(waypoint.transform.rotation.yaw)
        against = abs(math.remainder(state.yaw_rad - lane_yaw_rad, math.tau)) > _WRONG_WAY_RAD
        return against and not waypoint.is_junction and waypoint.lane_type == carla.LaneType.Driving
