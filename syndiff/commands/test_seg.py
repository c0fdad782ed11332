"""`syndiff test-seg`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TestSeg:
    """Mean IoU per class and per condition, recorded and synthesized pictures apart: JSON and one page."""

    data: tuple[Path, ...]
    """Stores to test on."""
    weights: Path
    """Folder written by `syndiff train-seg`."""
    out: Path
    """Folder for segmentation.json and segmentation.html."""
    compare: Path | None = None
    """A second folder of weights, tested on the same pictures and compared picture by picture."""
    split: str | None = "val"
    """Only routes of this split; None takes all."""
    conditions: tuple[str, ...] = ()
    """Only these conditions; empty takes all."""
    maps: tuple[str, ...] = ()
    """Only drives on these maps; empty takes all."""
    label_sets: tuple[str, ...] = ()
    """Only routes labelled in these class sets."""
    synthesized: bool = True
    """Test on synthesized variants too, apart from recorded pictures."""
    synthesizers: tuple[str, ...] = ()
    """Only on variants by these; relight are the simulator's true re-renders. Empty takes all."""
    worst: int = 8
    """So many of the worst pictures are shown."""
    pad: bool = False
    """Accept pictures whose sides are no multiple of the model's stride, by repeating their edge."""
    seed: int = 0
    """Of the bootstrap intervals."""
    threads: int = 2
    """CPU threads."""

    def run(self) -> int:
        from syndiff.segmentation import run_test

        run_test(self)
        return 0
