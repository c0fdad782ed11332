"""The synthesizer behind every frame-by-frame preset of `augment.synthesizers.presets`."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import cv2
import diffusers
import numpy as np
import torch

from augment.conditions import Condition
from augment.prompt import make_prompt
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.preset_controls import control_image
from augment.synthesizers.preset_pipelines import (
    Placement,
    PresetError,
    call_pipeline,
    load_pipeline,
    memory_advice,
)
from augment.synthesizers.preset_weights import folder_hash, locate_parts
from augment.synthesizers.presets import Preset


class PresetSynthesizer:
    """Shows frames under any condition that words can describe, by a pretrained diffusion model.

    Frames go through the network one at a time, so a variant does not depend on its neighbours. Bit-equal results
    are promised for one machine, device and number of threads only. Words come from `FrameBatch.prompts`, else from
    `make_prompt`.

    Args:
        pipeline: from `load_pipeline`.
        preset: how it is called.
        weights: hash of each part, for name and provenance.
        placement: where the pipeline is.
    """

    def __init__(self, pipeline: Any, preset: Preset, weights: dict[str, str], placement: Placement) -> None:
        if preset.clips:
            raise ValueError(f"preset {preset.name} makes clips; use augment.synthesizers.cosmos")
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
        replaced: dict[str, Path] | None = None,
    ) -> Self:
        """Find the weights and load them.

        Args:
            preset: from the table, or `tuned`.
            weights: folder with one subfolder per part; None looks in the hub's cache. Nothing is downloaded.
            placement: where it runs; the CPU if None.
            replaced: part -> folder of the user's own, e.g. `{"controlnet-seg": finetuned}`.

        Raises:
            ValueError: weights are missing or pickled; the message says what to download.
            PresetError: they do not load.
        """
        placement = placement or Placement()
        parts = locate_parts(preset, preset.default_controls, weights, replaced)
        pipeline = load_pipeline(preset, parts, placement)
        return cls(pipeline, preset, {name: folder_hash(folder) for name, folder in parts.items()}, placement)

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`.

        Raises:
            PresetError: the network returned numbers that are no picture, or memory is exhausted.
        """
        if len(targets) != len(frames) or len(seeds) != len(frames):
            raise ValueError(f"{len(frames)} frames need as many targets and seeds, got {len(targets)}, {len(seeds)}")
        working = working_size(self._preset, frames)
        variants = np.empty_like(frames.rgb)
        for index, target in enumerate(targets):
            variants[index] = self._one(frames, index, target, int(seeds[index]), working)
        return variants

    def _one(
        self, frames: FrameBatch, index: int, target: Condition, seed: int, working: tuple[int, int]
    ) -> np.ndarray:
        given = frames.prompts[index] if frames.prompts is not None else None
        prompt = given or make_prompt(frames.seg[index], target)
        controls = {
            kind: resized(control_image(frames, index, kind), working, labels=kind != "depth")
            for kind in self._preset.default_controls
        }
        rgb = resized(frames.rgb[index], working)
        try:
            picture = call_pipeline(self._pipeline, self._preset, rgb, controls, prompt, seed)
        except torch.OutOfMemoryError as error:
            raise PresetError(memory_advice(self._preset, self._placement)) from error
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
                raise
            raise PresetError(memory_advice(self._preset, self._placement)) from error
        return as_picture(picture, (frames.rgb.shape[2], frames.rgb.shape[1]), self.name, self._placement)


def working_size(preset: Preset, frames: FrameBatch) -> tuple[int, int]:
    """Width and height at which the network sees the frames: the preset's height, the frames' shape.

    Raises:
        ValueError: frames of the working height whose width the network cannot take, or frames without pixels.
    """
    height, width = frames.seg.shape[1:]
    multiple = preset.size_multiple_px
    if not height or not width:
        raise ValueError(f"frames are {width}x{height} px; expected at least one pixel")
    wide = width * preset.working_height_px / height
    if height == preset.working_height_px and width % multiple:
        raise ValueError(
            f"frames are {width}x{height} px; {preset.name} takes widths that are multiples of {multiple}"
        )
    return max(multiple, round(wide / multiple) * multiple), preset.working_height_px


def resized(picture: np.ndarray, size_px: tuple[int, int], *, labels: bool = False) -> np.ndarray:
    """(H, W, 3) uint8 at another size; label colours and edges are never mixed."""
    if (picture.shape[1], picture.shape[0]) == size_px:
        return picture
    shrinks = size_px[1] < picture.shape[0]
    how = cv2.INTER_NEAREST if labels else cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(picture, size_px, interpolation=how)


def as_picture(picture: np.ndarray, size_px: tuple[int, int], name: str, placement: Placement) -> np.ndarray:
    """A network's (H, W, 3) float output as uint8 of the frame's size.

    Raises:
        PresetError: it is not finite.
    """
    if not np.isfinite(picture).all():
        raise PresetError(
            f"{name} returned {np.count_nonzero(~np.isfinite(picture))} values that are not finite at precision "
            f"{placement.precision}; bf16 or fp32 usually cures it, another seed rarely"
        )
    return resized(np.round(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8), size_px)


def preset_name(provenance: dict[str, Any]) -> str:
    """A name that changes with weights, settings and precision: a store keeps variants of different ones apart."""
    what = [provenance["weights"], provenance["settings"], provenance["placement"]["precision"]]
    return f"{provenance['preset']}-{sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]}"


def preset_provenance(preset: Preset, weights: dict[str, str], placement: Placement) -> dict[str, Any]:
    """What made the pixels, as plain values."""
    settings = {
        name: getattr(preset, name)
        for name in (
            "pipeline",
            "scheduler",
            "steps",
            "guidance_scale",
            "strength",
            "control_scale",
            "guess_mode",
            "working_height_px",
        )
    }
    return {
        "preset": preset.name,
        "weights": weights,
        "settings": {**settings, "controls": list(preset.default_controls)},
        "placement": asdict(placement),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "torch_threads": torch.get_num_threads(),
    }
