"""One instant of a drive, assembled to a `Frame`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from carla_agents.driving.route import RouteProgress
from carla_agents.policies.base import Observation
from carla_agents.simulator.frame import Control, Frame
from carla_agents.simulator.vehicle_state import VehicleState

_NO_PICTURE = (0, 0, 3)


def frame_from(
    ego: VehicleState,
    images: Mapping[str, np.ndarray],
    progress: RouteProgress,
    control: Control,
    condition: str,
    scalars: dict[str, float] | None = None,
) -> Frame:
    """Assembles a frame; the arrays are taken over, not copied.

    Args:
        ego: state of the vehicle at this frame.
        images: what `SensorRig.gather` returned for the same frame; keys `rgb`, `seg`, `depth_m`, `instance`,
            each may be missing (a missing rgb becomes an empty picture).
        progress: updated with the same state.
        control: what the driver answers to this frame.
        condition: name of the weather and light.
        scalars: anything else worth a column.
    """
    rgb = images.get("rgb")
    return Frame(
        frame_id=ego.frame_id,
        elapsed_s=ego.elapsed_s,
        rgb=rgb if rgb is not None else np.zeros(_NO_PICTURE, np.uint8),
        seg=images.get("seg"),
        depth_m=images.get("depth_m"),
        instance=images.get("instance"),
        speed_mps=ego.speed_mps,
        ego_to_world=ego.ego_to_world,
        command=progress.command,
        target_point_in_ego_m=target_point_in_ego_m(ego, progress),
        control=control,
        condition=condition,
        scalars=scalars if scalars is not None else {},
    )


def observation_from(frame: Frame) -> Observation:
    """What a policy may see of a frame."""
    return Observation(frame.rgb, frame.speed_mps, frame.command, frame.target_point_in_ego_m)


def target_point_in_ego_m(ego: VehicleState, progress: RouteProgress) -> np.ndarray:
    """(2,) float32: the next target point of the route, forward and right of the vehicle."""
    x_m, y_m, _ = progress.target_point_in_world_m
    c, s = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
    dx, dy = x_m - ego.x_m, y_m - ego.y_m
    return np.array([dx * c + dy * s, dy * c - dx * s], np.float32)
