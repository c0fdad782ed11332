"""`syndiff synthesize`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Synthesize:
    """Show recorded frames under other conditions and add the variants, with their provenance, to the store."""

    data: Path
    """Store with recorded frames; killed at any time, the same command goes on."""
    conditions: tuple[str, ...]
    """Target conditions, e.g. rain-night clear-night fog-day."""
    synthesizer: Literal["procedural", "diffusion"] = "procedural"
    """procedural: depth- and label-aware weather, no weights. diffusion: a ControlNet given by --weights."""
    weights: Path | None = None
    """Folder of a ControlNet written by `syndiff train-controlnet`."""
    source: str = "clear-day"
    """Condition of the frames to start from."""
    every: int = 1
    """Take every n-th of them."""
    variants: int = 1
    """Variants of each frame and condition, with different seeds."""
    seed: int = 0
    """Seeds of all variants are derived from it, the frame and the condition."""
    threads: int = 2
    """CPU threads; part of what makes variants repeatable to the bit."""

    def run(self) -> int:
        from syndiff.synthesis import run_synthesis

        return run_synthesis(self)
