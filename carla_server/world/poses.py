"""Rigid motions in CARLA's left-handed frame: x forward, y right, z up; yaw clockwise seen from above.

Rotation order and signs follow Unreal: yaw, then pitch (positive lifts the nose), then roll (positive lowers the
right side as seen from behind). Source: `carla.Transform.get_matrix`, compared in the tests.
"""

from __future__ import annotations

import math

import numpy as np

from carla_server.wire.structs import Pose, Vector


def rotation_matrix(pitch_deg: float, yaw_deg: float, roll_deg: float) -> np.ndarray:
    """(3, 3) matrix whose columns are forward, right and up in the world."""
    p, y, r = math.radians(pitch_deg), math.radians(yaw_deg), math.radians(roll_deg)
    cp, sp, cy, sy, cr, sr = math.cos(p), math.sin(p), math.cos(y), math.sin(y), math.cos(r), math.sin(r)
    return np.array(
        (
            (cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr),
            (cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr),
            (sp, -cp * sr, cp * cr),
        )
    )


def compose(parent: Pose, child: Pose) -> Pose:
    """World pose of something at `child` in the frame of `parent`."""
    if parent[3] == 0.0 and parent[5] == 0.0:
        yaw = math.radians(parent[4])
        c, s = math.cos(yaw), math.sin(yaw)
        x, y, z = child[0], child[1], child[2]
        return (
            parent[0] + c * x - s * y,
            parent[1] + s * x + c * y,
            parent[2] + z,
            child[3],
            wrap_deg(parent[4] + child[4]),
            child[5],
        )
    turn = rotation_matrix(*parent[3:])
    x, y, z = turn @ np.array(child[:3])
    if child[3] == 0.0 and child[4] == 0.0 and child[5] == 0.0:
        rotation = parent[3:]
    else:
        rotation = matrix_rotation(turn @ rotation_matrix(*child[3:]))
    return (parent[0] + float(x), parent[1] + float(y), parent[2] + float(z), *rotation)


def relative(parent: Pose, world: Pose) -> Pose:
    """Pose in the frame of `parent` of something at `world`; the inverse of `compose`."""
    turn = rotation_matrix(*parent[3:])
    offset = turn.T @ (np.array(world[:3]) - np.array(parent[:3]))
    rotation = matrix_rotation(turn.T @ rotation_matrix(*world[3:]))
    return (float(offset[0]), float(offset[1]), float(offset[2]), *rotation)


def matrix_rotation(matrix: np.ndarray) -> Vector:
    """Pitch, yaw, roll in degrees of a matrix made by `rotation_matrix`."""
    forward, right, up = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    pitch = math.asin(max(-1.0, min(1.0, float(forward[2]))))
    if abs(forward[2]) > 1.0 - 1e-9:
        return math.degrees(pitch), math.degrees(math.atan2(-right[0], right[1])), 0.0
    yaw = math.atan2(forward[1], forward[0])
    roll = math.atan2(-right[2], up[2])
    return math.degrees(pitch), math.degrees(yaw), math.degrees(roll)


def wrap_deg(angle_deg: float) -> float:
    """The same angle in [-180, 180)."""
    return (angle_deg + 180.0) % 360.0 - 180.0
