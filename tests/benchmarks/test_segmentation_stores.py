from __future__ import annotations

import numpy as np
import pytest

from augment.conditions import DOMINANT
from benchmarks.segmentation_stores import past_lights
from carla_agents.data.drive_recorder import plan_route
from carla_agents.data.drives import plan_drives
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import SimulatorConfig
from scenarios.maps import map_finder


@pytest.mark.parametrize("town", ["TownArterial", "TownHill"])
def test_drives_past_lights_come_to_signals_from_lanes_of_their_own(town):
    recording = RecordingConfig(simulator=SimulatorConfig(map_name=town), route_length_m=150.0)
    drives = plan_drives({"clear-day": 60}, {"clear-day": DOMINANT.to_weather().as_tuple()}, 5)
    kept = list(past_lights(drives, recording))
    carla_map = map_finder()(town)
    planner = RoutePlanner(carla_map)
    signals = [signal.transform.location for signal in carla_map.get_all_landmarks_of_type("1000001")]
    signals_m = np.array([(place.x, place.y) for place in signals])

    def nearest_m(drive):
        points_m = plan_route(planner, drive, recording).points_m[:, None, :2]
        return np.hypot(*(points_m - signals_m).transpose(2, 0, 1)).min()

    assert 2 <= len(kept) < len(drives)
    assert kept == [drive for drive in drives if drive in kept]
    assert max(nearest_m(drive) for drive in kept) < 15.0 < max(nearest_m(drive) for drive in drives)
    starts = [tuple(plan_route(planner, drive, recording).lanes[0]) for drive in kept]
    assert len(set(starts)) == len(starts)
