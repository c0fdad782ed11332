"""The default synthesizer: our own small ControlNet, one step per variant, with weights in the package."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from augment.conditions import Condition
from augment.layout import groups
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.embedded_noise import draw_noise
from augment.synthesizers.embedded_step import EmbeddedStep, StepRunner, TorchStep
from augment.synthesizers.small_controlnet import SmallControlNet, SmallControlNetConfig, weather_vector, weights_hash

UNKNOWN_DEPTH_M = 1e6
"""Depth of every pixel of a picture whose depth is unknown."""


EmbeddedName = Literal["embedded", "embedded-m"]
EMBEDDED_NAMES: tuple[EmbeddedName, ...] = get_args(EmbeddedName)
"""The shipped networks: the default, and a larger one that takes twice the time."""


def default_embedded_folder(name: EmbeddedName = "embedded") -> Path:
    """Folder of shipped weights, with config and model card; `make generator` trains them anew."""
    return Path(__file__).resolve().parents[1] / "weights" / name


class EmbeddedSynthesizer:
    """Shows frames under the conditions that a small ControlNet has learned.

    Frames go through the network one at a time: a convolution may round differently for another batch size, and a
    variant must not depend on its neighbours. With torch, results are bit-equal on one machine with one number of
    threads. A frame without depth is taken as one whose depth is unknown; variants are better with depth.

    Args:
        config: of the network that the runner holds.
        runner: runs the step.
        weights: hash of the weights, for name and provenance; None for a model that was never saved.
        batch_size: frames in one run of the step; more than 1 is faster on a GPU, and ties the last bit of a variant
            to its neighbours.
        frames_at_once: runs of the step side by side, each in a thread of its own; the runner must allow it.
        streaks: whether the network draws falling rain; not where something else draws it later.
    """

    def __init__(
        self,
        config: SmallControlNetConfig,
        runner: StepRunner,
        weights: str | None,
        *,
        batch_size: int = 1,
        frames_at_once: int = 1,
        streaks: bool = True,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("frames_at_once", frames_at_once)):
            if value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1")
        self.name = f"embedded-{weights or 'unsaved'}-{runner.name}"
        self.config = config
        self.provenance: dict[str, Any] = {
            "weights": weights,
            "network": asdict(config),
            "runner": runner.name,
            **runner.provenance,
            "batch_size": batch_size,
            "frames_at_once": frames_at_once,
            "noise": 2,
            "streaks_by_network": streaks,
        }
        self._runner = runner
        self._batch_size = batch_size
        self._frames_at_once = frames_at_once
        self._streaks = streaks
        self._targets = {Condition.parse(t) for t in config.targets}

    @classmethod
    def from_folder(cls, folder: Path) -> EmbeddedSynthesizer:
        """Load what `augment.training.controlnet` wrote, to be run by torch on the CPU.

        Raises:
            ValueError: the folder holds something else, or damaged weights.
        """
        network = SmallControlNet.load(folder)
        return cls(network.config, TorchStep(EmbeddedStep(network)), weights_hash(folder))

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`.

        Raises:
            ValueError: a target or source it has not learned, a size it cannot take, or a picture that is not finite.
        """
        self._check(frames, targets, seeds)
        starts = range(0, len(frames), self._batch_size)
        parts = [slice(start, min(start + self._batch_size, len(frames))) for start in starts]

        def run(part: slice) -> np.ndarray:
            return self._run(frames, part, targets[part], seeds[part])

        variants = np.empty_like(frames.rgb)
        if self._frames_at_once == 1 or len(parts) == 1:
            for part in parts:
                variants[part] = run(part)
            return variants
        # Threads begin anew in each call (0.1 ms), so that the synthesizer can go through a fork.
        with ThreadPoolExecutor(self._frames_at_once) as threads:
            for part, pictures in zip(parts, threads.map(run, parts), strict=True):
                variants[part] = pictures
        return variants

    def _run(self, frames: FrameBatch, part: slice, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        seg = frames.seg[part]
        height, width = seg.shape[1:]
        if frames.depth_m is None:
            depth_m = np.full(seg.shape, UNKNOWN_DEPTH_M, np.float32)
        else:
            depth_m = frames.depth_m[part].astype(np.float32)
        pictures = self._runner(
            frames.rgb[part].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255.0),
            groups(seg).astype(np.int64),
            depth_m,
            np.stack([weather_vector(a, b) for a, b in zip(frames.sources[part], targets, strict=True)]),
            np.stack(
                [
                    draw_noise(int(seed), height, width, streaks=self._streaks, lit_windows=target.light == "night")
                    for seed, target in zip(seeds, targets, strict=True)
                ]
            ),
        )
        finite = np.isfinite(pictures).reshape(len(pictures), -1).all(1)
        if not finite.all():
            index = part.start + int(np.argmin(finite))
            raise ValueError(
                f"{self.name} gave a picture with NaN or infinity for frame {frames.frame_keys[index]!r}; the "
                "weights or the frame's depth are damaged, or the back end overflows in half precision"
            )
        return np.round(pictures.transpose(0, 2, 3, 1).clip(0.0, 1.0) * 255.0).astype(np.uint8)

    def _check(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> None:
        if len(targets) != len(frames) or len(seeds) != len(frames):
            raise ValueError(f"{len(frames)} frames need as many targets and seeds, got {len(targets)}, {len(seeds)}")
        unknown = sorted({t.name for t in targets if t not in self._targets})
        if unknown:
            raise ValueError(
                f"{self.name} has not learned {unknown}; it knows {sorted(t.name for t in self._targets)}"
            )
        foreign = sorted({c.name for c in frames.sources if c.name != self.config.source})
        if foreign:
            raise ValueError(f"{self.name} takes frames recorded in {self.config.source}, not {foreign}")
        height, width = frames.seg.shape[1:]
        multiple = self.config.size_multiple_px
        if not height or not width or height % multiple or width % multiple:
            raise ValueError(f"frames are {width}x{height} px; {self.name} takes multiples of {multiple}")
