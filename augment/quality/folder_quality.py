"""`measure_folders`: two folders of pictures that need not show the same instants; distances between the sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augment.quality.distances import Distance, estimate_frechet, estimate_kernel
from augment.quality.features import distance_names
from augment.quality.ruler import CONDITION_NAMES, Reading, Ruler
from augment.seeds import generator
from carla_agents.segmentation.source_pictures import read_rgb

_SUFFIXES = (".png", ".jpg", ".jpeg")
FLOOR, NOISE = "reference, every other one", "random noise"
"""What is measured beside the folders."""


@dataclass(frozen=True)
class FolderQuality:
    """Figures of one folder.

    Attributes:
        name: what the folder is to the comparison.
        pictures: how many were measured.
        conditions: condition -> share of the pictures that the classifier gives it to.
        distances: name -> distance to the reference.
    """

    name: str
    pictures: int
    conditions: dict[str, float]
    distances: dict[str, Distance]


def picture_files(folder: Path) -> list[Path]:
    """PNG and JPEG files in a folder and below, by name.

    Raises:
        ValueError: not a folder, or none there.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give one with PNG or JPEG pictures")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in _SUFFIXES and f.is_file())
    if not files:
        raise ValueError(f"{folder} holds no PNG or JPEG picture")
    return files


def measure_folders(
    variants: Path,
    reference: Path,
    ruler: Ruler,
    sources: Path | None = None,
    *,
    most: int = 1000,
    seed: int = 0,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[FolderQuality]:
    """Distances of a folder of variants to a folder of true pictures, beside baselines.

    Args:
        variants: pictures made.
        reference: true pictures of the condition that the variants should show.
        ruler: measures.
        sources: pictures that the variants were made from: the baseline of changing nothing.
        most: at most so many of each folder, spread evenly.
        seed: of intervals and noise.
        on_picture: called with pictures done and their total.

    Raises:
        ValueError: a folder holds no picture.
        StoreError: a picture is damaged; names it.
    """
    folders = {"variants": variants, "reference": reference} | ({} if sources is None else {"sources": sources})
    files = {name: _evenly(picture_files(folder), most) for name, folder in folders.items()}
    total = sum(len(paths) for paths in files.values())
    readings: dict[str, list[Reading]] = {NOISE: []}
    done = 0
    for name, paths in files.items():
        readings[name] = []
        for path in paths:
            rgb = read_rgb(path)
            readings[name] += ruler.read(rgb[None], None)
            if name == "variants":
                noise = generator(seed, "noise", path.name).integers(0, 256, rgb.shape, dtype=np.uint8)
                readings[NOISE] += ruler.read(noise[None], None)
            done += 1
            if on_picture is not None:
                on_picture(done, total)
    readings[FLOOR] = readings["reference"][::2]
    return [
        FolderQuality(
            name,
            len(readings[name]),
            _shares(readings[name]),
            _distances(
                readings[name], readings["reference"][1::2] if name == FLOOR else readings["reference"], ruler, seed
            ),
        )
        for name in ("variants", "sources", NOISE, FLOOR)
        if name in readings
    ]


def _evenly(paths: list[Path], most: int) -> list[Path]:
    if len(paths) <= most:
        return paths
    return [paths[i] for i in np.linspace(0, len(paths) - 1, most).round().astype(int)]


def _shares(readings: list[Reading]) -> dict[str, float]:
    read = [int(r.condition_scores.argmax()) for r in readings]
    return {name: read.count(i) / len(read) for i, name in enumerate(CONDITION_NAMES) if i in read}


def _distances(own: list[Reading], reference: list[Reading], ruler: Ruler, seed: int) -> dict[str, Distance]:
    found = {}
    for name, network in ruler.features.items():
        a, b = (np.array([r.features[name] for r in rs]).reshape(len(rs), network.size) for rs in (own, reference))
        frechet, kernel = distance_names(name)
        found[frechet], found[kernel] = estimate_frechet(a, b, seed), estimate_kernel(a, b, seed)
    return found
