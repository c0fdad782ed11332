"""The picture planes of a frame: checked, encoded, or taken from files that exist already."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from carla_agents.data import images
from carla_agents.data.disk import read_file
from carla_agents.simulator.frame import Frame

MAX_ORIGINAL_BYTES = 64 << 20
"""Largest existing file that is taken over."""


def encoded_planes(
    frame: Frame, codec: images.RgbCodec, *, without: Collection[str] = ()
) -> dict[str, tuple[bytes, str]]:
    """Plane -> (file content, suffix) of every plane of a frame that is not in `without`."""
    planes: dict[str, tuple[bytes, str]] = {}
    if "rgb" not in without:
        planes["rgb"] = (images.encode_rgb(frame.rgb, codec), "jpg" if codec == "jpeg" else "png")
    if frame.seg is not None and "seg" not in without:
        planes["seg"] = (images.encode_ids(frame.seg), "png")
    if frame.depth_m is not None and "depth" not in without:
        planes["depth"] = (images.encode_depth(frame.depth_m), "png")
    if frame.instance is not None and "instance" not in without:
        planes["instance"] = (images.encode_ids(frame.instance), "png")
    return planes


def original_plane(frame: Frame, plane: str, path: Path, codec: images.RgbCodec) -> tuple[bytes, str]:
    """(content, suffix) of an existing file, after checking that it holds exactly this plane of the frame.

    Raises:
        ValueError: it holds something else, or a plane that originals cannot give.
        StoreError: it cannot be decoded.
        OSError: it cannot be read.
    """
    data = read_file(path, max_bytes=MAX_ORIGINAL_BYTES)
    size_px = (frame.rgb.shape[1], frame.rgb.shape[0])
    suffix = "png" if data.startswith(b"\x89PNG") else "jpg"
    if plane == "rgb" and suffix == ("jpg" if codec == "jpeg" else "png"):
        same = np.array_equal(images.decode_rgb(data, str(path), size_px), frame.rgb)
    elif plane == "seg" and suffix == "png" and frame.seg is not None:
        same = np.array_equal(images.decode_ids(data, str(path), size_px, np.uint8), frame.seg)
    elif plane == "depth" and suffix == "png" and frame.depth_m is not None:
        same = np.array_equal(images.decode_depth(data, str(path), size_px), frame.depth_m)
    else:
        raise ValueError(f"{path} cannot become the plane {plane} of a store that keeps rgb as {codec}")
    if not same:
        raise ValueError(f"{path} does not hold the frame's {plane}: pass the picture that was read from this file")
    return data, suffix


def check_planes(frame: Frame) -> None:
    """Refuse a frame whose pictures break the contract of `Frame`."""
    if frame.rgb.ndim != 3 or frame.rgb.shape[2] != 3 or frame.rgb.dtype != np.uint8:
        raise ValueError(f"rgb is {frame.rgb.shape} {frame.rgb.dtype}, expected (H, W, 3) uint8")
    if not 1 <= min(frame.rgb.shape[:2]) <= max(frame.rgb.shape[:2]) <= images.MAX_SIDE_PX:
        raise ValueError(f"rgb is {frame.rgb.shape}, a side must be 1 to {images.MAX_SIDE_PX} pixels")
    for name, plane, dtype in (
        ("seg", frame.seg, np.uint8),
        ("depth_m", frame.depth_m, np.float32),
        ("instance", frame.instance, np.uint16),
    ):
        if plane is not None and (plane.shape != frame.rgb.shape[:2] or plane.dtype != dtype):
            raise ValueError(
                f"{name} is {plane.shape} {plane.dtype}, expected {frame.rgb.shape[:2]} {np.dtype(dtype)}"
            )
    if frame.depth_m is not None and not np.isfinite(frame.depth_m).all():
        raise ValueError("depth_m has values that are not finite")
