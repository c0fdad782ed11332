"""Frames to store, made without a simulator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from carla_agents.simulator.frame import Command, Control, Frame


def make_frame(number: int = 0, condition: str = "clear-day", width_px: int = 32, height_px: int = 18) -> Frame:
    """A frame whose every value depends on `number`; the car drives 0.4 m north-east per frame of 0.1 s."""
    rng = np.random.default_rng(number)
    shape = (height_px, width_px)
    yaw_rad = np.pi / 4
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw_rad), -np.sin(yaw_rad)], [np.sin(yaw_rad), np.cos(yaw_rad)]]
    pose[:3, 3] = (0.4 * number * np.cos(yaw_rad), 0.4 * number * np.sin(yaw_rad), 0.1)
    return Frame(
        frame_id=2 * number,
        elapsed_s=0.1 * number,
        rgb=rng.integers(0, 256, (*shape, 3), np.uint8),
        seg=rng.integers(0, 29, shape, np.uint8),
        depth_m=rng.uniform(0.5, 900.0, shape).astype(np.float32),
        instance=rng.integers(0, 2**16, shape, np.uint16),
        speed_mps=4.0,
        ego_to_world=pose,
        command=Command.RIGHT,
        target_point_in_ego_m=np.array([10.0 + number, -1.5], np.float32),
        control=Control(steer=0.1, throttle=0.5, brake=0.0),
        condition=condition,
        scalars={"target_speed_mps": 6.0},
    )


@pytest.fixture
def frame() -> Callable[..., Frame]:
    return make_frame
