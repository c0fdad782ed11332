"""Template prompts: what is in the picture, from its labels, and how it should look, from the target condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from augment.conditions import Condition
from carla_server.semantics import SemanticTag

NEGATIVE = "blurry, deformed, cartoon, painting, text, watermark, extra lanes, floating objects, low quality"

_NOUNS: tuple[tuple[str, tuple[SemanticTag, ...], float], ...] = (
    ("buildings", (SemanticTag.BUILDINGS,), 0.01),
    ("trees", (SemanticTag.VEGETATION,), 0.01),
    ("sidewalks", (SemanticTag.SIDEWALKS,), 0.01),
    ("cars", (SemanticTag.CAR,), 0.001),
    ("a truck", (SemanticTag.TRUCK,), 0.001),
    ("a bus", (SemanticTag.BUS,), 0.001),
    ("pedestrians", (SemanticTag.PEDESTRIANS,), 0.0005),
    ("a cyclist or motorcyclist", (SemanticTag.RIDER, SemanticTag.BICYCLE, SemanticTag.MOTORCYCLE), 0.0005),
    ("traffic lights", (SemanticTag.TRAFFIC_LIGHT,), 0.0003),
    ("traffic signs", (SemanticTag.TRAFFIC_SIGNS,), 0.0003),
)
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


@dataclass(frozen=True)
class Prompt:
    """What a text-conditioned synthesizer is told; recorded with every variant.

    Attributes:
        positive: what to show.
        negative: what to avoid.
    """

    positive: str
    negative: str = NEGATIVE


def make_prompt(seg: np.ndarray, target: Condition) -> Prompt:
    """The prompt of one frame.

    Args:
        seg: (H, W) uint8 CARLA tags; only things that cover enough pixels are named.
        target: the condition to show.
    """
    share = np.bincount(seg.ravel(), minlength=256) / max(seg.size, 1)
    things = [noun for noun, tags, least in _NOUNS if share[list(tags)].sum() >= least]
    scene = "a city street" + (f" with {', '.join(things)}" if things else "")
    return Prompt(
        f"dashcam photo of {scene}, {_WEATHER_WORDS[target.weather]}, {_LIGHT_WORDS[target.light]}, "
        "realistic, sharp, high detail"
    )
