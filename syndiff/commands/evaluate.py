"""`syndiff evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Evaluate:
    """Drive routes x conditions in closed loop and score them as the CARLA leaderboard does."""

    out: Path
    """Result file (JSON); an interrupted evaluation is continued."""
    policy: Path | None = None
    """Folder of a trained policy; without it the privileged expert drives."""
    blank_camera: bool = False
    """Control: the same policy sees only black."""
    routes: Path | None = None
    """Route file in the leaderboard's format; without it the shipped evaluation routes of the default town."""
    route_ids: tuple[int, ...] = ()
    """Only these routes; empty drives all."""
    conditions: tuple[str, ...] = ("clear-day",)
    """Weather and light; every route is driven in each."""
    repetitions: int = 1
    """How often each route is driven in each condition, with other traffic each time."""
    vehicles: int = 10
    """Other cars."""
    walkers: int = 0
    """People on the pavements."""
    metric: Literal["1.0", "2.0", "2.1"] = "2.0"
    """Leaderboard formula of the headline; the file holds all three."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with --port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    seed: int = 0
    """Decides traffic; the same seed gives every driver the same traffic."""

    def run(self) -> int:
        from syndiff.evaluation import run_evaluation

        return run_evaluation(self)
