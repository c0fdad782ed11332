"""`syndiff train-controlnet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainControlnet:
    """Train the small ControlNet configuration on true pairs: `syndiff record --pairs` or `--paired`."""

    data: Path
    """Store with true pairs."""
    out: Path
    """Folder for weights, config and model card; an interrupted run found there is continued."""
    source: str = "clear-day"
    """Condition that frames are synthesized from."""
    steps: int = 400
    """Optimizer steps."""
    batch_size: int = 8
    """Crops per step."""
    seed: int = 0
    """Decides initial weights and batches."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.training import train_small_controlnet

        train_small_controlnet(self)
        return 0
