"""Drivers that look at nobody: what a score has to tell from driving, and what a scenario has to catch."""

from __future__ import annotations

import carla
import numpy as np

from carla_agents.driving.control import WaypointController
from carla_agents.driving.expert import ExpertConfig, controller_config, speed_profile_mps
from carla_agents.driving.route import Route
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from leaderboard.drive import DriveView


class ConstantThrottle:
    """Steers nowhere and never brakes.

    Args:
        throttle: in (0, 1].
    """

    def __init__(self, throttle: float = 0.5) -> None:
        if not 0.0 < throttle <= 1.0:
            raise ValueError(f"throttle must be in (0, 1], got {throttle}")
        self._throttle = throttle

    def camera(self) -> None:
        """It needs none."""
        return None

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Nothing to get to know."""

    def control(self, view: DriveView) -> Control:
        """Always the same."""
        return Control(throttle=self._throttle)


class StandStill:
    """Never starts: too timid for any road."""

    def camera(self) -> None:
        """It needs none."""
        return None

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Nothing to get to know."""

    def control(self, view: DriveView) -> Control:
        """Always the brake."""
        return Control(brake=1.0)


class RouteFollower:
    """Keeps to the route and to a sensible speed, but sees neither lights nor other road users."""

    def camera(self) -> None:
        """It needs none."""
        return None

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Plan speeds for the route's bends."""
        self._route = route
        self._profile_mps = speed_profile_mps(route, ExpertConfig())
        self._controller = WaypointController(session.config.fixed_delta_s, controller_config(ego))

    def control(self, view: DriveView) -> Control:
        """Towards the route ahead."""
        distance_m = view.observer.progress.distance_m
        path_in_ego_m = view.state.to_ego(self._route.point_at(distance_m + np.arange(0.0, 16.0)))
        wanted_mps = float(np.interp(distance_m, self._route.distance_m, self._profile_mps))
        return self._controller.follow(path_in_ego_m, wanted_mps, view.state.speed_mps)
