"""`DriveAugmenter`: an `OnlineAugmenter` that is fed with the frames of drives and counts their episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from augment.conditions import Condition
from augment.online.account import FrameAccount
from augment.online.augmenter import OnlineAugmenter
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.frame import Frame


@dataclass
class _Drive:
    run_seed: int
    episode: int = -1
    step: int = 0


class DriveAugmenter:
    """Names frames by (run seed, episode, step), so that every seed is a function of these and of the condition.

    Args:
        augmenter: makes the variants; it has a lane for each drive.
        camera: that all frames were seen with.
        lanes: number of drives.
        seed: run seed of lane 0; lane k has `seed + k` until `begin` is told another.
        key_of: names a frame instead, for synthesizers that look it up.
    """

    def __init__(
        self,
        augmenter: OnlineAugmenter,
        camera: CameraSpec,
        lanes: int = 1,
        seed: int = 0,
        key_of: Callable[[Frame], str] | None = None,
    ) -> None:
        self.augmenter = augmenter
        self._camera = camera
        self._key_of = key_of
        self._drives = [_Drive(seed + lane) for lane in range(lanes)]

    def begin(self, lane: int = 0, seed: int | None = None) -> Condition:
        """Begin an episode.

        Args:
            lane: of which drive.
            seed: begin to count episodes anew under this run seed; None goes on.

        Returns:
            The condition of the first frame.
        """
        drive = self._drives[lane]
        if seed is not None:
            drive = self._drives[lane] = _Drive(seed)
        drive.episode += 1
        drive.step = 0
        return self.augmenter.reset(derive_seed(drive.run_seed, "episode", drive.episode), lane)

    def show(self, frames: Mapping[int, Frame]) -> dict[int, tuple[np.ndarray, FrameAccount]]:
        """The next frame of some drives, in one batch.

        Args:
            frames: lane -> frame with rgb, seg and what the synthesizer needs.

        Returns:
            lane -> (H, W, 3) uint8 picture to be shown, and its account.

        Raises:
            ValueError: a frame has no labels.
            SynthesisFailed: as `OnlineAugmenter`.
        """
        lanes = sorted(frames)
        if not lanes:
            return {}
        ordered = [frames[lane] for lane in lanes]
        keys = tuple(self._key(lane, frames[lane]) for lane in lanes)
        for lane in lanes:
            self._drives[lane].step += 1
        elapsed_s = [frame.elapsed_s for frame in ordered]
        pictures, accounts = self.augmenter(batch_of(ordered, keys, self._camera), lanes, elapsed_s)
        return {lane: (pictures[i], accounts[i]) for i, lane in enumerate(lanes)}

    def close(self) -> None:
        """End the augmenter."""
        self.augmenter.close()

    def _key(self, lane: int, frame: Frame) -> str:
        if self._key_of is not None:
            return self._key_of(frame)
        drive = self._drives[lane]
        return f"{drive.run_seed}/{drive.episode}/{drive.step:06d}"


def batch_of(frames: list[Frame], frame_keys: tuple[str, ...], camera: CameraSpec | None) -> FrameBatch:
    """Frames of drives as a batch of new arrays.

    Raises:
        ValueError: a frame has no picture or no labels.
    """
    labels = [frame.seg for frame in frames if frame.seg is not None]
    if len(labels) < len(frames) or any(frame.rgb.size == 0 for frame in frames):
        raise ValueError("a frame lacks rgb or seg: make the environment with rgb=True, seg=True, depth=True")
    depths = [frame.depth_m for frame in frames if frame.depth_m is not None]
    return FrameBatch(
        np.stack([frame.rgb for frame in frames]),
        np.stack(labels),
        np.stack(depths) if len(depths) == len(frames) else None,
        tuple(Condition.parse(frame.condition) for frame in frames),
        frame_keys,
        ego_to_world=np.stack([frame.ego_to_world for frame in frames]),
        camera=camera,
    )
