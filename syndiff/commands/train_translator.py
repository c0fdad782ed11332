"""`syndiff train-translator`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainTranslator:
    """Distil a synthesizer into a small one-step network, from the variants that it has made in a store."""

    data: Path
    """Store with the teacher's variants (`syndiff synthesize`)."""
    out: Path
    """Folder for weights, config and model card; an interrupted run found there is continued."""
    teacher: str
    """Name of the synthesizer, or its beginning, e.g. procedural."""
    conditions: tuple[str, ...] = ()
    """Only these target conditions; all if absent."""
    source: str = "clear-day"
    """Condition of the frames that the variants were made from."""
    split: str = "train"
    """Only routes of this split."""
    steps: int = 1500
    """Optimizer steps."""
    batch_size: int = 8
    """Crops per step."""
    crop_px: tuple[int, int] = (128, 80)
    """Width and height of a crop."""
    seed: int = 0
    """Decides initial weights and batches."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.generator_training import distil

        distil(self)
        return 0
