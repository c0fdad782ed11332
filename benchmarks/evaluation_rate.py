"""Ticks per second of an evaluation, frames per second of a recording sweep; end to end, as the commands run them.

Goals (2 idle cores): an evaluation with a policy of 0.2 M parameters and one 256x144 camera >= 40 ticks/s; recording
a sweep of scenarios with rgb, seg and depth >= 35 frames/s.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import os
import pstats
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.store import Store
from carla_agents.policies.aim import AimPolicy
from carla_agents.policies.aim_network import AimConfig, AimNetwork
from carla_agents.policies.base import CameraSpec, Observation, Plan
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.drive import DriveConfig
from leaderboard.drivers import PolicyDriver
from leaderboard.evaluate import EvaluationConfig, evaluate
from leaderboard.score import Metric
from leaderboard.strips import InfractionStrips
from scenarios.generate import ROUTES_FOLDER
from scenarios.record import SweepConfig, record_sweep, sweep_routes

TOWN = "TownGrid"
SMALL = AimConfig(channels=(12, 24, 48, 64), hidden=64)
CRUISE_MPS = 7.0


class TowardsTarget:
    """Looks with a network, but drives towards the next target point: an untrained network would leave the road.

    Args:
        network: what looks.
    """

    def __init__(self, network: AimNetwork) -> None:
        self._inner = AimPolicy(network)
        self.waypoint_spacing_s = self._inner.waypoint_spacing_s
        self.pictures = 0

    def camera(self) -> CameraSpec:
        return self._inner.camera()

    def reset(self, seed: int) -> None:
        self._inner.reset(seed)

    def act(self, observation: Observation) -> Plan:
        """The network's plan is thrown away."""
        self.pictures += 1
        self._inner.act(observation)
        target = np.asarray(observation.target_point_in_ego_m, dtype=np.float32)
        ahead = target / max(float(np.linalg.norm(target)), 1e-3)
        along_m = np.arange(1, 5, dtype=np.float32)[:, None] * CRUISE_MPS * self.waypoint_spacing_s
        return Plan(along_m * ahead, CRUISE_MPS)


@contextlib.contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Prints where this process' time went."""
    if not wanted:
        yield
        return
    with cProfile.Profile() as profile:
        yield
    pstats.Stats(profile).sort_stats("tottime").print_stats(28)


def evaluation(routes: int, cars: int, strips: bool, profile: bool) -> None:
    """Drive the first evaluation routes in two conditions."""
    torch.manual_seed(0)
    network = AimNetwork(SMALL)
    policy = TowardsTarget(network)
    path = ROUTES_FOLDER / "town_grid_eval.xml"
    ids = tuple(range(1000, 1000 + routes))
    config = EvaluationConfig(
        path, ids, ("clear-day", "rain-night"), drive=DriveConfig(cars=cars, blocked_limit_s=10.0)
    )
    ticks = 0

    def count(*_: object) -> None:
        nonlocal ticks
        ticks += 1

    class Kept:
        """`evaluate` may open and close a session, which stays open for the stopwatch."""

        def __enter__(self) -> Session:
            return session

        def __exit__(self, *_: object) -> None:
            pass

    with (
        tempfile.TemporaryDirectory() as folder,
        Session.embedded(SimulatorConfig(map_name=TOWN)) as session,
    ):
        out = Path(folder) / "r.json"
        keeper = InfractionStrips(out) if strips else None
        assert session.server is not None  # noqa: S101 - embedded
        with Stopwatch(session.server.pid) as watch, profiled(profile):
            results = evaluate(
                lambda: Kept(),  # type: ignore[arg-type, return-value]
                PolicyDriver(policy),
                "rate",
                config,
                out,
                on_tick=lambda key: count,
                strips=keeper,
            )
    parameters = sum(p.numel() for p in network.parameters())
    scored = results.summary(Metric.V2_0)
    print(
        f"evaluation, {cars} cars{', strips' if strips else ''}: {len(results.records)} drives, {ticks} ticks, "
        f"{policy.pictures} pictures, network of {parameters / 1e6:.2f} M parameters, completion "
        f"{scored.route_completion_pct_mean:.0f} %\n  {watch.per(ticks)} per tick",
        flush=True,
    )


def sweep(routes: int, every_ticks: int, profile: bool) -> None:
    """Record the first scenario routes in two conditions, with what `scenarios.record` records."""
    path = ROUTES_FOLDER / "town_grid_scenarios.xml"
    ids = tuple(sorted(sweep_routes(SweepConfig(path))))[:: max(1, 100 // routes)][:routes]
    config = SweepConfig(path, ("clear-day", "rain-night"), route_ids=ids, every_ticks=every_ticks)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "store"
        before = os.times()
        with Stopwatch() as watch, profiled(profile):
            drives = record_sweep(out, config)
        after = os.times()
        server_s = sum(after[2:4]) - sum(before[2:4])
        frames = len(Store.read(out).frames())
        size_kb = sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) / 1e3 / frames
    print(
        f"sweep, a frame every {every_ticks} ticks: {len(drives)} drives, {frames} frames with rgb, seg and depth, "
        f"{size_kb:.0f} kB each\n  {watch.per(frames)}, server CPU {1e3 * server_s / frames:6.2f} ms per frame, "
        "its start and the map included",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=3)
    parser.add_argument("--cars", type=int, default=10)
    parser.add_argument("--only", choices=["evaluation", "sweep"], default=None)
    parser.add_argument("--profile", action="store_true", help="print where this process' time goes")
    options = parser.parse_args()
    print(machine_line())
    if options.only != "sweep":
        evaluation(options.routes, options.cars, strips=False, profile=options.profile)
        evaluation(options.routes, options.cars, strips=True, profile=False)
    if options.only != "evaluation":
        for every_ticks in (5, 1):
            sweep(options.routes, every_ticks, options.profile)


if __name__ == "__main__":
    main()
