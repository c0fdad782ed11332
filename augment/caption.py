"""Captions: what stands where in a picture, without a word on weather or light.

A caption is a list of scene parts, so that a prompt for another condition is put together, never patched: see
`augment.prompt`. `LabelCaptioner` writes them from labels and depth; `augment.caption_model` asks a vision-language
model, whose words `keep_scene_parts` then sifts.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from carla_server.semantics import SemanticTag

_MOST_PARTS, _MOST_PLACES = 12, 3
_FAR_M = 45.0
_SMALLEST_SHARE = 0.0003
"""Things that cover less of the picture are not named."""
_NUMBERS = ("", "a", "two", "three")
_SIDES = ("on the left", "ahead", "on the right")

_THINGS: tuple[tuple[str, str, tuple[SemanticTag, ...]], ...] = (
    ("pedestrian", "pedestrians", (SemanticTag.PEDESTRIANS,)),
    ("cyclist", "cyclists", (SemanticTag.BICYCLE,)),
    ("motorcyclist", "motorcyclists", (SemanticTag.MOTORCYCLE,)),
    ("car", "cars", (SemanticTag.CAR,)),
    ("truck", "trucks", (SemanticTag.TRUCK,)),
    ("bus", "buses", (SemanticTag.BUS,)),
    ("train", "trains", (SemanticTag.TRAIN,)),
    ("traffic light", "traffic lights", (SemanticTag.TRAFFIC_LIGHT,)),
    ("traffic sign", "traffic signs", (SemanticTag.TRAFFIC_SIGNS,)),
)
"""One thing, many, its tags; in the order of naming. A rider belongs to what is ridden."""
_SURROUNDINGS: tuple[tuple[str, tuple[SemanticTag, ...], float], ...] = (
    ("buildings", (SemanticTag.BUILDINGS,), 0.02),
    ("trees", (SemanticTag.VEGETATION,), 0.02),
    ("fences", (SemanticTag.FENCES, SemanticTag.GUARD_RAIL), 0.01),
    ("lane markings", (SemanticTag.ROAD_LINES,), 0.002),
)
_GROUND = (SemanticTag.ROADS, SemanticTag.ROAD_LINES)

_WEATHER_WORDS = re.compile(
    r"\b(?:weather|sun|suns?hine|sunny|sunlit|sunlight|sunset|sunrise|sk(?:y|ies)|cloud\w*|overcast|grey|gray|gloomy|"
    r"rain\w*|wet\w*|puddle\w*|drizzl\w*|shower\w*|storm\w*|thunder\w*|fog\w*|mist\w*|haz[ey]\w*|smog\w*|snow\w*|"
    r"ic[ey]|frost\w*|slush\w*|dust\w*|wind\w*|day|daytime|daylight|noon|midday|afternoon|morning|evening|dusk|dawn|"
    r"twilight|night\w*|midnight|dark\w*|dim\w*|bright\w*|lit|well-lit|illuminat\w*|lighting|shadow\w*|glar\w*|"
    r"headlight\w*|moon\w*|stars?|reflect\w*|visibility)\b",
    re.IGNORECASE,
)
_PART_BORDERS = re.compile(r"[.;:!?,\n]+|\b(?:with|while|and|under|during|beneath|amid)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Caption:
    """What a picture shows, whatever the weather.

    Attributes:
        parts: noun phrases, most important first, e.g. `two cars ahead`.
        captioner: name of what wrote it.
        dropped: parts that were taken out because they spoke of weather or light.
    """

    parts: tuple[str, ...]
    captioner: str
    dropped: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The parts as one phrase."""
        return ", ".join(self.parts)


class Captioner(Protocol):
    """Writes captions."""

    name: str
    """Recorded with every variant."""
    provenance: dict[str, Any]
    """What else decides the words; plain values for JSON."""

    def __call__(self, rgb: np.ndarray, seg: np.ndarray, depth_m: np.ndarray | None) -> Caption:
        """Describe one frame.

        Args:
            rgb: (H, W, 3) uint8 RGB.
            seg: (H, W) uint8 CARLA tags.
            depth_m: (H, W) float32 metres, or None.
        """
        ...


class LabelCaptioner:
    """A `Captioner` that reads labels and depth: no weights, no network, the same words every time.

    Things are counted as connected patches, so cars that hide each other in part count as one.
    """

    def __init__(self) -> None:
        self.name = "labels-1"
        self.provenance: dict[str, Any] = {}

    def __call__(self, rgb: np.ndarray, seg: np.ndarray, depth_m: np.ndarray | None) -> Caption:
        """See `Captioner`; rgb is not looked at."""
        return describe_labels(seg, depth_m)


def describe_labels(seg: np.ndarray, depth_m: np.ndarray | None = None) -> Caption:
    """Name what the labels show and where.

    Args:
        seg: (H, W) uint8 CARLA tags.
        depth_m: (H, W) float32 metres; with it, what is far away is said to be.
    """
    parts: list[str] = []
    for one, many, tags in _THINGS:
        places = Counter(_places(one, np.isin(seg, tags), seg, depth_m))
        for place, count in places.most_common(_MOST_PLACES):
            number = _NUMBERS[count] if count < len(_NUMBERS) else "several"
            parts.append(f"{number} {one if count == 1 else many} {place}")
    for noun, tags, least in _SURROUNDINGS:
        mask = np.isin(seg, tags)
        if mask.mean() < least:
            continue
        left, _, right = (third.mean() for third in np.array_split(mask, 3, axis=1))
        if noun == "lane markings" or not max(left, right):
            parts.append(noun)
        elif min(left, right) > 0.25 * max(left, right):
            parts.append(f"{noun} on both sides")
        else:
            parts.append(f"{noun} {_SIDES[0] if left > right else _SIDES[2]}")
    return Caption(tuple(parts[:_MOST_PARTS]), "labels-1")


def keep_scene_parts(text: str, captioner: str) -> Caption:
    """Split a model's sentences into parts and take out every part that speaks of weather or light.

    Args:
        text: free text.
        captioner: name of the model.

    Returns:
        The caption; what was taken out is in `dropped`. Order is kept, repetitions go.
    """
    pieces = [" ".join(piece.split()).strip(" -\"'") for piece in _PART_BORDERS.split(text)]
    kept: list[str] = []
    dropped: list[str] = []
    for piece in pieces:
        if not re.search(r"[A-Za-z]{2}", piece):
            continue
        target = dropped if speaks_of_weather(piece) else kept
        if piece not in target:
            target.append(piece)
    return Caption(tuple(kept[:_MOST_PARTS]), captioner, tuple(dropped))


def speaks_of_weather(text: str) -> bool:
    """Whether a text has a word on weather, light, time of day or the sky."""
    return _WEATHER_WORDS.search(text) is not None


def _places(one: str, mask: np.ndarray, seg: np.ndarray, depth_m: np.ndarray | None) -> list[str]:
    """Where each patch of a mask is, the largest first."""
    if not mask.any():
        return []
    _, patches, figures, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    least = max(1.0, _SMALLEST_SHARE * mask.size)
    order = [i for i in np.argsort(-figures[:, cv2.CC_STAT_AREA], kind="stable") if i]
    out = []
    for patch in order:
        if figures[patch, cv2.CC_STAT_AREA] < least:
            continue
        side = _SIDES[min(2, int(3 * centres[patch][0] / mask.shape[1]))]
        far = depth_m is not None and float(np.median(depth_m[patches == patch])) > _FAR_M
        if one == "pedestrian":
            side = _footing(figures[patch], seg, side)
        out.append(f"far {side}" if far and side == "ahead" else f"{side} in the distance" if far else side)
    return out


def _footing(box: np.ndarray, seg: np.ndarray, side: str) -> str:
    """What a person stands on, by the labels just below the feet."""
    left, bottom = int(box[cv2.CC_STAT_LEFT]), int(box[cv2.CC_STAT_TOP] + box[cv2.CC_STAT_HEIGHT])
    below = seg[bottom : bottom + 3, left : left + int(box[cv2.CC_STAT_WIDTH])]
    if not below.size:
        return side
    where = "" if side == "ahead" else f"{side.removeprefix('on the ')} "
    if (below == SemanticTag.SIDEWALKS).mean() > 0.5:
        return f"on the {where}sidewalk"
    if np.isin(below, _GROUND).mean() > 0.5:
        return "on the road" if side == "ahead" else f"on the road {side.replace('on', 'to', 1)}"
    return side
