"""Stores for the shipped models: two towns to learn from, two held-out towns to test on, all twelve conditions.

Streets hold more bicycles, motorcycles, large vehicles and people than a plain recording, and the drives to learn
from are seen through four camera mounts. `make generator-data` records everything with depth and a dust storm under
runs/generator-data, for the segmenter and the ControlNet.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import carla

from augment.conditions import CORE12, DOMINANT, Condition
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.data.drive_recorder import plan_route
from carla_agents.data.drives import Drive, PairedCondition, plan_drives
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.store import Store
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import STREET_MIX
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.session import SimulatorConfig
from scenarios.maps import map_finder

TRAIN_MAPS = ("TownGrid", "TownRing")
TEST_MAPS = ("TownArterial", "TownHill")
MOUNTS = {
    "roof": CameraSpec(),
    "bumper": CameraSpec(fov_deg=90.0, position_in_ego_m=(2.2, 0.0, 1.0), pitch_deg=2.0),
    "mast": CameraSpec(fov_deg=80.0, position_in_ego_m=(1.0, 0.0, 2.5), pitch_deg=-10.0),
    "long": CameraSpec(fov_deg=60.0, position_in_ego_m=(0.6, 0.3, 1.5), pitch_deg=0.0),
}
_TRAFFIC_LIGHT = "1000001"
"""OpenDRIVE's type of a signal."""
_APPROACH_M = 30.0
"""A drive past lights comes to them on at least so long a stretch."""
_DRAWN_PER_DRIVE = 50


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
    mounts: tuple[str, ...] = tuple(MOUNTS)
    """Of the drives to learn from, only these."""
    depth: bool = False
    """Record depth too; a generator wants it."""
    conditions: tuple[Condition, ...] = CORE12
    """Every frame is shown under each of them."""
    style: str = "default"
    """Art style of the embedded simulator."""
    walkers: int = 40
    """People in the town, most of them along the route."""
    light_drives: int = 0
    """Further drives per held-out town, each from another lane to a junction with traffic lights."""


def record_stores(folder: Path, config: StoresConfig) -> tuple[list[Store], list[Store]]:
    """Record what is missing; (stores to learn from, held-out stores)."""
    test = [
        _record(folder / f"test-{town}", town, "roof", "val", config.test_drives, 1, config, config.light_drives)
        for town in TEST_MAPS
        if town in config.towns
    ]
    train = [
        _record(folder / f"train-{town}-{mount}", town, mount, "train", config.train_drives, 10 * number, config)
        for number, mount in enumerate(MOUNTS)
        for town in TRAIN_MAPS
        if town in config.towns and mount in config.mounts
    ]
    return train, test


def _record(
    root: Path,
    town: str,
    mount: str,
    split: str,
    drive_count: int,
    number: int,
    config: StoresConfig,
    light_drives: int = 0,
) -> Store:
    """Drives by clear day; every frame is relit under the other conditions, which is exact and costs no drive."""
    pairs = [PairedCondition(condition.name, condition.to_weather().as_tuple()) for condition in config.conditions]
    drives = plan_drives(
        {DOMINANT.name: drive_count + _DRAWN_PER_DRIVE * light_drives},
        {DOMINANT.name: DOMINANT.to_weather().as_tuple()},
        config.seed + number,
        split=split,
        paired=True,
        pairs=pairs,
    )
    recording = RecordingConfig(
        simulator=SimulatorConfig(
            map_name=town, seed=config.seed, style=config.style, timeout_s=120.0, loading_timeout_s=600.0
        ),
        camera=MOUNTS[mount],
        modalities=("rgb", "seg", "depth_m") if config.depth else ("rgb", "seg"),
        every_ticks=config.every_ticks,
        route_length_m=config.route_length_m,
        vehicles=30,
        walkers=config.walkers,
        traffic_mix=STREET_MIX,
        scene=False,
    )
    drives = [*drives[:drive_count], *islice(past_lights(drives[drive_count:], recording), light_drives)]
    if len(drives) < drive_count + light_drives:
        raise SystemExit(
            f"{len(drives) - drive_count} of {light_drives * _DRAWN_PER_DRIVE} random routes in {town} come to "
            f"traffic lights from a lane of their own, {light_drives} are wanted: ask for fewer"
        )
    record(root, drives, recording, seed=config.seed)
    return Store.read(root)


def past_lights(drives: list[Drive], config: RecordingConfig) -> Iterator[Drive]:
    """Those whose route enters a junction with traffic lights after `_APPROACH_M`, no two from the same lane."""
    if not drives:
        return
    town = config.simulator.map_name
    carla_map = map_finder()(town)
    if carla_map is None:
        raise SystemExit(f"{town} is no shipped town, so its traffic lights are unknown before it is loaded")
    planner, lit, lanes = RoutePlanner(carla_map), _junctions_with_lights(carla_map), set()
    for drive in drives:
        route = plan_route(planner, drive, config)
        lane = tuple(route.lanes[0].tolist())
        if lane not in lanes and any(at_m >= _APPROACH_M for junction, at_m in _entries(route) if junction in lit):
            lanes.add(lane)
            yield drive


def _junctions_with_lights(carla_map: carla.Map) -> set[int]:
    """Ids of the first junctions ahead of the signals."""
    found = set()
    for signal in carla_map.get_all_landmarks_of_type(_TRAFFIC_LIGHT):
        waypoint = carla_map.get_waypoint(signal.transform.location)
        ahead = [waypoint, *(place for at_m in range(2, int(_APPROACH_M), 2) for place in waypoint.next(float(at_m)))]
        found.add(next((place.junction_id for place in ahead if place.is_junction), -1))
    return found - {-1}


def _entries(route: Route) -> Iterator[tuple[int, float]]:
    """(id, metres from the start) of every junction that the route enters."""
    before = -1
    for junction, at_m in zip(route.junction.tolist(), route.distance_m.tolist(), strict=True):
        if junction not in (-1, before):
            yield junction, at_m
        before = junction


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/generator-data"))
    parser.add_argument("--train-drives", type=int, default=StoresConfig.train_drives)
    parser.add_argument("--test-drives", type=int, default=StoresConfig.test_drives)
    parser.add_argument("--towns", nargs="+", default=StoresConfig.towns, choices=StoresConfig.towns)
    parser.add_argument("--depth", action="store_true", help="record depth too")
    parser.add_argument("--dust", action="store_true", help="show every frame in a dust storm too")
    parser.add_argument("--style", default=StoresConfig.style, help="art style of the embedded simulator")
    parser.add_argument("--walkers", type=int, default=StoresConfig.walkers, help="people in each town")
    parser.add_argument(
        "--light-drives", type=int, default=StoresConfig.light_drives, help="further, to traffic lights"
    )
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
        walkers=options.walkers,
        light_drives=options.light_drives,
    )
    with Stopwatch() as watch:
        train, test = record_stores(options.out, config)
    for what, stores in (("to learn from", train), ("held out", test)):
        frames = sum(1 for store in stores for _ in store.frames())
        print(f"{frames} frames under {len(config.conditions)} conditions {what} in {len(stores)} stores")
    print(f"recording: {watch.wall_s:.0f} s wall")


if __name__ == "__main__":
    main()
