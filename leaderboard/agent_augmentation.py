"""`CameraAugmentation`: an unmodified agent sees its cameras under another weather and light.

It stands after the agent's sensor interface: beside each RGB camera of the agent a label and a depth camera look the
same way, a synthesizer makes the variant, and only the variant reaches the agent, in the camera's own format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from augment.conditions import Condition
from augment.online.account import Totals
from augment.online.augmenter import OnlineAugmenter
from augment.online.config import OnlineConfig
from augment.online.schedule import Schedule
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.images import depth_m_from_bgra, seg_from_bgra
from carla_agents.simulator.vehicle_state import VehicleState

_SEG, _DEPTH = "__seg__", "__depth__"


class CameraAugmentation:
    """Replaces every RGB picture of a frame by a variant.

    Args:
        synthesizer: makes the variants.
        source: the condition that the simulator shows.
        target: the condition that the agent sees.
        seed: with the drive's seed, the camera and the frame it decides the variant.
        config: rhythm, budget and fallbacks; each camera has its own budget.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        source: Condition,
        target: Condition,
        seed: int = 0,
        config: OnlineConfig | None = None,
    ) -> None:
        self._synthesizer = synthesizer
        self._source, self._seed = source, seed
        self._schedule = Schedule((target.name,))
        self._config = config if config is not None else OnlineConfig()
        self._augmenters: dict[str, OnlineAugmenter] = {}
        self._cameras: dict[str, tuple[CameraSpec, np.ndarray]] = {}
        self._first_frame: int | None = None
        self._state: Callable[[], VehicleState] | None = None

    def begin(
        self, sensors: Sequence[Mapping[str, Any]], drive_seed: int, state: Callable[[], VehicleState] | None = None
    ) -> list[dict[str, Any]]:
        """Take note of the agent's cameras.

        Args:
            sensors: as the agent asks for them.
            drive_seed: of the drive.
            state: the ego at the present frame; needed where variants are warped.

        Returns:
            The label and depth cameras that have to be spawned beside them.
        """
        self.end()
        cameras = [sensor for sensor in sensors if sensor["type"] == "sensor.camera.rgb"]
        self._state, self._first_frame = state, None
        self._cameras = {str(sensor["id"]): _camera(sensor) for sensor in cameras}
        self._augmenters = {
            name: OnlineAugmenter(self._synthesizer, self._schedule, self._config) for name in self._cameras
        }
        for name, augmenter in self._augmenters.items():
            augmenter.reset(derive_seed(self._seed, drive_seed, name))
        kinds = ((_SEG, "sensor.camera.semantic_segmentation"), (_DEPTH, "sensor.camera.depth"))
        return [
            {**sensor, "type": kind, "id": prefix + str(sensor["id"])} for sensor in cameras for prefix, kind in kinds
        ]

    def __call__(self, frame: int, data: dict[str, tuple[int, Any]]) -> dict[str, tuple[int, Any]]:
        """The frame as the agent sees it: variants instead of pictures, without the companions.

        Raises:
            SynthesisFailed: the synthesizer failed, and no fallback was chosen.
        """
        if self._first_frame is None:
            self._first_frame = frame
        seen = {name: value for name, value in data.items() if not name.startswith((_SEG, _DEPTH))}
        state = None if self._state is None else self._state()
        for name, (camera, in_ego) in self._cameras.items():
            bgra = data[name][1]
            batch = FrameBatch(
                np.ascontiguousarray(bgra[None, ..., 2::-1]),
                seg_from_bgra(data[_SEG + name][1])[None],
                depth_m_from_bgra(data[_DEPTH + name][1])[None],
                (self._source,),
                (f"{name}/{frame - self._first_frame}",),
                # The camera may be turned any way: its own pose stands for the ego's, and it sits at the origin.
                ego_to_world=None if state is None else (state.ego_to_world @ in_ego)[None],
                camera=camera,
            )
            pictures, _ = self._augmenters[name](batch, elapsed_s=None if state is None else [state.elapsed_s])
            changed = bgra.copy()
            changed[..., :3] = pictures[0][..., ::-1]
            seen[name] = (frame, changed)
        return seen

    def totals(self) -> Totals:
        """What became of the pictures of all cameras since the drive began."""
        return Totals.sum_of(augmenter.totals() for augmenter in self._augmenters.values())

    def end(self) -> None:
        """Finish what is being made; safe to call twice."""
        for augmenter in self._augmenters.values():
            augmenter.close()


def _camera(sensor: Mapping[str, Any]) -> tuple[CameraSpec, np.ndarray]:
    """The camera at the origin of its own axes, and these axes in the ego's: (4, 4)."""
    camera = CameraSpec(
        int(float(sensor["width"])), int(float(sensor["height"])), float(sensor["fov"]), (0.0, 0.0, 0.0), 0.0
    )
    angles = {name: math.radians(float(sensor.get(name, 0.0))) for name in ("pitch", "yaw", "roll")}
    place = {f"{axis}_m": float(sensor[axis]) for axis in ("x", "y", "z")}
    turned = VehicleState(
        0,
        0.0,
        **place,
        **{f"{name}_rad": value for name, value in angles.items()},
        velocity_mps=(0.0, 0.0, 0.0),
        yaw_rate_radps=0.0,
        acceleration_mps2=(0.0, 0.0, 0.0),
    )
    return camera, turned.ego_to_world
