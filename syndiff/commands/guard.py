"""`syndiff guard`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class GuardVariants:
    """Judge variants, whoever made them: labels, things, lanes, lamps, condition, flicker. JSON, a table, one page.

    Exits with 3 if any variant is rejected.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Store with variants; or a folder with originals/, labels/ and variants/<condition>/, files of one name each."""
    out: Path
    """Folder for guard.json and guard.html."""
    labels: str = "carla-0.9.16"
    """Class set of a folder's label pictures (see `syndiff import`)."""
    source: str = "clear-day"
    """Condition of a folder's originals."""
    synthesizers: tuple[str, ...] = ()
    """Of a store only variants by these, full names or their beginnings (`embedded`); empty takes all."""
    conditions: tuple[str, ...] = ()
    """Only variants of these conditions; empty takes all."""
    worst: int = 12
    """So many rejected variants are shown."""
    threads: int = 2
    """CPU threads."""

    def run(self) -> int:
        from syndiff.guarding import run_guard

        return run_guard(self)
