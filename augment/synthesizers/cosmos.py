"""Clips by Cosmos-Transfer2.5 on this machine; `clip_client` asks a frame server instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image

from augment.conditions import Condition
from augment.layout import palette_image
from augment.prompt import make_prompt
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.clips import check_clip
from augment.synthesizers.preset_controls import control_image
from augment.synthesizers.preset_pipelines import Placement, PresetError, load_pipeline, memory_advice
from augment.synthesizers.preset_synthesizer import (
    as_picture,
    preset_name,
    preset_provenance,
    resized,
    working_size,
)
from augment.synthesizers.preset_weights import folder_hash, locate_parts
from augment.synthesizers.presets import Preset

CHUNK_FRAMES = 93
"""Frames that the model makes at once; a longer clip goes on from its last frame."""


class CosmosClips:
    """Shows a clip under any condition that words can describe, as one video.

    The source enters through one control (`edge`, `depth` or `seg`); the words are those of the clip's first frame.

    Args:
        pipeline: from `load_pipeline`.
        preset: `cosmos`, perhaps `tuned`.
        weights: hash of each part.
        placement: where the pipeline is.
    """

    def __init__(self, pipeline: Any, preset: Preset, weights: dict[str, str], placement: Placement) -> None:
        if not preset.clips:
            raise ValueError(
                f"preset {preset.name} makes single frames; use PresetSynthesizer, or PerFrameClips of it"
            )
        self._pipeline = pipeline
        self._preset = preset
        self._placement = placement
        self.provenance = preset_provenance(preset, weights, placement)
        self.name = preset_name(self.provenance)

    @classmethod
    def from_weights(
        cls,
        preset: Preset,
        weights: Path | None = None,
        placement: Placement | None = None,
        safety_checker: Any = None,
    ) -> Self:
        """Find the weights and load them; see `PresetSynthesizer.from_weights`.

        Args:
            preset, weights, placement: as there.
            safety_checker: None loads the one that the licence asks for (`pip install cosmos_guardrail`).
        """
        placement = placement or Placement()
        parts = locate_parts(preset, preset.default_controls, weights)
        pipeline = load_pipeline(preset, parts, placement, safety_checker)
        return cls(pipeline, preset, {name: folder_hash(folder) for name, folder in parts.items()}, placement)

    def __call__(self, clip: FrameBatch, target: Condition, seed: int) -> np.ndarray:
        """Synthesize one variant of the clip; see `ClipSynthesizer.__call__`."""
        check_clip(clip)
        width, height = working_size(self._preset, clip)
        prompt = clip.prompts[0] if clip.prompts is not None else make_prompt(clip.seg[0], target)
        step = self._pipeline.vae_scale_factor_temporal
        try:
            video = self._pipeline(
                controls=[Image.fromarray(self._control(clip, index, (width, height))) for index in range(len(clip))],
                controls_conditioning_scale=self._preset.control_scale,
                prompt=prompt.positive,
                negative_prompt=prompt.negative,
                height=height,
                width=width,
                num_frames=len(clip),
                num_frames_per_chunk=min(CHUNK_FRAMES, max(1, -(-(len(clip) - 1) // step)) * step + 1),
                num_inference_steps=self._preset.steps,
                guidance_scale=self._preset.guidance_scale,
                generator=torch.Generator("cpu").manual_seed(seed % 2**63),
                output_type="np",
            ).frames[0]
        except torch.OutOfMemoryError as error:
            raise PresetError(memory_advice(self._preset, self._placement)) from error
        size_px = (clip.rgb.shape[2], clip.rgb.shape[1])
        return np.stack([as_picture(picture, size_px, self.name, self._placement) for picture in video])

    def _control(self, clip: FrameBatch, index: int, size_px: tuple[int, int]) -> np.ndarray:
        (kind,) = self._preset.default_controls
        # Cosmos learned from masks in arbitrary colours; CARLA's palette keeps more classes apart than ADE20K's.
        picture = palette_image(clip.seg[index]) if kind == "seg" else control_image(clip, index, kind)
        return resized(picture, size_px, labels=kind != "depth")
