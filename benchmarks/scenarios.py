"""Every scenario type with the expert and two blind drivers; the expert on empty routes and in every condition."""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field

from augment.conditions import CORE12
from benchmarks.stopwatch import machine_line
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.blind_drivers import ConstantThrottle, RouteFollower
from leaderboard.drive import DriveConfig, Driver, drive_route
from leaderboard.drivers import ExpertDriver
from leaderboard.results import DriveKey, DriveRecord
from leaderboard.score import Metric
from scenarios.generate import ROUTES_FOLDER, plan_specs
from scenarios.route_files import RouteSpec, read_routes
from scenarios.running import ScenarioEvent
from scenarios.scenario_routes import find_scenario_routes
from scenarios.types import TYPES


@dataclass
class Row:
    """Scores of one type."""

    expert: list[float] = field(default_factory=list)
    constant: list[float] = field(default_factory=list)
    blind: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        return max(len(self.expert), len(self.constant), len(self.blind))


class Course:
    """Routes of one or more towns, with the means to drive them."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self.simulated_s = 0.0

    def drive(
        self, session: Session, spec: RouteSpec, route: Route, condition: str, driver: Driver, cars: int = 0
    ) -> float:
        events: list[ScenarioEvent] = []
        key = DriveKey(spec.route_id, condition, 0)
        # Who sees nobody and is stuck stays stuck: there is no need to watch him for a minute.
        stuck_s = 60.0 if isinstance(driver, ExpertDriver) else 15.0
        config = DriveConfig(cars=cars, blocked_limit_s=stuck_s)
        record = drive_route(session, route, key, driver, config, scenarios=spec.scenarios, on_scenario=events.append)
        self.simulated_s += record.duration_s
        score = record.score(Metric.V2_0).driving_score
        dull = _was_triggered(events, spec) and (score > 99.0) == isinstance(driver, ExpertDriver)
        if self._verbose and not dull:
            print(f"  {_title(spec)} {type(driver).__name__}: {_story(record, score)}; {_told(events)}", flush=True)
        return score


def _was_triggered(events: list[ScenarioEvent], spec: RouteSpec) -> bool:
    return not spec.scenarios or any(event.outcome.value == "over" for event in events)


def _title(spec: RouteSpec) -> str:
    names = ",".join(scenario.type_name for scenario in spec.scenarios) or "empty"
    return f"{spec.town} {spec.route_id} {names}"


def _story(record: DriveRecord, score: float) -> str:
    events = "; ".join(i.message for i in record.infractions) or "clean"
    return (
        f"{score:.0f} ({record.route_completion_pct:.0f} % in {record.duration_s:.0f} s, {record.status}, {events})"
    )


def _told(events: list[ScenarioEvent]) -> str:
    return ", ".join(f"{event.outcome.value} {event.message}".strip() for event in events)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--types", nargs="*", default=sorted(TYPES))
    parser.add_argument("--towns", nargs="*", default=["TownGrid", "TownArterial", "TownRing"])
    parser.add_argument("--routes", type=int, default=3, help="routes per type in all towns together")
    parser.add_argument("--length", type=float, default=250.0, help="metres; shorter routes are continued")
    parser.add_argument(
        "--skip", nargs="*", default=[], choices=["expert", "constant", "blind", "empty", "conditions"]
    )
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    print(machine_line())
    course = Course(options.verbose)
    rows = {name: Row() for name in options.types}
    began_s = time.process_time()
    for town in options.towns:
        with Session.embedded(SimulatorConfig(map_name=town, rendering=False)) as session:
            planner = RoutePlanner(session.map)
            for name, row in rows.items():
                wanted = options.routes - row.count
                length_m = options.length
                found_routes = find_scenario_routes(session.map, planner, name, max(wanted, 0), min_length_m=length_m)
                for found in found_routes:
                    for who, scores, driver in (
                        ("expert", row.expert, ExpertDriver()),
                        ("constant", row.constant, ConstantThrottle()),
                        ("blind", row.blind, RouteFollower()),
                    ):
                        if who not in options.skip:
                            scores.append(course.drive(session, found.spec, found.route, "clear-day", driver))
    print(f"{'type':<34}{'routes':>7}{'expert':>9}{'route only':>12}{'throttle only':>15}")
    for name, row in rows.items():
        print(f"{name:<34}{row.count:>7}{_mean(row.expert)}{_mean(row.blind):>12}{_mean(row.constant):>15}")
    every = [
        [score for row in rows.values() for score in scores(row)]
        for scores in (lambda r: r.expert, lambda r: r.blind, lambda r: r.constant)
    ]
    count = sum(row.count for row in rows.values())
    print(f"{'all':<34}{count:>7}{_mean(every[0])}{_mean(every[1]):>12}{_mean(every[2]):>15}")
    _general(course, options.skip)
    print(f"{course.simulated_s:.0f} s simulated, {time.process_time() - began_s:.0f} s of CPU without the server")


def _general(course: Course, skip: list[str]) -> None:
    specs = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")
    with Session.embedded(SimulatorConfig(map_name="TownGrid", rendering=False)) as session:
        routes = list(zip(specs, plan_specs(RoutePlanner(session.map), specs), strict=True))
        if "empty" not in skip:
            scores = [course.drive(session, spec, route, "clear-day", ExpertDriver()) for spec, route in routes]
            print(f"expert on {len(scores)} empty routes: {statistics.fmean(scores):.1f}")
        if "conditions" not in skip:
            for condition in CORE12:
                scores = [
                    course.drive(session, spec, route, condition.name, ExpertDriver(), cars=10)
                    for spec, route in routes[:3]
                ]
                print(
                    f"expert in {condition.name:<14} {statistics.fmean(scores):.1f} on {len(scores)} routes, 10 cars"
                )


def _mean(scores: list[float]) -> str:
    return f"{statistics.fmean(scores):9.1f}" if scores else f"{'-':>9}"


if __name__ == "__main__":
    main()
