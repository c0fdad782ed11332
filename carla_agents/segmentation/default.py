"""`default_segmenter`: the small segmenter that is shipped with the package, trained on all twelve conditions."""

from __future__ import annotations

from pathlib import Path

from carla_agents.segmentation.segmenter import Segmenter
from carla_agents.segmentation.weights import load_segmenter

DEFAULT_FOLDER = Path(__file__).parent / "weights" / "default"
"""Weights, description and model card; `make segmenter` trains them anew."""


def default_segmenter() -> Segmenter:
    """The shipped segmenter of `groups12`, in evaluation mode on the CPU.

    It learned from pictures of the embedded simulator in its default style, 256x144, at camera heights of 1.0 to
    2.5 m; what it is worth on other pictures is for you to test (`syndiff test-seg`).

    Raises:
        ValueError: the installation is damaged; names the file.
    """
    return load_segmenter(DEFAULT_FOLDER)
