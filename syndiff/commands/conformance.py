"""`syndiff conformance` and `syndiff conformance-diff`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

PartName = Literal["library", "map", "timing", "map weather", "driving", "sensors", "weather"]


@dataclass(frozen=True)
class Conformance:
    """Measure a CARLA 0.9.16 server (or the embedded one) by a fixed protocol and write a report."""

    out: Path
    """Folder of the report; an interrupted run found there is continued."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with --port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    map: str | None = None
    """Map whose figures are taken; without it the one that is loaded."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps for the embedded simulator."""
    parts: tuple[PartName, ...] = ()
    """Only these parts; empty measures all."""
    vehicles: tuple[str, ...] = ()
    """Blueprints to drive; empty takes Model 3, MKZ 2020, a truck and a bicycle."""
    presets: tuple[str, ...] = ()
    """Weather presets to show; empty takes all of CARLA's."""
    generate_track: bool = True
    """False leaves the map loaded and drives on its longest straight."""
    timing_ticks: int = 300
    """Ticks timed with each number of cars."""

    def __post_init__(self) -> None:
        if self.timing_ticks < 1:
            raise ValueError(f"timing_ticks is {self.timing_ticks}, allowed >= 1")

    def run(self) -> int:
        from syndiff.conformance.command import run_conformance

        return run_conformance(self)


@dataclass(frozen=True)
class ConformanceDiff:
    """Compare two conformance reports; exit status 1 if a figure differs beyond its tolerance."""

    reference: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="REFERENCE")]
    """Report (or its folder) that is right, e.g. of real CARLA; its tolerances count."""
    other: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OTHER")]
    """Report (or its folder) to compare with it."""

    def run(self) -> int:
        from syndiff.conformance.command import run_diff

        return run_diff(self)
