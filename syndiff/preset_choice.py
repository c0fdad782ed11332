"""From the options of a command to a loaded preset."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from augment.synthesizers.clips import ClipSynthesizer, PerFrameClips
from augment.synthesizers.cosmos import CosmosClips
from augment.synthesizers.preset_pipelines import Placement
from augment.synthesizers.preset_synthesizer import PresetSynthesizer
from augment.synthesizers.presets import ControlKind, Preset, preset_named, tuned


@dataclass(frozen=True)
class PresetChoice:
    """A preset and what the user changes about it; None keeps the preset's value.

    Attributes:
        name: of the preset.
        placement: where it runs.
        controls, steps, strength, working_height_px: see `tuned`.
        controlnet: folder of a fine-tuned ControlNet that stands for the one of `controlnet-seg`.
    """

    name: str
    placement: Placement = field(default_factory=Placement)
    controls: tuple[ControlKind, ...] | None = None
    steps: int | None = None
    strength: float | None = None
    working_height_px: int | None = None
    controlnet: Path | None = None

    def preset(self) -> Preset:
        """The preset with these values.

        Raises:
            ValueError: unknown name, or a value that it refuses.
        """
        return tuned(
            preset_named(self.name),
            controls=self.controls,
            steps=self.steps,
            strength=self.strength,
            working_height_px=self.working_height_px,
        )


def preset_synthesizer(choice: PresetChoice, weights: Path | None) -> PresetSynthesizer:
    """The per-frame synthesizer of a preset.

    Raises:
        ValueError: weights are missing, or the preset makes clips.
        PresetError: they do not load.
    """
    preset = choice.preset()
    if preset.clips:
        raise ValueError(f"preset {preset.name} makes clips, not single frames: use `syndiff synthesize-clips`")
    replaced = None if choice.controlnet is None else {"controlnet-seg": choice.controlnet}
    return PresetSynthesizer.from_weights(preset, weights, choice.placement, replaced)


def preset_clips(choice: PresetChoice, weights: Path | None) -> ClipSynthesizer:
    """The clip synthesizer of a preset; per-frame presets make clips frame by frame.

    Raises:
        ValueError: weights are missing.
        PresetError: they do not load.
    """
    preset = choice.preset()
    if preset.clips:
        return CosmosClips.from_weights(preset, weights, choice.placement)
    return PerFrameClips(preset_synthesizer(choice, weights))
