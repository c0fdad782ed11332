"""`syndiff train-controlnet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class TrainControlnet:
    """Train the small ControlNet on true pairs: `syndiff record --pairs` or `--paired`."""

    data: tuple[Path, ...]
    """Stores with true pairs; conditions that some of them lack are left out."""
    out: Path
    """Folder for weights, config and model card; an interrupted run found there is continued."""
    start: Path | None = None
    """Folder of a trained ControlNet to begin with, of the same size or a smaller one; absent, weights are random at
    first."""
    size: Literal["s", "m"] | None = None
    """s: 3.5 million parameters. m: 12 million, about twice the time. Absent: that of `--start`, else s."""
    source: str = "clear-day"
    """Condition that frames are synthesized from."""
    steps: int = 400
    """Optimizer steps."""
    batch_size: int = 8
    """Crops per step."""
    crop_px: tuple[int, int] = (128, 80)
    """Width and height of a crop."""
    learning_rate: float = 2e-3
    """Highest step width."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """muon steps equally far in every direction of a convolution; a step takes up to a third longer."""
    average: float = 0.99
    """Share of the moving average of the weights that a step keeps."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """bf16: a quarter faster on processors that have it."""
    most: int | None = None
    """At most so many moments of each store."""
    seed: int = 0
    """Decides initial weights and batches."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.training import train_small_controlnet

        train_small_controlnet(self)
        return 0
