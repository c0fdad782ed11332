"""The contract of a driving policy: your policy is one class with three methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from carla_agents.simulator.frame import Command


@dataclass(frozen=True)
class CameraSpec:
    """A camera on the ego vehicle.

    Attributes:
        width_px, height_px: picture size.
        fov_deg: horizontal field of view.
        position_in_ego_m: forward, right, up from the vehicle's origin (ground level, box centre).
        pitch_deg: positive looks up.
    """

    width_px: int = 256
    height_px: int = 144
    fov_deg: float = 100.0
    position_in_ego_m: tuple[float, float, float] = (1.3, 0.0, 1.7)
    pitch_deg: float = -5.0


@dataclass(frozen=True)
class Observation:
    """What a policy may see.

    Attributes:
        rgb: (H, W, 3) uint8 RGB.
        speed_mps: forward speed.
        command: navigation command.
        target_point_in_ego_m: (2,) float32 forward, right.
    """

    rgb: np.ndarray
    speed_mps: float
    command: Command
    target_point_in_ego_m: np.ndarray


@dataclass(frozen=True)
class Plan:
    """What a policy wants.

    Attributes:
        waypoints_in_ego_m: (T, 2) float32, forward and right, one every `waypoint_spacing_s`.
        target_speed_mps: the speed it wants to have.
    """

    waypoints_in_ego_m: np.ndarray
    target_speed_mps: float


class Policy(Protocol):
    """Sees, plans; the controller in `carla_agents.driving.control` turns the plan into pedals and wheel."""

    waypoint_spacing_s: float

    def camera(self) -> CameraSpec: ...

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Observation) -> Plan: ...
