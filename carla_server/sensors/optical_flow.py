"""Optical flow: `sensor.camera.optical_flow`, how far each pixel's surface has moved on the picture.

CARLA's convention, as users have measured it (CARLA issue 4795): at each pixel of this picture, the way that what is
seen there has come since the picture before, in normalised device coordinates: x to the right and y *upwards*, both
in [-2, 2], where 2 is the whole width or height. So in pixels

    right = 0.5 * width * x,    down = -0.5 * height * y.

`carla.Image` and its colour conversion are fed with these values. What moves is the camera and each actor as a
whole; legs, wheels and doors are carried along without their own motion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from carla_server.render.camera import FAR_M, CameraView, rotation_matrix
from carla_server.wire.structs import Pose

_LIMIT = 2.0
_SKY_M = 0.9999 * FAR_M
_NEAREST_M = 0.05
"""A point nearer to (or behind) the earlier camera has no place on its picture."""


class Instant(NamedTuple):
    """What must be remembered of a picture.

    pose: of the camera.
    actors: (N,) ACTOR_DTYPE; `instance`, `position_m` and `rotation_deg` are read.
    """

    pose: Pose
    actors: np.ndarray


def optical_flow(
    view: CameraView, now: Instant, before: Instant, depth_m: np.ndarray, instance: np.ndarray, least_px: float = 0.0
) -> np.ndarray:
    """Flow of one picture.

    Args:
        view: size and field of view of both pictures.
        now, before: this picture's instant and the one before.
        depth_m: (H, W) float32 distance ahead; the depth camera's limit, 1 km, is taken for infinitely far.
        instance: (H, W) uint16 ids, as the instance camera writes them.
        least_px: actors narrower than this on the picture are taken to stand still.

    Returns:
        (H, W, 2) float32: x to the right, y upwards, clipped to [-2, 2].
    """
    x = np.linspace(-1.0 + 1.0 / view.width_px, 1.0 - 1.0 / view.width_px, view.width_px, dtype=np.float32)
    y = -np.linspace(-1.0 + 1.0 / view.height_px, 1.0 - 1.0 / view.height_px, view.height_px, dtype=np.float32)
    x, y = x[None, :], y[:, None]
    # Scaling a homogeneous point changes nothing: with the inverse of the depth the sky needs no case of its own.
    nearness = np.where(depth_m < _SKY_M, 1.0 / np.maximum(depth_m, np.float32(1e-6)), 0.0).astype(np.float32)
    flow = _flow_of(view, _motion(now.pose, before.pose), x, y, nearness)
    moved = _moved(now, before)
    if moved:
        seen = np.bincount(instance.ravel(), minlength=1 << 16)
        for number, (turn, shift) in moved.items():
            if not seen[number]:
                continue
            rows, columns = np.nonzero(instance == number)
            if np.ptp(columns) + 1 < least_px:
                continue
            motion = _motion(now.pose, before.pose, turn, shift)
            flow[rows, columns] = _flow_of(view, motion, x[0, columns], y[rows, 0], nearness[rows, columns])
    return flow


def _flow_of(
    view: CameraView, motion: tuple[np.ndarray, np.ndarray], x: np.ndarray, y: np.ndarray, nearness: np.ndarray
) -> np.ndarray:
    """(..., 2) flow of pixels at x, y whose points move by `motion` into the earlier camera's frame."""
    turn, shift = (part.astype(np.float32) for part in motion)
    right, up = np.float32(view.half_width), np.float32(view.half_height)
    ahead = turn[0, 0] + turn[0, 1] * right * x + turn[0, 2] * up * y + shift[0] * nearness
    ahead = np.maximum(ahead, np.float32(_NEAREST_M) * nearness + np.float32(1e-6))
    out = np.empty((*ahead.shape, 2), np.float32)
    for axis, half, own in ((0, right, x), (1, up, y)):
        row = turn[axis + 1]
        across = row[0] + row[1] * right * x + row[2] * up * y + shift[axis + 1] * nearness
        out[..., axis] = own - across / (ahead * half)
    return np.clip(out, -_LIMIT, _LIMIT, out=out)


def _motion(
    now: Pose, before: Pose, turn: np.ndarray | None = None, shift: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and shift from this camera's frame into the earlier one's.

    Args:
        turn, shift: where a point of the world was before, `turn @ point + shift`; None for what stands still.
    """
    axes, axes_before = rotation_matrix(np.array(now[3:])), rotation_matrix(np.array(before[3:]))
    eye = np.array(now[:3])
    if turn is None or shift is None:
        return axes_before.T @ axes, axes_before.T @ (eye - np.array(before[:3]))
    return axes_before.T @ turn @ axes, axes_before.T @ (turn @ eye + shift - np.array(before[:3]))


def _moved(now: Instant, before: Instant) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Actors of both instants that have moved: instance -> rotation and shift back in time."""
    earlier, later = _first_rows(before.actors), _first_rows(now.actors)
    moved = {}
    for number, row in later.items():
        then = earlier.get(number)
        if then is None:
            continue
        a, b = now.actors[row], before.actors[then]
        if (a["position_m"] == b["position_m"]).all() and (a["rotation_deg"] == b["rotation_deg"]).all():
            continue
        turn = rotation_matrix(b["rotation_deg"]) @ rotation_matrix(a["rotation_deg"]).T
        moved[number] = (turn, b["position_m"].astype(np.float64) - turn @ a["position_m"])
    return moved


def _first_rows(actors: np.ndarray) -> dict[int, int]:
    """Instance -> row of the actor itself; its pieces come behind it."""
    rows: dict[int, int] = {}
    for row, number in enumerate(actors["instance"].tolist()):
        rows.setdefault(number, row)
    return rows
