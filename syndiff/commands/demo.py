"""`syndiff demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """Run the whole loop small: record, train a ControlNet, synthesize, train a policy, evaluate, report."""

    out: Path = Path("demo")
    """Folder for everything; what an interrupted demo finished there is kept."""
    seed: int = 0
    """Another seed drives other routes in other traffic and gives other figures."""
    scale: float = 1.0
    """Share of the frames and steps, in (0, 1]; below 1 it only checks that everything runs."""
    threads: int = 2
    """CPU threads for training."""

    def __post_init__(self) -> None:
        if not 0.0 < self.scale <= 1.0:
            raise ValueError(f"scale is {self.scale}, allowed (0, 1]")
        if self.threads < 1:
            raise ValueError(f"threads is {self.threads}, allowed >= 1")

    def run(self) -> int:
        from syndiff.demo.loop import run_demo

        return run_demo(self)
