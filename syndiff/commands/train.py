"""`syndiff train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Train:
    """Train an AIM-class driving policy by imitation of what a store holds, synthesized variants included."""

    data: Path
    """Store to learn from."""
    out: Path
    """Folder for weights, log and checkpoints; an interrupted run found there is continued."""
    conditions: tuple[str, ...] = ()
    """Only frames and variants of these conditions; empty takes all."""
    synthesized: bool = True
    """Learn from synthesized variants too."""
    synthesized_weight: float = 1.0
    """How often a variant is drawn relative to a recorded frame."""
    steps: int = 2500
    """Gradient steps."""
    batch_size: int = 32
    """Pictures per step."""
    learning_rate: float = 2e-3
    """Peak learning rate."""
    seed: int = 0
    """Decides initial weights, batches and augmentation."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.training import train_policy

        train_policy(self)
        return 0
