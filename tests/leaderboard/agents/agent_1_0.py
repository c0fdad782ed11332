"""An agent in the style of Leaderboard 1.0: made with a path, and a planner of CARLA before 0.9.12."""

import carla
from agents.navigation.global_route_planner import GlobalRoutePlanner
from agents.navigation.global_route_planner_dao import GlobalRoutePlannerDAO
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "OldAgent"


class OldAgent(AutonomousAgent):
    def __init__(self, path_to_conf_file):
        super().__init__(path_to_conf_file)
        assert self.config == path_to_conf_file, "the base class calls setup"

    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        self.config = path_to_conf_file

    def sensors(self):
        return [{"type": "sensor.other.gnss", "x": 0.0, "y": 0.0, "z": 0.0, "id": "GPS"}]

    def run_step(self, input_data, timestamp):
        planner = GlobalRoutePlanner(GlobalRoutePlannerDAO(CarlaDataProvider.get_map(), 1.0))
        planner.setup()
        steps = [
            b[0].location.distance(a[0].location)
            for a, b in zip(self._global_plan_world_coord[:-1], self._global_plan_world_coord[1:])
        ]
        assert max(steps) < 60.0, "the plan of 1.0 has a point every 50 m"
        control = carla.VehicleControl(brake=1.0)
        return control
