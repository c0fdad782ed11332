"""`syndiff plan`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Plan:
    """Plan the variants that bring audited stores to a wanted mixture, as a file for `syndiff synthesize`."""

    audit: Annotated[Positional[Path], arg(metavar="AUDIT")]
    """Folder or audit.json written by `syndiff audit`."""
    out: Path
    """The plan file, JSON."""
    count: int | None = None
    """Variants in all; give this or --ratio."""
    ratio: float | None = None
    """Variants for each recorded picture."""
    target: str = "uniform"
    """uniform, or match:FILE for the mixture of another audit (or of a JSON file {condition: weight})."""
    weights: tuple[str, ...] = ()
    """Instead of --target: rain-night=2 fog-day=1; conditions that are not named get nothing."""
    temperature: float = 1.0
    """Between the mixture as it is (0) and the target (1)."""
    conditions: tuple[str, ...] = ()
    """Conditions that the mixture is made of; empty takes all twelve of core12."""
    source: str = "clear-day"
    """Variants are made from pictures that show this condition."""
    split: str = "train"
    """Only pictures of this split are counted and used."""
    balance: Literal["classes", "none"] = "classes"
    """classes: frames with rare things (people, two-wheelers, traffic lights) are preferred. none: all alike."""
    seed: int = 0
    """Decides the choice of frames and the seed of every variant."""
    seconds_per_variant: float | None = None
    """For the estimate of time, if known."""
    measure: str | None = None
    """Make one variant with this synthesizer, to estimate time and bytes."""
    measure_weights: Path | None = None
    """Folder of its network, where it has one."""
    stores: tuple[Path, ...] = ()
    """Where the audited stores with such pictures are now, in the audit's order, if they were moved."""
    threads: int = 2
    """CPU threads while measuring."""

    def run(self) -> int:
        from syndiff.planning import run_plan

        return run_plan(self)
