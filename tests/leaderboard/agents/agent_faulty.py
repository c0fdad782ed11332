"""An agent that does wrong what its configuration names."""

import math
import time

import carla

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "FaultyAgent"


class FaultyAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.fault = path_to_conf_file
        self.track = Track.MAP if self.fault == "track" else Track.SENSORS
        self.steps = 0
        if self.fault == "setup":
            raise OSError("no such weights")

    def sensors(self):
        kind = "sensor.camera.semantic_segmentation" if self.fault == "sensor" else "sensor.other.gnss"
        if self.fault == "radius":
            return [{"type": kind, "x": 4.0, "y": 0.0, "z": 0.0, "id": "a"}]
        return [{"type": kind, "x": 0.0, "y": 0.0, "z": 0.0, "width": 8, "height": 8, "fov": 90, "id": "a"}]

    def run_step(self, input_data, timestamp):
        self.steps += 1
        if self.steps > 40:
            if self.fault == "raise":
                raise ZeroDivisionError("division by zero")
            if self.fault == "nan":
                return carla.VehicleControl(steer=math.nan)
            if self.fault == "none":
                return {"steer": 0.0}
            if self.fault == "hang":
                time.sleep(3600)
        return carla.VehicleControl(throttle=0.5)

    def destroy(self):
        if self.fault == "destroy":
            raise RuntimeError("cannot be destroyed")
