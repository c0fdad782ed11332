"""`syndiff stats`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Stats:
    """Tables, confidence intervals and a page from result files: ours, Leaderboard 1.0 and 2.x, Bench2Drive."""

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILES")]
    """Result files of one agent; several are put together."""
    baseline: Path | None = None
    """Result file of another agent: a column of its own, and a comparison drive by drive."""
    metric: Literal["1.0", "2.0", "2.1"] = "2.0"
    """Whose penalties; events of official files are read back from their messages."""
    out: Path | None = None
    """Write a self-contained HTML page."""
    town: str | None = None
    """Town whose roads the map of infractions shows; our own result files name theirs."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps, for a town that is not shipped."""
    samples: int = 2000
    """Resamplings of the bootstrap."""
    seed: int = 0
    """Decides the resampling."""

    def run(self) -> int:
        from syndiff.statistics import run_stats

        return run_stats(self)
