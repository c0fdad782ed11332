"""The diffusion back end: diffusers' ControlNet image-to-image pipeline over the small configuration."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionControlNetImg2ImgPipeline

from augment.conditions import Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.bridge_scheduler import BridgeScheduler
from augment.synthesizers.pixel_codec import PixelCodec
from augment.synthesizers.small_controlnet import SmallControlNet, make_hint, weights_hash


class DiffusionSynthesizer:
    """Shows frames under the conditions that a small ControlNet has learned.

    Frames go through the network one at a time: a convolution may round differently for another batch size, and a
    variant must not depend on its neighbours. Results are bit-equal on one machine with one number of torch threads.

    Args:
        model: a trained small ControlNet.
        weights: hash of the weights, for name and provenance; None for a model that was never saved.
    """

    def __init__(self, model: SmallControlNet, weights: str | None = None) -> None:
        self.name = f"small-controlnet-{weights or 'unsaved'}"
        self.config = model.config
        self.provenance: dict[str, Any] = {
            "weights": weights,
            "network": asdict(model.config),
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "torch_threads": torch.get_num_threads(),
        }
        self._model = model.eval()
        self._targets = {Condition.parse(t) for t in model.config.targets}
        # The pipeline is the one Stable Diffusion presets use; tokens stand where the text encoder's output goes.
        pipeline: Any = StableDiffusionControlNetImg2ImgPipeline(
            vae=PixelCodec(),
            text_encoder=None,
            tokenizer=None,
            unet=model.unet,
            controlnet=model.controlnet,
            scheduler=BridgeScheduler(model.config.noise_level),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline

    @classmethod
    def from_folder(cls, folder: Path) -> DiffusionSynthesizer:
        """Load what `augment.training.controlnet` wrote.

        Raises:
            ValueError: the folder holds something else.
        """
        return cls(SmallControlNet.load(folder), weights_hash(folder))

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        self._check(frames, targets, seeds)
        variants = np.empty_like(frames.rgb)
        for index in range(len(frames)):
            variants[index] = self._one(frames, index, targets[index], int(seeds[index]))
        return variants

    @torch.inference_mode()
    def _one(self, frames: FrameBatch, index: int, target: Condition, seed: int) -> np.ndarray:
        one = slice(index, index + 1)
        depth = frames.depth_m[one] if self.config.uses_depth and frames.depth_m is not None else None
        hint = make_hint(frames.rgb[one], frames.seg[one], depth)
        picture = self._pipeline(
            image=hint[:, :3],
            control_image=hint,
            prompt_embeds=self._model.embed([frames.sources[index]], [target]),
            strength=1.0,
            num_inference_steps=self.config.inference_steps,
            guidance_scale=1.0,
            generator=torch.Generator().manual_seed(seed % 2**63),
            output_type="np",
        ).images[0]
        return np.round(picture * 255.0).astype(np.uint8)

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
        if self.config.uses_depth and frames.depth_m is None:
            raise ValueError(f"{self.name} was trained with depth; the frames have no depth_m")
