"""An agent without eyes that only accelerates."""

import carla

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "RecklessAgent"


class RecklessAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS

    def sensors(self):
        return [{"type": "sensor.speedometer", "id": "speed"}]

    def run_step(self, input_data, timestamp):
        return carla.VehicleControl(throttle=0.6, steer=-0.02)
