"""`syndiff adapt`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Adapt:
    """Fine-tune segmenter, condition classifier and generator on a store's frames; a stopped run is continued."""

    store: Annotated[Positional[Path], arg(metavar="STORE")]
    """Store with rgb and labels; the classifier needs conditions, the generator true variants and best depth."""
    out: Path
    """Folder for the three models, their figures before and after, and a card."""
    minutes: float = 20.0
    """Budget of training time on this machine; decides the steps once, at the start."""
    clock: Literal["wall", "cpu"] = "wall"
    """How the minutes are counted for that; cpu: CPU time over threads, for a machine that is busy now."""
    models: tuple[Literal["segmenter", "condition_classifier", "generator"], ...] = ()
    """Only these; without it, all that the store has data for."""
    source: str = "clear-day"
    """Condition that the generator starts from."""
    segmenter: Path | None = None
    """Folder of the segmenter to begin with; without it the shipped one."""
    condition_classifier: Path | None = None
    """Folder of the condition classifier to begin with; without it the shipped one."""
    generator: Path | None = None
    """Folder of the generator to begin with; without it the shipped one."""
    steps: int | None = None
    """Steps of every model, instead of the budget."""
    mixed_precision: Literal["no", "bf16"] | None = None
    """Arithmetic of segmenter and generator; without it bf16 where the processor has it, else 32 bits."""
    seed: int = 0
    """Decides batches and crops."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.adaptation import run_adaptation

        run_adaptation(self)
        return 0
