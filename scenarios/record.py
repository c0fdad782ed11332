"""Records the scenarios of a route file x conditions x seeds into a store; the same command goes on where it stopped.

`python -m scenarios.record OUT --routes scenarios/routes/town_grid_scenarios.xml --conditions clear-day rain-night`
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import carla
import tyro

from augment.conditions import CONDITIONS, CORE12, Condition
from carla_agents.data.drive_recorder import Staged
from carla_agents.data.drives import Drive
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.store import Store
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import derive_seed
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.session import Session, SimulatorConfig
from scenarios.parameters import ScenarioError
from scenarios.route_files import RouteSpec, read_routes
from scenarios.running import RouteScenarios


@dataclass(frozen=True)
class SweepConfig:
    """What a sweep drives."""

    routes: Path
    """Route file; all routes must be of one town."""
    conditions: tuple[str, ...] = ("clear-day",)
    """Weather and light; `core12` stands for all twelve."""
    seeds: tuple[int, ...] = (0,)
    """Every route is driven once with each."""
    route_ids: tuple[int, ...] = ()
    """Only these routes; empty drives all."""
    vehicles: int = 0
    """Other cars."""
    width_px: int = 256
    """Width of the pictures."""
    height_px: int = 144
    """Height of the pictures."""
    every_ticks: int = 5
    """A frame is recorded every so many ticks of 0.05 s."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with the port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps for the embedded simulator."""


def wanted_conditions(names: Sequence[str]) -> tuple[Condition, ...]:
    """Conditions by name, `core12` for all twelve.

    Raises:
        ValueError: an unknown name.
    """
    found = [condition for name in names for condition in (CORE12 if name == "core12" else [Condition.parse(name)])]
    return tuple(dict.fromkeys(found))


def drive_name(spec: RouteSpec, seed: int, condition: Condition) -> str:
    """Name in the store of one drive of a sweep."""
    kind = "-".join(scenario.type_name for scenario in spec.scenarios[:1]) or "route"
    return f"{kind}-{spec.route_id}-s{seed}-{condition.name}"


def parts_of_name(name: str) -> tuple[int, int, Condition] | None:
    """Route id, seed and condition of a drive of a sweep; None if the name is of another kind."""
    parts = name.rsplit("-", 4)
    if len(parts) != 5 or not parts[1].isdigit() or not parts[2][1:].isdigit():
        return None
    condition = CONDITIONS.get(f"{parts[3]}-{parts[4]}")
    return None if condition is None else (int(parts[1]), int(parts[2][1:]), condition)


def sweep_routes(config: SweepConfig) -> dict[int, RouteSpec]:
    """The routes of a sweep by id.

    Raises:
        RouteFileError: the file cannot be used.
        ScenarioError: they are of several towns, or a wanted one is not there.
    """
    specs = {spec.route_id: spec for spec in read_routes(config.routes)}
    absent = sorted(set(config.route_ids) - set(specs))
    if absent:
        raise ScenarioError(f"{config.routes} has no route {absent}; it has {sorted(specs)}")
    chosen = {i: spec for i, spec in specs.items() if not config.route_ids or i in config.route_ids}
    towns = sorted({spec.town for spec in chosen.values()})
    if len(towns) != 1:
        raise ScenarioError(f"{config.routes} has routes of {towns}; name those of one town with --route-ids")
    return chosen


def record_drives(out: Path, config: SweepConfig, wanted: Sequence[tuple[RouteSpec, int, Condition]]) -> list[str]:
    """Record some drives that are not in the store yet.

    Returns:
        names of the drives made now.

    Raises:
        StoreError, SimulatorError: as `carla_agents.data.recording.record`.
    """
    specs: dict[str, tuple[RouteSpec, int]] = {}
    drives = []
    for spec, seed, condition in wanted:
        name = drive_name(spec, seed, condition)
        specs[name] = (spec, seed)
        weather = condition.to_weather().as_tuple()
        own_seed = derive_seed(seed, f"route {spec.route_id}")
        drives.append(Drive(name, condition.name, weather, own_seed, "scenarios", spec.waypoints_m))

    def stage(
        session: Session, planner: RoutePlanner, ego: carla.Vehicle, route: Route, drive: Drive
    ) -> Staged | None:
        spec, seed = specs[drive.route_id]
        staged = RouteScenarios(session, planner, ego, route, spec.scenarios, seed)
        staged.begin_near(0.0)
        return staged

    recording = RecordingConfig(
        simulator=SimulatorConfig(
            host=config.host,
            port=config.port,
            map_name=wanted[0][0].town if wanted else None,
            map_dir=None if config.map_dir is None else str(config.map_dir),
        ),
        camera=CameraSpec(width_px=config.width_px, height_px=config.height_px),
        scene=False,
        every_ticks=config.every_ticks,
        vehicles=config.vehicles,
    )
    return record(out, drives, recording, stage=stage)


def record_sweep(out: Path, config: SweepConfig) -> list[str]:
    """Record every route x condition x seed that the store does not hold yet; returns the drives made now."""
    wanted = [
        (spec, seed, condition)
        for spec in sweep_routes(config).values()
        for seed in config.seeds
        for condition in wanted_conditions(config.conditions)
    ]
    return record_drives(out, config, wanted)


@dataclass(frozen=True)
class _Command:
    """Record the scenarios of a route file under many conditions."""

    out: tyro.conf.Positional[Path]
    """Folder of the store."""
    sweep: tyro.conf.OmitArgPrefixes[SweepConfig]


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    command = tyro.cli(_Command, args=arguments, prog="python -m scenarios.record")
    made = record_sweep(command.out, command.sweep)
    print(f"{command.out}: {len(made)} drives recorded now, {len(Store.read(command.out).frames())} frames in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
