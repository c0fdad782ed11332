"""Prompts: a caption without weather, the words of the target condition, and a style, put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from augment.caption import Caption, describe_labels
from augment.conditions import Condition

NEGATIVE = "blurry, deformed, cartoon, painting, text, watermark, extra lanes, floating objects, low quality"

_WEATHER_WORDS = {
    "clear": "clear sky",
    "cloudy": "overcast sky, soft shadowless light",
    "rain": "heavy rain, wet road with reflections, dark clouds",
    "fog": "dense fog, low visibility in the distance",
    "snow": "falling snow, snow covered ground",
    "dust": "dust storm, brown haze",
}
_LIGHT_WORDS = {
    "day": "daylight",
    "dusk": "dusk, low sun, long twilight",
    "night": "night, street lamps, headlights, dark sky",
}
_NOT_THAT_LIGHT = {"day": "night, darkness", "dusk": "noon, night", "night": "daylight, blue sky"}


@dataclass(frozen=True)
class Prompt:
    """What a text-conditioned synthesizer is told; recorded with every variant.

    Attributes:
        positive: what to show.
        negative: what to avoid.
    """

    positive: str
    negative: str = NEGATIVE


@dataclass(frozen=True)
class PromptStyle:
    """How every picture should look, whatever it shows."""

    opening: str = "dashcam photo of a street"
    """Comes first."""
    positive: str = "realistic, sharp, high detail"
    """Comes last."""
    negative: str = NEGATIVE
    """What to avoid."""


def condition_words(target: Condition) -> str:
    """The clause that shows a condition."""
    return f"{_WEATHER_WORDS[target.weather]}, {_LIGHT_WORDS[target.light]}"


def compose_prompt(caption: Caption, target: Condition, style: PromptStyle | None = None) -> Prompt:
    """Say a caption under another condition: scene, condition and style are separate parts, nothing is replaced.

    The condition comes before the scene, because text encoders cut what is long (CLIP's at 77 tokens).

    Args:
        caption: of the frame.
        target: the condition to show.
        style: None takes the default.
    """
    style = style or PromptStyle()
    parts = (style.opening, condition_words(target), caption.text, style.positive)
    negative = (style.negative, _NOT_THAT_LIGHT[target.light])
    return Prompt(", ".join(p for p in parts if p), ", ".join(p for p in negative if p))


def make_prompt(seg: np.ndarray, target: Condition, depth_m: np.ndarray | None = None) -> Prompt:
    """The prompt of one frame from its labels, in the default style.

    Args:
        seg: (H, W) uint8 CARLA tags.
        target: the condition to show.
        depth_m: (H, W) float32 metres, or None.
    """
    return compose_prompt(describe_labels(seg, depth_m), target)
