"""`syndiff audit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Audit:
    """Which condition every picture shows, what is rare, and which classes the pictures hold: JSON and one page."""

    sources: Annotated[Positional[tuple[Path, ...]], arg(metavar="SOURCES")]
    """Stores, and plain folders of PNG or JPEG pictures; several are counted together."""
    out: Path
    """Folder for audit.json and audit.html."""
    classifier: str = "trained"
    """Judges pictures whose condition was not recorded. trained: the shipped network. Otherwise a folder of another
    one of ours, or a CLIP or SigLIP for zero-shot classification: its folder, or its name in the local cache."""
    split: str | None = None
    """Only routes of this split; None takes all."""
    least_pixels: int = 10
    """A class is in a picture if so many pixels show it."""
    rare_share: float = 0.05
    """Conditions with a smaller share of the pictures are rare."""
    threads: int = 2
    """CPU threads."""

    def run(self) -> int:
        from syndiff.planning import run_audit

        return run_audit(self)
