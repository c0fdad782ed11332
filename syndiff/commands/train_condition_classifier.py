"""`syndiff train-condition-classifier`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainConditionClassifier:
    """Train the condition score anew on pictures that it takes itself: half of one town, tested on held-out towns."""

    out: Path
    """Folder for weights, config and model card."""
    per_condition: int = 400
    """Pictures of each of the twelve conditions to learn from."""
    test_per_condition: int = 50
    """Pictures of each condition and held-out town to test on."""
    epochs: int = 16
    """How often every picture is shown."""
    seed: int = 0
    """Decides places, traffic, weather, initial weights and batches."""
    threads: int = 1
    """CPU threads of the training; part of what makes it repeatable to the bit."""

    def run(self) -> int:
        from syndiff.condition_training import train_condition_score

        train_condition_score(self)
        return 0
