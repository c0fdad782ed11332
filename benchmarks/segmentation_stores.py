"""Stores for the shipped models: two towns to learn from, two held-out towns to test on, all twelve conditions.

Streets hold more bicycles, motorcycles, large vehicles and people than a plain recording, and the drives to learn
from are seen through four camera mounts. `make generator-data` records everything with depth and a dust storm under
runs/generator-data, for the segmenter and the ControlNet.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from augment.conditions import CORE12, DOMINANT, Condition
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.drives import PairedCondition, plan_drives
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.store import Store
from carla_agents.driving.traffic import STREET_MIX
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.session import SimulatorConfig

TRAIN_MAPS = ("TownGrid", "TownRing")
TEST_MAPS = ("TownArterial", "TownHill")
MOUNTS = {
    "roof": CameraSpec(),
    "bumper": CameraSpec(fov_deg=90.0, position_in_ego_m=(2.2, 0.0, 1.0), pitch_deg=2.0),
    "mast": CameraSpec(fov_deg=80.0, position_in_ego_m=(1.0, 0.0, 2.5), pitch_deg=-10.0),
    "long": CameraSpec(fov_deg=60.0, position_in_ego_m=(0.6, 0.3, 1.5), pitch_deg=0.0),
}


@dataclass(frozen=True)
class StoresConfig:
    """How much is recorded."""

    train_drives: int = 3
    """Drives per town and mount to learn from, each seen under all twelve conditions."""
    test_drives: int = 2
    """Drives per held-out town, likewise."""
    route_length_m: float = 150.0
    """Length of a drive."""
    every_ticks: int = 10
    """A frame is recorded every so many ticks of 0.05 s."""
    seed: int = 0
    """Decides routes and traffic."""
    towns: tuple[str, ...] = (*TRAIN_MAPS, *TEST_MAPS)
    """Only these, so that several processes can share the work."""
    depth: bool = False
    """Record depth too; a generator wants it."""
    conditions: tuple[Condition, ...] = CORE12
    """Every frame is shown under each of them."""
    style: str = "default"
    """Art style of the embedded simulator."""


def record_stores(folder: Path, config: StoresConfig) -> tuple[list[Store], list[Store]]:
    """Record what is missing; (stores to learn from, held-out stores)."""
    test = [
        _record(folder / f"test-{town}", town, "roof", "val", config.test_drives, 1, config)
        for town in TEST_MAPS
        if town in config.towns
    ]
    train = [
        _record(folder / f"train-{town}-{mount}", town, mount, "train", config.train_drives, 10 * number, config)
        for number, mount in enumerate(MOUNTS)
        for town in TRAIN_MAPS
        if town in config.towns
    ]
    return train, test


def _record(
    root: Path, town: str, mount: str, split: str, drive_count: int, number: int, config: StoresConfig
) -> Store:
    """Drives by clear day; every frame is relit under the other conditions, which is exact and costs no drive."""
    pairs = [PairedCondition(condition.name, condition.to_weather().as_tuple()) for condition in config.conditions]
    drives = plan_drives(
        {DOMINANT.name: drive_count},
        {DOMINANT.name: DOMINANT.to_weather().as_tuple()},
        config.seed + number,
        split=split,
        paired=True,
        pairs=pairs,
    )
    recording = RecordingConfig(
        simulator=SimulatorConfig(map_name=town, seed=config.seed, style=config.style),
        camera=MOUNTS[mount],
        modalities=("rgb", "seg", "depth_m") if config.depth else ("rgb", "seg"),
        every_ticks=config.every_ticks,
        route_length_m=config.route_length_m,
        vehicles=30,
        walkers=40,
        traffic_mix=STREET_MIX,
        scene=False,
    )
    record(root, drives, recording, seed=config.seed)
    return Store.read(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/generator-data"))
    parser.add_argument("--train-drives", type=int, default=StoresConfig.train_drives)
    parser.add_argument("--test-drives", type=int, default=StoresConfig.test_drives)
    parser.add_argument("--towns", nargs="+", default=StoresConfig.towns, choices=StoresConfig.towns)
    parser.add_argument("--depth", action="store_true", help="record depth too")
    parser.add_argument("--dust", action="store_true", help="show every frame in a dust storm too")
    parser.add_argument("--style", default=StoresConfig.style, help="art style of the embedded simulator")
    parser.add_argument("--seed", type=int, default=StoresConfig.seed)
    options = parser.parse_args()
    print(machine_line())
    config = StoresConfig(
        options.train_drives,
        options.test_drives,
        seed=options.seed,
        towns=tuple(options.towns),
        depth=options.depth,
        conditions=(*CORE12, Condition("dust", "day")) if options.dust else CORE12,
        style=options.style,
    )
    with Stopwatch() as watch:
        train, test = record_stores(options.out, config)
    for what, stores in (("to learn from", train), ("held out", test)):
        frames = sum(1 for store in stores for _ in store.frames())
        print(f"{frames} frames under {len(config.conditions)} conditions {what} in {len(stores)} stores")
    print(f"recording: {watch.wall_s:.0f} s wall")


if __name__ == "__main__":
    main()
