"""Observation and action spaces of `Drive-v0`, and actions as controls or plans."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from carla_agents.policies.base import Plan
from carla_agents.simulator.frame import Command, Control, Frame

WAYPOINTS = 4
WAYPOINT_SPACING_S = 0.5
TARGET_RANGE_M = 1000.0
_ONE_HOT = np.eye(len(Command), dtype=np.float32)
SPEED_RANGE_MPS = 100.0


def observation_space(width_px: int, height_px: int, rgb: bool, seg: bool) -> spaces.Dict:
    """Dict space.

    rgb (H, W, 3) uint8 and seg (H, W, 1) uint8 CARLA tags where wanted; speed (1,) float32 m/s; command (6,) float32
    one-hot in the order of `Command`; target_point (2,) float32 metres forward and right of the vehicle.
    """
    parts: dict[str, spaces.Space] = {
        "speed": spaces.Box(-SPEED_RANGE_MPS, SPEED_RANGE_MPS, (1,), np.float32),
        "command": spaces.Box(0.0, 1.0, (len(Command),), np.float32),
        "target_point": spaces.Box(-TARGET_RANGE_M, TARGET_RANGE_M, (2,), np.float32),
    }
    if rgb:
        parts["rgb"] = spaces.Box(0, 255, (height_px, width_px, 3), np.uint8)
    if seg:
        parts["seg"] = spaces.Box(0, 255, (height_px, width_px, 1), np.uint8)
    return spaces.Dict(parts)


def action_space(action_type: str) -> spaces.Box:
    """`control`: (3,) steer, throttle, brake. `waypoints`: (4, 2) metres forward and right, one every 0.5 s."""
    if action_type == "control":
        return spaces.Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))
    if action_type == "waypoints":
        low = np.tile(np.array([-5.0, -40.0], np.float32), (WAYPOINTS, 1))
        high = np.tile(np.array([60.0, 40.0], np.float32), (WAYPOINTS, 1))
        return spaces.Box(low, high)
    raise ValueError(f"action_type is {action_type!r}, allowed 'control' or 'waypoints'")


def observation_from(frame: Frame, rgb: bool, seg: bool) -> dict[str, np.ndarray]:
    """Observation of a frame; pictures share the frame's memory, which is new at every step."""
    forward, right = frame.target_point_in_ego_m.tolist()
    observation = {
        "speed": np.array([_clip(frame.speed_mps, SPEED_RANGE_MPS)], np.float32),
        "command": _ONE_HOT[frame.command - 1].copy(),
        "target_point": np.array([_clip(forward, TARGET_RANGE_M), _clip(right, TARGET_RANGE_M)], np.float32),
    }
    if rgb:
        observation["rgb"] = frame.rgb
    if seg and frame.seg is not None:
        observation["seg"] = frame.seg[..., None]
    return observation


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def control_from(action: np.ndarray) -> Control:
    """(3,) action -> Control, clipped to the allowed range."""
    steer, throttle, brake = np.asarray(action).tolist()
    return Control(min(max(steer, -1.0), 1.0), min(max(throttle, 0.0), 1.0), min(max(brake, 0.0), 1.0))


def plan_from(action: np.ndarray) -> Plan:
    """(4, 2) action -> Plan; the wanted speed is the mean spacing of the waypoints over their interval."""
    waypoints = np.asarray(action, np.float32).reshape(WAYPOINTS, 2)
    path = np.vstack((np.zeros((1, 2), np.float32), waypoints))
    steps_m = np.linalg.norm(np.diff(path, axis=0), axis=1)
    return Plan(waypoints, float(steps_m.mean()) / WAYPOINT_SPACING_S)
