"""Closed-loop evaluation: routes x conditions x repetitions, resumed at the drive, no score from half a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from augment.conditions import Condition
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.client_version import installed_client_version
from carla_agents.simulator.errors import SimulatorError, TrafficManagerStalled
from carla_agents.simulator.session import Session
from leaderboard.drive import DriveConfig, Driver, DriverFailed, OnTick, drive_route
from leaderboard.results import DriveKey, DriveRecord, Results
from leaderboard.score import Metric, Summary
from leaderboard.strips import InfractionStrips
from scenarios.route_files import RouteSpec, read_routes

MAX_ATTEMPTS = 3
"""How often one drive is begun in a row if the Traffic Manager stalls in it."""


@runtime_checkable
class SeesVariants(Protocol):
    """A driver that may see augmented pictures and keeps account of them."""

    def picture_account(self) -> dict[str, int] | None:
        """Counts of the last drive, see `augment.online.account.Totals`; None if nothing is augmented."""


@dataclass(frozen=True)
class EvaluationConfig:
    """What to evaluate on."""

    routes_path: Path
    """Route file in the leaderboard 2.x format."""
    route_ids: tuple[int, ...] = ()
    """Only these routes; empty takes all."""
    conditions: tuple[str, ...] = ("clear-day",)
    """Names of conditions; every route is driven in each."""
    repetitions: int = 1
    """How often each route is driven in each condition, with other traffic each time."""
    drive: DriveConfig = field(default_factory=DriveConfig)
    """Traffic, decisions and limits of every drive."""
    augmentation: dict[str, Any] | None = None
    """What the driver's pictures go through, as plain values; part of what makes two evaluations the same one."""

    def __post_init__(self) -> None:
        if self.repetitions < 1:
            raise ValueError(f"repetitions must be at least 1, got {self.repetitions}")
        if not self.conditions:
            raise ValueError("conditions must name at least one condition")
        for name in self.conditions:
            Condition.parse(name)


def selected_routes(config: EvaluationConfig) -> tuple[RouteSpec, ...]:
    """The routes of the file that the configuration asks for.

    Raises:
        RouteFileError: the file cannot be used.
        ValueError: a wanted route is not in it.
    """
    specs = read_routes(config.routes_path)
    if not config.route_ids:
        return specs
    known = {spec.route_id: spec for spec in specs}
    absent = [route_id for route_id in config.route_ids if route_id not in known]
    if absent:
        raise ValueError(f"{config.routes_path} has no route {absent}; it has {sorted(known)}")
    return tuple(known[route_id] for route_id in config.route_ids)


def planned_drives(config: EvaluationConfig, specs: Sequence[RouteSpec]) -> list[DriveKey]:
    """Every drive, conditions of one route side by side."""
    return [
        DriveKey(spec.route_id, condition, repetition)
        for repetition in range(config.repetitions)
        for spec in specs
        for condition in config.conditions
    ]


def identity(config: EvaluationConfig, driver_name: str) -> dict[str, Any]:
    """What makes two evaluations the same one: configuration, route file, driver, versions."""
    known = {
        "driver": driver_name,
        "routes_sha256": hashlib.sha256(config.routes_path.read_bytes()).hexdigest(),
        "conditions": list(config.conditions),
        "repetitions": config.repetitions,
        "drive": asdict(config.drive),
        "carla": installed_client_version(),
    }
    return known if config.augmentation is None else {**known, "augmentation": config.augmentation}


def simulator_identity(session: Session) -> dict[str, Any]:
    """What a result names about its simulator: kind, version, map and a hash of the map's OpenDRIVE."""
    return {
        "kind": "embedded" if session.server_info.is_ours else "carla",
        "version": session.server_info.version,
        "map": session.map.name.split("/")[-1],
        "map_sha256": hashlib.sha256(session.map.to_opendrive().encode()).hexdigest(),
    }


def evaluate(
    open_session: Callable[[], Session],
    driver: Driver,
    driver_name: str,
    config: EvaluationConfig,
    results_path: Path,
    on_drive: Callable[[DriveRecord, int, int], None] | None = None,
    on_tick: Callable[[DriveKey], OnTick | None] | None = None,
    strips: InfractionStrips | None = None,
) -> Results:
    """Drive everything that the result file does not hold yet.

    If the simulator dies during a drive, that is noted, a new session is opened and the next drive begins; ask
    `Results.missing` afterwards, or let `Results.summary` refuse. If only the Traffic Manager stalls, that is noted
    too and the drive is driven again, `MAX_ATTEMPTS` times in all.

    Args:
        open_session: opens the simulator; called again after it died.
        driver: who drives.
        driver_name: names it in the results, with its version or the hash of its weights.
        config: on what.
        results_path: the JSON file to write, or to go on with.
        on_drive: called after every drive with its record, the number of drives done and their total.
        on_tick: called before every drive; what it returns sees the drive's ticks.
        strips: keeps pictures around infractions; they are no part of the results.

    Raises:
        ResultsError: the file belongs to another evaluation.
        RouteFileError, ValueError: the routes cannot be used on this map.
        SimulatorError: the simulator cannot be opened.
    """
    specs = {spec.route_id: spec for spec in selected_routes(config)}
    results = Results(results_path, identity(config, driver_name), planned_drives(config, list(specs.values())))
    waiting = iter(results.missing())
    while True:
        crashed = _drive_until_crash(open_session, waiting, specs, results, driver, config, on_drive, on_tick, strips)
        if not crashed:
            return results


def _drive_until_crash(
    open_session: Callable[[], Session],
    waiting: Iterator[DriveKey],
    specs: dict[int, RouteSpec],
    results: Results,
    driver: Driver,
    config: EvaluationConfig,
    on_drive: Callable[[DriveRecord, int, int], None] | None,
    on_tick: Callable[[DriveKey], OnTick | None] | None,
    strips: InfractionStrips | None,
) -> bool:
    """Drive the waiting drives in one session; True if the simulator died before they were all driven."""
    key = next(waiting, None)
    if key is None:
        return False
    with open_session() as session:
        enter_town(session, next(iter(specs.values())).town)
        results.name_simulator(simulator_identity(session))
        planner = RoutePlanner(session.map)
        while key is not None:
            spec = specs[key.route_id]
            if enter_town(session, spec.town):
                planner = RoutePlanner(session.map)
            route = planner.plan(spec.waypoints_m)
            try:
                record = _drive_attempts(session, spec, route, key, driver, config.drive, results, on_tick, strips)
            except SimulatorError as error:
                results.add_crash(key, str(error))
                return True
            except KeyboardInterrupt:
                results.give_up()
                raise
            if record is not None:
                results.add(record)
                if on_drive is not None:
                    on_drive(record, len(results.records), len(results.planned))
            key = next(waiting, None)
    return False


def enter_town(session: Session, town: str) -> bool:
    """Load a route's town unless the simulator runs it; returns whether it had to.

    Raises:
        SimulatorError: the simulator has no such map.
    """
    if session.map.name.split("/")[-1] == town.split("/")[-1]:
        return False
    session.load_map(town)
    return True


def _drive_attempts(
    session: Session,
    spec: RouteSpec,
    route: Route,
    key: DriveKey,
    driver: Driver,
    config: DriveConfig,
    results: Results,
    on_tick: Callable[[DriveKey], OnTick | None] | None,
    strips: InfractionStrips | None,
) -> DriveRecord | None:
    """Drive, and again if the Traffic Manager stalls; None if it did so every time."""
    for _ in range(MAX_ATTEMPTS):
        results.begin(key)
        try:
            return drive_once(session, spec, route, key, driver, config, on_tick(key) if on_tick else None, strips)
        except TrafficManagerStalled as error:
            results.add_crash(key, str(error))
    return None


def drive_once(
    session: Session,
    spec: RouteSpec,
    route: Route,
    key: DriveKey,
    driver: Driver,
    config: DriveConfig,
    on_tick: OnTick | None = None,
    strips: InfractionStrips | None = None,
) -> DriveRecord:
    """`drive_route`, with a record also for a driver that could not begin, and strips of pictures if asked for.

    Raises:
        SimulatorError: the simulator died or a sensor stayed silent; the drive has no outcome then.
    """
    on_begin = None if strips is None else strips.begin
    try:
        record = drive_route(
            session, route, key, driver, config, on_tick, scenarios=spec.scenarios, on_begin=on_begin
        )
    except DriverFailed as error:
        return DriveRecord(key, error.status, 0.0, (), route.length_m, 0.0, failure=error.cause)
    if strips is not None:
        strips.write(record)
    return replace(record, pictures=driver.picture_account()) if isinstance(driver, SeesVariants) else record


def score_table(by_condition: dict[str, Summary]) -> str:
    """A plain text table, one line per condition, with the number of drives each figure rests on."""
    lines = [f"{'condition':<14}{'n':>4}{'driving score':>16}{'completion %':>14}{'penalty':>9}{'success':>9}"]
    for condition, s in by_condition.items():
        driving = f"{s.driving_score_mean:.1f} ± {s.driving_score_std:.1f}"
        lines.append(
            f"{condition:<14}{s.count:>4}{driving:>16}{s.route_completion_pct_mean:>14.1f}"
            f"{s.infraction_penalty_mean:>9.2f}{f'{s.success_count}/{s.count}':>9}"
        )
    return "\n".join(lines)


def headline(results: Results, metric: Metric = Metric.V2_0) -> str:
    """One sentence about a complete run.

    Raises:
        PartialRun: a planned drive has no record.
    """
    s = results.summary(metric)
    return (
        f"driving score {s.driving_score_mean:.1f} (leaderboard {metric.value}), route completion "
        f"{s.route_completion_pct_mean:.1f} %, penalty {s.infraction_penalty_mean:.2f}, "
        f"{s.success_count} of {s.count} drives complete and clean"
    )
