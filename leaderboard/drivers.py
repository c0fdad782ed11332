"""Drivers for an evaluation: a policy behind the waypoint controller, and the privileged expert."""

from __future__ import annotations

import carla
import numpy as np

from carla_agents.driving.capture import target_point_in_ego_m
from carla_agents.driving.control import WaypointController
from carla_agents.driving.expert import Expert, controller_config
from carla_agents.driving.route import Route
from carla_agents.policies.base import CameraSpec, Observation, Policy
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session
from leaderboard.drive import DriveView


class PolicyDriver:
    """A policy plans from pictures; between two pictures the controller follows the last plan.

    Args:
        policy: what to evaluate.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._controller = WaypointController()
        self._path_in_world_m: np.ndarray | None = None
        self._target_speed_mps = 0.0

    def camera(self) -> CameraSpec:
        """The policy's camera."""
        return self.policy.camera()

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Forget the last drive."""
        self.policy.reset(seed)
        self._controller = WaypointController(session.config.fixed_delta_s, controller_config(ego))
        self._path_in_world_m = None

    def control(self, view: DriveView) -> Control:
        """Plan if there is a picture, then follow the plan from where the ego is now."""
        state, progress = view.state, view.observer.progress
        if view.rgb is not None:
            target_in_ego_m = target_point_in_ego_m(state, progress)
            plan = self.policy.act(Observation(view.rgb, state.speed_mps, progress.command, target_in_ego_m))
            path = np.concatenate([np.zeros((1, 2)), np.asarray(plan.waypoints_in_ego_m, dtype=np.float64)])
            cos, sin = np.cos(state.yaw_rad), np.sin(state.yaw_rad)
            self._path_in_world_m = path @ np.array([[cos, sin], [-sin, cos]]) + (state.x_m, state.y_m)
            self._target_speed_mps = plan.target_speed_mps
        if self._path_in_world_m is None:
            return Control(brake=1.0)
        path_in_ego_m = state.to_ego(self._path_in_world_m)
        return self._controller.follow(path_in_ego_m, self._target_speed_mps, state.speed_mps)


class ExpertDriver:
    """The privileged expert, without a camera: the upper bound that an evaluation is read against."""

    def __init__(self) -> None:
        self._expert: Expert | None = None

    def camera(self) -> None:
        """It needs none."""
        return None

    def begin(self, session: Session, ego: carla.Vehicle, route: Route, seed: int) -> None:
        """Get to know the route."""
        self._expert = Expert(session, ego, route)

    def control(self, view: DriveView) -> Control:
        """The expert's control.

        Raises:
            RuntimeError: `begin` was not called.
        """
        if self._expert is None:
            raise RuntimeError("call begin() before control()")
        return self._expert.control()
