"""Labels for pictures that have none: what a segmenter reads, where it can be believed.

A network that has never seen such a picture still names every pixel, and changes its mind at edges that are not in
the picture. Synthesizers treat what is named differently, so each wrong edge shows. Therefore a picture that the
segmenter does not know gets two labels only: sky, where that is sure, and one that is darkened, wetted and hazed, but
has no paint, panes or lamps of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carla_agents.segmentation.segmenter import Segmenter
from carla_server.semantics import SemanticTag

PLAIN = SemanticTag.VEGETATION
"""Tag of everything but the sky in a picture that the segmenter does not know."""
_SURE = 0.9
_FILTER_RADIUS_PX = 12
_FILTER_CONTRAST = 1e-3


@dataclass(frozen=True)
class LayoutConfig:
    """When a segmenter is believed."""

    least_sure_share: float = 0.75
    """Share of pixels of which it is 90 % sure. The shipped one has 0.80 to 0.96 on a held-out town in any weather,
    and 0.29 to 0.66 on photographs of other things than streets (`benchmarks/photographs.py`)."""
    least_sky_share: float = 0.05
    """A sky of less than this share of the picture is none, in a picture that it does not know."""

    def __post_init__(self) -> None:
        for name in ("least_sure_share", "least_sky_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 1")


@dataclass(frozen=True, eq=False)
class PredictedLayout:
    """Labels of one picture.

    Attributes:
        seg: (H, W) uint8 CARLA tags.
        known: whether the segmenter's own labels were taken.
        sure_share: share of pixels of which the segmenter is sure.
    """

    seg: np.ndarray
    known: bool
    sure_share: float


def predict_layout(rgb: np.ndarray, segmenter: Segmenter, config: LayoutConfig | None = None) -> PredictedLayout:
    """Labels of a picture that has none.

    Args:
        rgb: (H, W, 3) uint8 RGB; padded to the segmenter's stride where its size does not fit.
        segmenter: with a class named `sky`.
        config: None takes limits that suit the shipped segmenter.

    Raises:
        ValueError: no such picture, or a segmenter that knows no sky.
    """
    config = config or LayoutConfig()
    classes = segmenter.classes.classes
    skies = [number for number, entry in enumerate(classes) if entry.tag == SemanticTag.SKY]
    if not skies:
        raise ValueError(f"the classes {segmenter.classes.name} have no sky: use a segmenter that tells it apart")
    chances = segmenter.probabilities(rgb[None], pad=True)[0]
    sure_share = float((chances.max(-1) > _SURE).mean())
    if sure_share >= config.least_sure_share:
        tags = np.array([SemanticTag.OTHER if entry.tag is None else entry.tag for entry in classes], np.uint8)
        return PredictedLayout(tags[chances.argmax(-1)], True, sure_share)
    sky = _along_edges(chances[..., skies[0]], rgb.astype(np.float32) / np.float32(255.0)) > 0.5
    seg = np.full(sky.shape, PLAIN, np.uint8)
    seg[_reaches_the_top(sky, config.least_sky_share)] = SemanticTag.SKY
    return PredictedLayout(seg, False, sure_share)


def _reaches_the_top(sky: np.ndarray, least_share: float) -> np.ndarray:
    """The parts of a mask that touch the upper border and are large enough."""
    count, parts = cv2.connectedComponents(sky.astype(np.uint8), connectivity=4)
    sizes = np.bincount(parts.ravel(), minlength=count)
    kept = [part for part in np.unique(parts[0]) if part and sizes[part] >= least_share * sky.size]
    return np.isin(parts, kept)


def _along_edges(plane: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """A plane (H, W) smoothed within the edges of a picture (H, W, 3), both float32 in [0, 1].

    Source: He, Sun, Tang, "Guided Image Filtering" (2010), with colours as the guide.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        side = 2 * _FILTER_RADIUS_PX + 1
        return cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_REFLECT)

    middle, plane_mean = mean(picture), mean(plane)
    products = mean((picture[..., :, None] * picture[..., None, :]).reshape(*plane.shape, 9))
    spread = products.reshape(*plane.shape, 3, 3) - middle[..., :, None] * middle[..., None, :]
    together = mean(picture * plane[..., None]) - middle * plane_mean[..., None]
    slope = np.linalg.solve(spread + _FILTER_CONTRAST * np.eye(3, dtype=np.float32), together[..., None])[..., 0]
    offset = plane_mean - (slope * middle).sum(-1)
    return (mean(slope.astype(np.float32)) * picture).sum(-1) + mean(offset.astype(np.float32))
