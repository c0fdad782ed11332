"""An agent in the style of Leaderboard 2.x: a camera, GNSS, IMU and speedometer, and CARLA's BasicAgent to drive."""

import carla
from agents.navigation.basic_agent import BasicAgent
from agents.navigation.local_planner import RoadOption
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
from srunner.scenariomanager.timer import GameTime

from leaderboard.autoagents import autonomous_agent
from leaderboard.autoagents.autonomous_agent import Track


def get_entry_point():
    return "BasicDriver"


class BasicDriver(autonomous_agent.AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        self.config = path_to_conf_file
        self.driver = None
        self.seen = []

    def sensors(self):
        pose = {"x": 0.7, "y": 0.0, "z": 1.6, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
        return [
            {"type": "sensor.camera.rgb", "id": "front", "width": 96, "height": 54, "fov": 100, **pose},
            {"type": "sensor.other.gnss", "id": "gps", "x": 0.0, "y": 0.0, "z": 0.0},
            {"type": "sensor.other.imu", "id": "imu", **pose},
            {"type": "sensor.speedometer", "id": "speed", "reading_frequency": 20},
        ]

    def run_step(self, input_data, timestamp):
        assert {frame for frame, _ in input_data.values()} == {GameTime.get_frame()}
        assert input_data["front"][1].shape == (54, 96, 4)
        assert input_data["gps"][1].shape == (3,)
        assert input_data["imu"][1].shape == (7,)
        assert abs(timestamp - GameTime.get_time()) < 1e-9
        if self.driver is None:
            hero = CarlaDataProvider.get_hero_actor()
            assert hero.id == self.hero_actor.id
            self.driver = BasicAgent(hero, 25)
            assert all(isinstance(option, RoadOption) for _, option in self._global_plan)
            here = hero.get_location()
            plan = []
            for transform, _ in self._global_plan_world_coord:
                origin = CarlaDataProvider.get_map().get_waypoint(here)
                target = CarlaDataProvider.get_map().get_waypoint(transform.location)
                plan += self.driver.trace_route(origin, target)
                here = transform.location
            self.driver.set_global_plan(plan)
        control = self.driver.run_step()
        assert isinstance(control, carla.VehicleControl)
        return control

    def destroy(self):
        self.driver = None
