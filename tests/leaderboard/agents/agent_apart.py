"""An agent that writes down where it runs, then does what its configuration names; `None` drives straight on."""

import json
import os
import signal
import sys
from pathlib import Path

import carla
import numpy as np

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track


def get_entry_point():
    return "ApartAgent"


class ApartAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        self.notes, self.fault = path_to_conf_file.split("|")
        self.steps = 0
        here = self.hero_actor.get_location()
        start = self._global_plan_world_coord[0][0].location
        told = {"pid": os.getpid(), "executable": sys.executable, "from_start_m": here.distance(start)}
        with Path(self.notes).open("a") as file:
            file.write(json.dumps(told) + "\n")

    def sensors(self):
        pose = {"x": 0.7, "y": 0.0, "z": 1.6, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
        return [
            {"type": "sensor.camera.rgb", "id": "front", "width": 96, "height": 54, "fov": np.float64(100), **pose},
            {"type": "sensor.speedometer", "id": "speed", "reading_frequency": 20},
        ]

    def run_step(self, input_data, timestamp):
        self.steps += 1
        print("what an agent prints is its own affair")
        assert input_data["front"][1].dtype == np.uint8
        input_data["front"][1][:] = 0
        if self.steps > 20 and self.fault == "die":
            os.abort()
        if self.steps > 20 and self.fault == "killed-once" and len(Path(self.notes).read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return carla.VehicleControl(throttle=0.4)
