"""Stored frames as the batches that synthesizers take: pictures, labels, depth, poses, camera."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.prompt import Prompt
from augment.synthesizers.base import FrameBatch
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.policies.base import CameraSpec


def load_frames(
    frames: Sequence[StoredFrame],
    prompts: Sequence[Prompt] | None = None,
    sources: Sequence[Condition] | None = None,
) -> FrameBatch:
    """Read frames from their store.

    Args:
        frames: at least one; all of one size, with the same planes, seen by one camera (see `batch_kind`).
        prompts: one for each, or None.
        sources: the condition that each shows; None takes what was recorded.

    Raises:
        StoreError: a picture or its labels are missing or damaged.
        ValueError: no frame, frames that do not fit together, or a source condition that the table does not name.
    """
    if not frames:
        raise ValueError("no frame to load")
    with_depth = all("depth" in frame.files for frame in frames)
    return FrameBatch(
        np.stack([frame.load_rgb() for frame in frames]),
        np.stack([frame.load_seg() for frame in frames]),
        np.stack([frame.load_depth_m() for frame in frames]) if with_depth else None,
        tuple(sources or (Condition.parse(frame.condition) for frame in frames)),
        tuple(frame.key for frame in frames),
        None if prompts is None else tuple(prompts),
        np.stack([frame.ego_to_world for frame in frames]),
        cameras_of(frames[0].store).get(frames[0].route_id),
    )


def join_batches(batches: Sequence[FrameBatch]) -> FrameBatch:
    """Batches of one frame each -> one batch."""
    if len(batches) == 1:
        return batches[0]
    depths = [batch.depth_m for batch in batches if batch.depth_m is not None]
    poses = [batch.ego_to_world for batch in batches if batch.ego_to_world is not None]
    return FrameBatch(
        np.concatenate([batch.rgb for batch in batches]),
        np.concatenate([batch.seg for batch in batches]),
        np.concatenate(depths) if len(depths) == len(batches) else None,
        tuple(batch.sources[0] for batch in batches),
        tuple(batch.frame_keys[0] for batch in batches),
        tuple(prompt for batch in batches for prompt in batch.prompts or ()),
        np.concatenate(poses) if len(poses) == len(batches) else None,
        batches[0].camera,
    )


def cameras_of(store: Store) -> dict[str, CameraSpec]:
    """The camera of every route whose metadata tell it; imported pictures have none."""
    out = {}
    for route in store.routes():
        camera = _camera(route.metadata.get("camera"))
        if camera is not None:
            out[route.route_id] = camera
    return out


def batch_kind(frame: StoredFrame, cameras: dict[str, CameraSpec]) -> tuple[Any, ...]:
    """What frames of one batch share."""
    return frame.size_px, "depth" in frame.files, cameras.get(frame.route_id)


def _camera(record: Any) -> CameraSpec | None:
    names = {field.name for field in fields(CameraSpec)}
    if not isinstance(record, dict) or not names <= set(record):
        return None
    with contextlib.suppress(TypeError, ValueError):
        forward_m, right_m, up_m = (float(v) for v in record["position_in_ego_m"])
        return CameraSpec(
            int(record["width_px"]),
            int(record["height_px"]),
            float(record["fov_deg"]),
            (forward_m, right_m, up_m),
            float(record["pitch_deg"]),
        )
    return None
