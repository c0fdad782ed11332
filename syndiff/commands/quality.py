"""`syndiff quality`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Quality:
    """Measure synthesized variants: beside true re-renders, copies of the source and noise. JSON and one page.

    Give stores, or two plain folders (--variants, --reference) to measure the distance between the sets alone.
    """

    out: Path
    """Folder for quality.json, pictures.jsonl and quality.html."""
    data: Annotated[Positional[tuple[Path, ...]], arg(metavar="DATA")] = ()
    """Stores with variants; recorded with --pairs they hold the true re-renders too."""
    variants: Path | None = None
    """Instead of stores: a folder of synthesized pictures."""
    reference: Path | None = None
    """With --variants: a folder of true pictures of the condition that they should show."""
    sources: Path | None = None
    """With --variants: a folder of the pictures they were made from."""
    synthesizers: tuple[str, ...] = ()
    """Only these, e.g. procedural; empty takes all but the simulator's own re-renders."""
    conditions: tuple[str, ...] = ()
    """Only these target conditions; empty takes all."""
    split: str | None = None
    """Only routes of this split."""
    most: int = 200
    """At most so many frames a condition (pictures a folder), spread evenly."""
    features: tuple[Literal["segmenter", "lite0", "clip", "inception"], ...] | None = None
    """Networks whose features distances are taken on; None takes those that are on this machine."""
    clip: Path | None = None
    """Folder of a CLIP model with safetensors."""
    inception: Path | None = None
    """File with torch-fidelity's Inception weights; distances on them alone are called fid and kid."""
    segmenter: Path | None = None
    """Folder of a segmenter of your own (`syndiff train-seg`, `syndiff adapt`) instead of the shipped one."""
    worst: int = 4
    """So many of the worst pictures of each condition are shown."""
    seed: int = 0
    """Of the bootstraps and of the noise."""
    threads: int = 2
    """CPU threads."""

    def run(self) -> int:
        from syndiff.quality import run_quality

        return run_quality(self)
