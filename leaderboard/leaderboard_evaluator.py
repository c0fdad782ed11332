"""The evaluator with the command line of CARLA's Leaderboard: `python -m leaderboard.leaderboard_evaluator`.

Flags, result file, checkpoint, resume and exit status are the official ones (2.x; with `--scenarios` those of 1.0).
What is driven and how it is judged is `leaderboard.drive`. Flags that the official evaluator does not have:
`--embedded` starts our simulator, `--interface`, `--metric`, `--vehicles`, and `--augment` in track COLLECTION.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

if __name__ == "__main__" and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    # Run as a script, Python puts this folder first, and `import scenarios` would look for it in here.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from augment.conditions import Condition
from augment.online.choice import OnlineBackend, OnlineSynthesizer, make_online_synthesizer
from carla_agents.driving.road_graph import NoRoute
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.client_version import installed_client_version
from carla_agents.simulator.errors import ConnectionFailed, NothingListens, SimulatorError, TrafficManagerStalled
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.agent_augmentation import CameraAugmentation
from leaderboard.agent_driver import SENSORS_INVALID, AgentConfig, AgentDriver
from leaderboard.autoagents.autonomous_agent import Track
from leaderboard.criteria import TickFacts
from leaderboard.drive import DriveConfig, DriverFailed, DriveView, drive_route
from leaderboard.evaluate import simulator_identity
from leaderboard.official_results import record_json, result_json
from leaderboard.results import DriveKey, DriveRecord
from leaderboard.routes_1_0 import scenarios_on_route
from leaderboard.score import Metric
from leaderboard.utils.checkpoint_tools import fetch_dict, save_dict
from leaderboard.utils.result_writer import ResultOutputProvider
from leaderboard.utils.route_indexer import RouteIndexer
from leaderboard.utils.route_parser import RouteScenarioConfiguration
from scenarios.route_files import ScenarioSpec
from scenarios.running import Outcome, ScenarioEvent
from scenarios.weather import BASE

EXIT_CRASHED = 255
SIMULATION_CRASHED = "Failed - Simulation crashed"
STALLED_ATTEMPTS = 3
EGO = "vehicle.lincoln.mkz_2020"
_CONDITION = Condition.parse("clear-day")
_OFFICIAL_WEATHER = (tuple(BASE.items()),)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="leaderboard_evaluator", description=__doc__.splitlines()[0])
    add = made.add_argument
    add("--host", default="localhost", help="address of the simulator")
    add("--port", default=2000, type=int, help="RPC port of the simulator")
    add(
        "--traffic-manager-port", "--trafficManagerPort", default=8000, type=int, help="accepted; a free one is taken"
    )
    add("--traffic-manager-seed", "--trafficManagerSeed", default=0, type=int, help="decides the traffic")
    add("--debug", type=int, default=0, help="0 quiet; 1 and above: handed to the agent, live results are written")
    add(
        "--record", type=str, default="", help="folder on the simulator's machine for a CARLA recording of each drive"
    )
    add(
        "--timeout",
        default=300.0,
        type=float,
        help="seconds for a call of the simulator, a set-up or step of the agent",
    )
    add("--routes", required=True, help="route file (XML)")
    add("--scenarios", default="", help="scenario file (JSON) of Leaderboard 1.0")
    add("--routes-subset", default="", type=str, help="routes to drive, e.g. 0-4,7")
    add("--repetitions", type=int, default=1, help="how often each route is driven")
    add("-a", "--agent", required=True, help="Python file of the agent")
    add("--agent-config", default="", help="handed to the agent's setup")
    add("--track", default="SENSORS", choices=[track.value for track in Track], help="which sensors are allowed")
    add("--resume", type=_truth, default=False, help="go on with the checkpoint; as in the original any text is true")
    add("--checkpoint", default="./simulation_results.json", help="result file")
    add("--debug-checkpoint", default="./live_results.txt", help="written with --debug 2 and above")
    add("--gpu-rank", type=int, default=0, help="accepted, as Bench2Drive passes it")
    add("--embedded", action="store_true", help="start the embedded simulator instead of connecting")
    add("--map-dir", default=None, help="folder of further OpenDRIVE maps for the embedded simulator")
    add("--interface", default="auto", choices=["auto", "1.0", "2.x", "bench2drive"], help="whose conventions")
    add("--metric", default="2.0", choices=[metric.value for metric in Metric], help="whose penalties")
    add("--vehicles", type=int, default=10, help="other cars")
    add(
        "--agent-python",
        default=None,
        type=Path,
        help="interpreter or environment's folder in which the agent runs, with its own Python and packages",
    )
    add("--augment", default=None, metavar="CONDITION", help="track COLLECTION: show this condition to the agent")
    makers = [name for name in get_args(OnlineSynthesizer) if name != "relight"]
    add("--synthesizer", default="procedural", choices=makers, help="who makes it")
    add("--backend", default="torch", choices=get_args(OnlineBackend), help="what runs its network")
    add("--augment-weights", default=None, type=Path, help="folder of its network; a translator has none by itself")
    return made


def _on_route(specs: Sequence[ScenarioSpec], route: Route) -> tuple[ScenarioSpec, ...]:
    """A scenario file of 1.0 holds those of the whole town: only the ones on the route count."""
    yaw_deg = [math.degrees(yaw_rad) for yaw_rad in route.yaw_rad]
    points = [(float(x), float(y), float(z), yaw) for (x, y, z), yaw in zip(route.points_m, yaw_deg, strict=True)]
    return scenarios_on_route(tuple(specs), points)


def _say_skipped(event: ScenarioEvent) -> None:
    if event.outcome is Outcome.SKIPPED:
        print(f"Skipping scenario '{event.name}' due to setup error: {event.message}", file=sys.stderr)


class LeaderboardEvaluator:
    """Drives every route of a file with one agent.

    Args:
        args: parsed by `parser()`.
        statistics_manager: kept for callers of the official class; not needed.
    """

    def __init__(self, args: argparse.Namespace, statistics_manager: Any = None) -> None:
        interface = args.interface
        if interface == "auto":
            interface = "1.0" if args.scenarios else "2.x"
        augmentation = None
        if args.augment is not None:
            target = Condition.parse(args.augment)
            made = make_online_synthesizer(args.synthesizer, args.backend, args.augment_weights)
            augmentation = CameraAugmentation(made, _CONDITION, target, args.traffic_manager_seed)
        config = AgentConfig(
            Path(args.agent),
            args.agent_config,
            args.track,
            interface,
            args.debug > 0,
            args.timeout,
            agent_python=args.agent_python,
        )
        self._driver = AgentDriver(config, augmentation)
        self._indexer = RouteIndexer(args.routes, args.repetitions, args.routes_subset, args.scenarios or None)
        self._interface = interface
        self._old_routes = bool(args.scenarios)
        self._metric = Metric(args.metric)
        self._records: list[dict[str, Any]] = []
        self._sensors: list[str] = []
        self._session: Session | None = None
        self._planner: RoutePlanner | None = None

    def run(self, args: argparse.Namespace) -> bool:
        """Drive what is left; returns whether it crashed or was rejected."""
        if args.resume and self._indexer.validate_and_resume(args.checkpoint):
            content = fetch_dict(args.checkpoint)
            self._records = content["_checkpoint"]["records"][: self._indexer.index]
            self._sensors = list(content["sensors"])
        self._save(args, "Started")
        try:
            while (config := self._indexer.get_next_config()) is not None:
                began_s = time.monotonic()
                record = self._drive(args, config)
                self._add(record, config, time.monotonic() - began_s)
                if record.status == SENSORS_INVALID:
                    self._save(args, "Rejected")
                    return True
                if record.status == SIMULATION_CRASHED:
                    self._save(args, "Crashed")
                    return True
                self._save(args, "Started")
        finally:
            self._driver.close()
            if self._session is not None:
                self._session.close()
        self._save(args, "Finished")
        return False

    def _drive(self, args: argparse.Namespace, config: RouteScenarioConfiguration) -> DriveRecord:
        key = DriveKey(config.spec.route_id, _CONDITION.name, config.repetition_index)
        length_m = 0.0
        for attempt in range(STALLED_ATTEMPTS):
            try:
                session = self._session_in(args, config.town)
                route = self._plan(config)
                length_m = route.length_m
                return self._drive_once(args, session, route, key, config)
            except DriverFailed as error:
                print(f"{config.name}: {error}", file=sys.stderr)
                return DriveRecord(key, error.status, 0.0, (), length_m, 0.0)
            except TrafficManagerStalled as error:
                print(f"{config.name}, attempt {attempt + 1}: {error}", file=sys.stderr)
            except ConnectionFailed:
                raise
            except (SimulatorError, NoRoute) as error:
                traceback.print_exc()
                print(f"{config.name}: the simulation crashed: {error}", file=sys.stderr)
                return DriveRecord(key, SIMULATION_CRASHED, 0.0, (), length_m, 0.0)
            finally:
                self._driver.end()
        return DriveRecord(key, SIMULATION_CRASHED, 0.0, (), length_m, 0.0)

    def _drive_once(
        self,
        args: argparse.Namespace,
        session: Session,
        route: Route,
        key: DriveKey,
        config: RouteScenarioConfiguration,
    ) -> DriveRecord:
        def prepare(ready: Session) -> None:
            if args.record:
                ready.client.start_recorder(f"{args.record}/{config.name}_rep{config.repetition_index}.log")

        def on_tick(view: DriveView, facts: TickFacts) -> None:
            if args.debug >= 2:
                live = f"{config.name}: {facts.elapsed_s:.1f} s, {view.observer.route_completion_pct:.1f} %, "
                Path(args.debug_checkpoint).write_text(live + f"{facts.speed_mps:.1f} m/s\n", encoding="utf-8")

        self._driver.prepare = prepare
        self._driver.save_name = f"{config.name}_rep{config.repetition_index}_{config.town}"
        drive = DriveConfig(
            vehicle=EGO,
            cars=args.vehicles,
            blocked_limit_s=60.0 if self._interface == "bench2drive" else 180.0,
            time_limit_s=300.0,
            pace_stretches=20 if self._interface == "bench2drive" else 4,
            every_pace=self._interface == "bench2drive",
            seed=args.traffic_manager_seed,
        )
        scenarios = config.spec.scenarios
        if self._old_routes:
            scenarios = _on_route(scenarios, route)
        try:
            return drive_route(
                session,
                route,
                key,
                self._driver,
                drive,
                on_tick,
                scenarios=scenarios,
                weathers=config.spec.weathers or _OFFICIAL_WEATHER,
                on_scenario=_say_skipped,
            )
        finally:
            if args.record:
                session.client.stop_recorder()

    def _session_in(self, args: argparse.Namespace, town: str) -> Session:
        if self._session is None:
            loading_s = max(args.timeout, 60.0)
            simulator = SimulatorConfig(
                host="127.0.0.1" if args.embedded else args.host,
                port=None if args.embedded else args.port,
                map_name=town,
                map_dir=args.map_dir,
                seed=args.traffic_manager_seed,
                timeout_s=args.timeout,
                loading_timeout_s=loading_s,
            )
            self._session = Session.open(simulator)
        if self._session.map.name.split("/")[-1] != town.split("/")[-1]:
            self._session.load_map(town)
            self._planner = None
        here = self._session.map.name.split("/")[-1]
        if here != town.split("/")[-1]:
            raise SimulatorError(f"the route is made for {town!r}, the simulator runs {here!r}")
        if self._planner is None:
            self._planner = RoutePlanner(self._session.map)
        return self._session

    def _plan(self, config: RouteScenarioConfiguration) -> Route:
        if self._planner is None:
            raise RuntimeError("open the session first")
        return self._planner.plan(config.spec.waypoints_m)

    def _add(self, record: DriveRecord, config: RouteScenarioConfiguration, wall_s: float) -> None:
        extra: dict[str, Any] = {}
        if self._interface == "bench2drive":
            names = [scenario.type_name for scenario in config.spec.scenarios]
            extra = {
                "scenario_name": names[0] if names else "",
                "weather_id": 0,
                "save_name": self._driver.save_name,
                "town_name": config.town,
            }
        row = record_json(record, config.index, self._metric, wall_s, extra)
        self._records.append(row)
        if self._driver.sensor_icons is not None:
            self._sensors = self._driver.sensor_icons
        ResultOutputProvider(row)

    def _save(self, args: argparse.Namespace, entry_status: str) -> None:
        complete = len(self._records) == self._indexer.total
        content = result_json(
            self._records,
            self._indexer.total,
            entry_status=entry_status,
            sensors=self._sensors,
            finished=entry_status in ("Finished", "Crashed") and complete,
            eligible=args.track != Track.COLLECTION.value,
        )
        save_dict(args.checkpoint, content)
        if self._session is not None:
            save_dict(f"{args.checkpoint}.provenance.json", self._provenance(args, self._session))

    def _provenance(self, args: argparse.Namespace, session: Session) -> dict[str, Any]:
        """Where the figures come from; beside the result file, whose keys are the official ones and no others."""
        return {
            "simulator": simulator_identity(session),
            "carla_client": installed_client_version(),
            "routes": str(args.routes),
            "routes_sha256": hashlib.sha256(Path(args.routes).read_bytes()).hexdigest(),
            "agent_sha256": hashlib.sha256(Path(args.agent).read_bytes()).hexdigest(),
            "track": args.track,
            "interface": self._interface,
            "metric": self._metric.value,
            "augment": args.augment,
            "vehicles": args.vehicles,
            "traffic_manager_seed": args.traffic_manager_seed,
        }


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0, or 255 if the simulation crashed or the agent's sensors were refused.
    """
    args = parser().parse_args(argv)
    if args.augment is not None and args.track != Track.COLLECTION.value:
        print(
            f"--augment is off in track {args.track}; give --track COLLECTION (never an official score)",
            file=sys.stderr,
        )
        return 2
    try:
        return EXIT_CRASHED if LeaderboardEvaluator(args).run(args) else 0
    except NothingListens as error:
        print(f"{error}; start CARLA, or give --embedded to use the simulator of this package", file=sys.stderr)
    except (ValueError, SimulatorError) as error:
        print(f"error: {error}", file=sys.stderr)
    return EXIT_CRASHED


def _truth(text: str) -> bool:
    return bool(text)


if __name__ == "__main__":
    sys.exit(main())
