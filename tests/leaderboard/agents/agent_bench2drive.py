"""An agent in the style of Bench2Drive: it relies on hero_actor, get_metric_info and the name in its config."""

import carla

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "MetricAgent"


class MetricAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        self.config, self.save_name = path_to_conf_file.split("+")
        assert self.save_name.startswith("RouteScenario_")
        assert len(self._plan_gps_HACK) >= len(self._global_plan)

    def sensors(self):
        return [
            {
                "type": "sensor.other.imu",
                "x": 0.0,
                "y": 0.0,
                "z": 0.0,
                "roll": 0.0,
                "pitch": 0.0,
                "yaw": 0.0,
                "id": "IMU",
            },
            {
                "type": "sensor.other.gnss",
                "x": 0.0,
                "y": 0.0,
                "z": 50.0,
                "roll": 0.0,
                "pitch": 0.0,
                "yaw": 0.0,
                "id": "GPS",
            },
        ]

    def run_step(self, input_data, timestamp):
        info = self.get_metric_info()
        place = self.hero_actor.get_location()
        assert info["location"] == [place.x, place.y, place.z]
        assert len(info["rotation"]) == len(info["acceleration"]) == 3
        return carla.VehicleControl(throttle=1.0)
