import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import carla
import pytest
from agents.navigation.global_route_planner import GlobalRoutePlanner
from agents.navigation.local_planner import RoadOption
from agents.tools.misc import compute_magnitude_angle, is_within_distance
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

from leaderboard.shims import resolved_file
from leaderboard.utils.route_manipulation import (
    _get_latlon_ref,
    _location_to_gps,
    downsample_route,
    interpolate_trajectory,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def town() -> carla.Map:
    return carla.Map("TownGrid", (ROOT / "carla_server" / "towns" / "TownGrid.xodr").read_text("utf-8"))


def ask(code: str, *path: Path) -> str:
    """What a fresh interpreter prints with these folders on its import path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(p) for p in path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_stand_ins_are_found_after_importing_leaderboard_and_only_then():
    code = "import leaderboard; from agents.navigation.basic_agent import BasicAgent; print(BasicAgent.__module__)"
    assert ask(code, ROOT) == "agents.navigation.basic_agent"
    without = "import importlib.util as u; print([u.find_spec(n) for n in ('agents', 'srunner')])"
    assert ask(without, ROOT) == "[None, None]"


def test_a_package_of_the_user_wins_over_the_stand_in(tmp_path):
    own = tmp_path / "agents"
    own.mkdir()
    (own / "__init__.py").write_text("MINE = True\n")
    code = "import leaderboard, agents; print(agents.MINE)"
    assert ask(code, ROOT, tmp_path) == ask(code, tmp_path, ROOT) == "True"


def official(folder: Path) -> Path:
    """A checkout of another package called leaderboard, with one module of ours and one of its own."""
    package = folder / "leaderboard"
    (package / "utils").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "theirs.py").write_text("WHOSE = 'theirs'\n")
    return folder


def test_the_official_package_may_stand_behind_ours_and_adds_its_modules(tmp_path):
    theirs = official(tmp_path)
    code = "import leaderboard.theirs as t, leaderboard.score as s; print(t.WHOSE, s.Metric.V2_1.value)"
    assert ask(code, ROOT, theirs) == "theirs 2.1"


def test_the_official_package_in_front_of_ours_is_told_by_doctor(tmp_path):
    theirs = official(tmp_path)
    code = (
        "import json; from syndiff.doctor import _imports;"
        "print(json.dumps([[f.topic, f.state, f.detail] for f in _imports()]))"
    )
    found = {topic: (state, detail) for topic, state, detail in json.loads(ask(code, ROOT, theirs))}
    assert found["import leaderboard"][0] == "ok"
    assert found["import agents"] == ("ok", f"{resolved_file('agents')} (stand-in of this package)")


def test_a_planned_route_is_connected_and_says_where_it_turns(town):
    places = [pose.location for pose in town.get_spawn_points()] or [
        w.transform.location for w in town.generate_waypoints(60.0)
    ]
    planner = GlobalRoutePlanner(town, 1.0)
    route = planner.trace_route(places[0], places[len(places) // 2])
    gaps = [b[0].transform.location.distance(a[0].transform.location) for a, b in pairwise(route)]
    assert max(gaps) < 6.0
    assert {option for waypoint, option in route if waypoint.is_junction} <= {
        RoadOption.LEFT,
        RoadOption.RIGHT,
        RoadOption.STRAIGHT,
    }
    thin = GlobalRoutePlanner(town, 5.0).trace_route(places[0], places[len(places) // 2])
    assert len(thin) < 0.5 * len(route)
    assert thin[-1][0].transform.location.distance(route[-1][0].transform.location) < 0.01


def test_interpolated_routes_carry_gps_positions_of_the_same_places(town):
    class World:
        def get_map(self):
            return town

        def get_settings(self):
            return carla.WorldSettings()

    CarlaDataProvider.set_world(World())
    waypoints = town.generate_waypoints(60.0)
    keypoints = [waypoints[0].transform.location, waypoints[0].next(40.0)[0].transform.location]
    gps, route = interpolate_trajectory(keypoints)
    assert len(gps) == len(route) > 30
    assert gps[0][0] == _location_to_gps(*_get_latlon_ref(town), route[0][0].location)
    CarlaDataProvider.cleanup()


def test_gps_positions_count_north_against_y_and_scale_with_latitude():
    here = _location_to_gps(42.0, 2.0, carla.Location(x=100.0, y=-50.0, z=1.5))
    metres_per_degree = math.pi * 6378137.0 / 180.0 * math.cos(math.radians(42.0))
    assert here["lon"] == pytest.approx(2.0 + 100.0 / metres_per_degree, abs=1e-9)
    # A Mercator metre at 42 degrees north is cos(42 degrees) of a degree of longitude's metre.
    assert here["lat"] == pytest.approx(42.0 + 50.0 / (math.pi * 6378137.0 / 180.0), abs=1e-6)
    assert here["z"] == 1.5


def line(options):
    return [(carla.Transform(carla.Location(x=float(x))), RoadOption(option)) for x, option in enumerate(options)]


def test_thinned_plans_keep_ends_turns_and_lane_changes():
    route = line([4] * 100 + [1] * 10 + [4] * 100 + [5] * 3 + [4] * 20)
    kept = downsample_route(route, 50.0)
    assert kept[0] == 0
    assert kept[-1] == len(route) - 1
    assert {100, 110, 210, 211, 212} <= set(kept)
    assert 213 not in kept, "leaving a lane change is no change of its own"
    assert kept[1] == 52, "the official rule looks at the distance before it adds the step to the point itself"


def test_angles_and_distances_are_those_of_carla():
    here = carla.Transform(carla.Location(), carla.Rotation(yaw=90.0))
    there = carla.Transform(carla.Location(y=10.0))
    assert compute_magnitude_angle(there.location, here.location, 90.0) == pytest.approx((10.0, 0.0), abs=1e-4)
    assert is_within_distance(there, here, 11.0, [0.0, 30.0]) or not is_within_distance(there, here, 9.0)
    assert not is_within_distance(there, here, 9.0)
    behind = carla.Transform(carla.Location(y=-10.0))
    assert not is_within_distance(behind, here, 11.0, [0.0, 90.0])
