"""An agent that looks at nothing but its IMU and only accelerates."""

import carla

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "RecklessAgent"


class RecklessAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS

    def sensors(self):
        pose = {"x": 0.0, "y": 0.0, "z": 0.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
        return [{"type": "sensor.speedometer", "id": "speed"}, {"type": "sensor.other.imu", "id": "imu", **pose}]

    def run_step(self, input_data, timestamp):
        return carla.VehicleControl(throttle=0.6, steer=-0.02)
