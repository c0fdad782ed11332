"""Flicker: how much a variant changes between two frames beyond what the drive explains."""

from __future__ import annotations

import cv2
import numpy as np

from augment.layout import LayoutGroup, groups
from augment.synthesizers.base import FrameBatch
from augment.view_geometry import camera_to_ego, project, rays_in_ego
from carla_agents.policies.base import CameraSpec

_MOVING = (LayoutGroup.SKY, LayoutGroup.VEHICLE, LayoutGroup.PERSON, LayoutGroup.OTHER)


def consecutive(frames: FrameBatch) -> list[tuple[int, int]]:
    """Pairs (before, after) of places in the batch whose frames follow one another in a route."""
    moments = ((moment(key), index) for index, key in enumerate(frames.frame_keys))
    place = {found: index for found, index in moments if found is not None}
    return [
        (place[route, number - 1], index) for (route, number), index in place.items() if (route, number - 1) in place
    ]


def moment(frame_key: str) -> tuple[str, int] | None:
    """Route and number along it of a stored frame's key; None for pictures that belong to no drive."""
    route, _, number = frame_key.rpartition("/")
    return (route, int(number)) if number.isdecimal() else None


def flicker(frames: FrameBatch, variants: np.ndarray, before: int, after: int) -> float | None:
    """Change of the variant after ego-motion, less the change of the source, relative to brightness.

    Every static pixel of the later frame is looked up in the earlier one by its depth and the two poses.

    Args:
        frames: with depth, poses and camera.
        variants: (N, H, W, 3) uint8.
        before, after: places of two frames of one drive.

    Returns:
        median change of the variant minus that of the source, 0.1 means a tenth of the mean brightness; None where
        fewer than 500 pixels can be looked up.

    Raises:
        ValueError: the frames lack depth, poses or camera.
    """
    if frames.depth_m is None or frames.ego_to_world is None or frames.camera is None:
        raise ValueError("flicker needs frames with depth_m, ego_to_world and camera")
    columns, rows, depth_m = _look_up(
        frames.depth_m[after], frames.ego_to_world[after], frames.ego_to_world[before], frames.camera
    )

    def earlier(picture: np.ndarray) -> np.ndarray:
        return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    static = ~np.isin(groups(frames.seg[after]), _MOVING) & (depth_m > 0.5)
    height, width = frames.seg.shape[1:]
    static &= (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    seen_m = cv2.remap(frames.depth_m[before], columns, rows, cv2.INTER_NEAREST)
    static &= np.abs(seen_m - depth_m) < 0.05 * depth_m + 0.2
    if np.count_nonzero(static) < 500:
        return None

    def change(pictures: np.ndarray) -> float:
        now = pictures[after].astype(np.float32).mean(2)
        then = earlier(pictures[before].astype(np.float32).mean(2))
        return float(np.median(np.abs(now - then)[static]) / (now[static].mean() + 4.0))

    return change(variants) - change(frames.rgb)


def _look_up(
    depth_m: np.ndarray, pose: np.ndarray, earlier_pose: np.ndarray, camera: CameraSpec
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Column, row and depth at which the earlier camera saw each pixel's point; (H, W) float32 each."""
    rays = rays_in_ego(camera, *depth_m.shape).astype(np.float64)
    in_ego_m = camera_to_ego(camera)[:3, 3, None, None] + depth_m * rays
    motion = np.linalg.inv(earlier_pose) @ pose
    in_earlier_ego_m = np.tensordot(motion[:3, :3], in_ego_m, 1) + motion[:3, 3, None, None]
    columns, rows, forward_m = project(camera, in_earlier_ego_m, *depth_m.shape)
    return columns.astype(np.float32), rows.astype(np.float32), forward_m.astype(np.float32)
