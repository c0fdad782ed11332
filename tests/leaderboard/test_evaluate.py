import os
import signal
from dataclasses import replace

import pytest

from carla_agents.simulator.errors import TrafficManagerStalled
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session, SimulatorConfig
from leaderboard.drive import DriveConfig, DriverFailed
from leaderboard.drivers import ExpertDriver
from leaderboard.evaluate import EvaluationConfig, evaluate, headline, planned_drives, score_table, selected_routes
from leaderboard.infractions import InfractionKind
from leaderboard.results import DriveKey, PartialRun, Results, ResultsError
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes

TOWN = "TownGrid"


class Fixed:
    """Always the same control."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def camera(self):
        return None

    def begin(self, session, ego, route, seed):
        self.session = session

    def control(self, view):
        return self._control


class Saboteur(ExpertDriver):
    """The expert, but on its first drive it kills the simulator after twenty ticks."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0

    def begin(self, session, ego, route, seed):
        super().begin(session, ego, route, seed)
        self.session = session

    def control(self, view):
        self.ticks += 1
        if self.ticks == 20:
            os.kill(self.session.server.pid, signal.SIGKILL)
        return super().control(view)


class Unlucky(ExpertDriver):
    """The expert, but the Traffic Manager stalls in the first drives after twenty ticks."""

    def __init__(self, stalls: int) -> None:
        super().__init__()
        self.stalls = stalls

    def begin(self, session, ego, route, seed):
        super().begin(session, ego, route, seed)
        self.ticks = 0

    def control(self, view):
        self.ticks += 1
        if self.ticks == 20 and self.stalls:
            self.stalls -= 1
            raise TrafficManagerStalled("the Traffic Manager stalled")
        return super().control(view)


def open_session(timeout_s: float = 60.0) -> Session:
    return Session.embedded(SimulatorConfig(map_name=TOWN, rendering=False, timeout_s=timeout_s))


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> EvaluationConfig:
    """The first 60 m or so of two shipped routes, with three cars and short patience."""
    shipped = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:2]
    path = tmp_path_factory.mktemp("routes") / "short.xml"
    path.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:4]) for spec in shipped]))
    return EvaluationConfig(path, drive=DriveConfig(cars=3, blocked_limit_s=3.0, time_limit_s=30.0))


@pytest.fixture(scope="module")
def shared():
    """One simulator for the tests that leave it whole; leaving the context does not close it."""

    class Kept:
        def __init__(self, session: Session) -> None:
            self.session = session

        def __enter__(self) -> Session:
            return self.session

        def __exit__(self, *_) -> None:
            self.session.reset()

    with open_session() as session:
        yield Kept(session)


def test_drives_are_planned_with_conditions_side_by_side(config):
    several = replace(config, conditions=("clear-day", "rain-night"), repetitions=2)
    planned = planned_drives(several, selected_routes(several))
    assert planned[:3] == [
        DriveKey(1000, "clear-day", 0),
        DriveKey(1000, "rain-night", 0),
        DriveKey(1001, "clear-day", 0),
    ]
    assert len(set(planned)) == 8


def test_wishes_that_cannot_be_met_are_named(config):
    with pytest.raises(ValueError, match="has no route"):
        selected_routes(replace(config, route_ids=(7,)))
    with pytest.raises(ValueError, match="unknown condition"):
        replace(config, conditions=("sunny",))
    with pytest.raises(ValueError, match="repetitions"):
        replace(config, repetitions=0)


def test_the_expert_completes_its_routes_and_the_same_seed_gives_the_same_record(config, shared, tmp_path):
    told = []
    first = evaluate(
        lambda: shared, ExpertDriver(), "expert", config, tmp_path / "a.json", lambda r, n, m: told.append((n, m))
    )
    again = evaluate(lambda: shared, ExpertDriver(), "expert", config, tmp_path / "b.json")
    assert told == [(1, 2), (2, 2)]
    assert first.summary().driving_score_mean == 100.0
    assert [(r.status, r.duration_s) for r in first.records.values()] == [
        (r.status, r.duration_s) for r in again.records.values()
    ]
    assert "2 of 2 drives complete and clean" in headline(first)
    assert score_table(first.by_condition()).splitlines()[1].split()[:5] == ["clear-day", "2", "100.0", "±", "0.0"]


def test_a_drive_in_which_the_traffic_manager_stalls_is_driven_again_twice_at_most(config, shared, tmp_path):
    opened, watched = [], []

    def open_shared():
        opened.append(1)
        return shared

    def watch(key):
        watched.append(str(key))

    plain = evaluate(lambda: shared, ExpertDriver(), "expert", config, tmp_path / "plain.json")
    stalled = evaluate(open_shared, Unlucky(2), "expert", config, tmp_path / "r.json", on_tick=watch)
    assert [crash["drive"] for crash in stalled.crashes] == ["1000/clear-day/0"] * 2
    assert watched == ["1000/clear-day/0"] * 3 + ["1001/clear-day/0"]
    assert stalled.records == plain.records
    hopeless = evaluate(open_shared, Unlucky(3), "expert", config, tmp_path / "h.json")
    assert [str(key) for key in hopeless.missing()] == ["1000/clear-day/0"]
    assert len(hopeless.crashes) == 3
    assert len(opened) == 2, "the simulator goes on"


def test_who_does_not_move_is_blocked(config, shared, tmp_path):
    one = replace(config, route_ids=(1000,))
    results = evaluate(lambda: shared, Fixed(Control(brake=1.0)), "parked", one, tmp_path / "r.json")
    (record,) = results.records.values()
    assert record.status == "Failed - Agent got blocked"
    assert record.route_completion_pct < 2.0
    assert results.summary().success_count == 0


def test_routes_of_two_towns_are_driven_each_in_its_own(config, shared, tmp_path):
    ring = read_routes(ROUTES_FOLDER / "town_ring_empty.xml")[0]
    path = tmp_path / "two_towns.xml"
    path.write_text(write_routes([selected_routes(config)[0], ring]))
    both = replace(config, routes_path=path, drive=replace(config.drive, cars=0))
    towns = []

    class Parked(Fixed):
        def begin(self, session, ego, route, seed):
            towns.append(session.map.name.split("/")[-1])

    results = evaluate(lambda: shared, Parked(Control(brake=1.0)), "parked", both, tmp_path / "r.json")
    assert towns == ["TownGrid", "TownRing"]
    assert {record.status for record in results.records.values()} == {"Failed - Agent got blocked"}
    # Resumed or not, the file names the town of its first route.
    assert results.simulator["map"] == "TownGrid"
    done = evaluate(lambda: shared, Parked(Control(brake=1.0)), "parked", both, tmp_path / "r.json")
    assert done.records == results.records


def test_the_record_says_what_a_driver_did_that_failed(config, shared, tmp_path):
    class Failing(Fixed):
        begun = 0

        def begin(self, session, ego, route, seed):
            self.begun += 1
            if self.begun == 2:
                raise DriverFailed("Failed - Agent couldn't be set up", "OSError: no such weights")

        def control(self, view):
            raise DriverFailed("Failed - Agent crashed", "ZeroDivisionError: division by zero")

    path = tmp_path / "r.json"
    evaluate(lambda: shared, Failing(Control()), "failing", replace(config, drive=DriveConfig(cars=0)), path)
    told = [(record.status, record.failure) for record in Results.read(path).records.values()]
    assert told == [
        ("Failed - Agent crashed", "ZeroDivisionError: division by zero"),
        ("Failed - Agent couldn't be set up", "OSError: no such weights"),
    ]


def test_who_only_accelerates_hits_something_or_leaves_the_route(config, shared, tmp_path):
    one = replace(config, route_ids=(1001,), drive=replace(config.drive, time_limit_s=20.0))
    driver = Fixed(Control(throttle=1.0, steer=-0.2))
    results = evaluate(lambda: shared, driver, "reckless", one, tmp_path / "r.json")
    (record,) = results.records.values()
    kinds = {infraction.kind for infraction in record.infractions}
    assert kinds & {InfractionKind.COLLISION_LAYOUT, InfractionKind.COLLISION_VEHICLE, InfractionKind.OUTSIDE_LANES}
    assert results.summary().driving_score_mean < 60.0


@pytest.mark.slow
def test_a_simulator_that_dies_costs_one_drive_and_the_headline(config, shared, tmp_path):
    # Without traffic: the Traffic Manager's own thread aborts the whole process when its server dies, and then it is
    # the next run that notes the crash (see test_results).
    config = replace(config, drive=replace(config.drive, cars=0))
    path = tmp_path / "results.json"
    sessions = iter([open_session(timeout_s=10.0), shared])
    results = evaluate(lambda: next(sessions), Saboteur(), "expert", config, path)
    assert [crash["drive"] for crash in results.crashes] == ["1000/clear-day/0"]
    assert results.missing() == [DriveKey(1000, "clear-day", 0)]
    with pytest.raises(PartialRun):
        results.summary()
    completed = evaluate(lambda: shared, ExpertDriver(), "expert", config, path)
    assert completed.summary().driving_score_mean == 100.0
    with pytest.raises(ResultsError, match="different: driver"):
        evaluate(lambda: shared, ExpertDriver(), "another", config, path)
