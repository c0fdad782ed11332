"""`CameraAugmentation`: an unmodified agent sees its cameras under another weather and light.

It stands after the agent's sensor interface: beside each RGB camera of the agent a label and a depth camera look the
same way, a synthesizer makes the variant, and only the variant reaches the agent, in the camera's own format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_agents.simulator.images import depth_m_from_bgra, seg_from_bgra

_SEG, _DEPTH = "__seg__", "__depth__"


class CameraAugmentation:
    """Replaces every RGB picture of a frame by a variant.

    Args:
        synthesizer: makes the variants.
        source: the condition that the simulator shows.
        target: the condition that the agent sees.
        seed: with the drive's seed, the camera and the frame it decides the variant.
    """

    def __init__(self, synthesizer: Synthesizer, source: Condition, target: Condition, seed: int = 0) -> None:
        self._synthesizer = synthesizer
        self._source, self._target, self._seed = source, target, seed
        self._cameras: list[str] = []
        self._drive_seed = 0
        self._first_frame: int | None = None

    def begin(self, sensors: Sequence[Mapping[str, Any]], drive_seed: int) -> list[dict[str, Any]]:
        """Take note of the agent's cameras.

        Returns:
            The label and depth cameras that have to be spawned beside them.
        """
        cameras = [sensor for sensor in sensors if sensor["type"] == "sensor.camera.rgb"]
        self._cameras = [str(sensor["id"]) for sensor in cameras]
        self._drive_seed, self._first_frame = drive_seed, None
        kinds = ((_SEG, "sensor.camera.semantic_segmentation"), (_DEPTH, "sensor.camera.depth"))
        return [
            {**sensor, "type": kind, "id": prefix + str(sensor["id"])} for sensor in cameras for prefix, kind in kinds
        ]

    def __call__(self, frame: int, data: dict[str, tuple[int, Any]]) -> dict[str, tuple[int, Any]]:
        """The frame as the agent sees it: variants instead of pictures, without the companions."""
        if self._first_frame is None:
            self._first_frame = frame
        seen = {name: value for name, value in data.items() if not name.startswith((_SEG, _DEPTH))}
        for name in self._cameras:
            bgra = data[name][1]
            at = frame - self._first_frame
            batch = FrameBatch(
                np.ascontiguousarray(bgra[None, ..., 2::-1]),
                seg_from_bgra(data[_SEG + name][1])[None],
                depth_m_from_bgra(data[_DEPTH + name][1])[None],
                (self._source,),
                (f"{name}/{at}",),
            )
            seed = derive_seed(self._seed, self._drive_seed, name, at)
            variant = self._synthesizer(batch, [self._target], np.array([seed], dtype=np.uint64))[0]
            changed = bgra.copy()
            changed[..., :3] = variant[..., ::-1]
            seen[name] = (frame, changed)
        return seen
