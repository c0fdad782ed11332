"""An agent that keeps what its camera and its label camera saw first."""

import carla

from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track

SEEN = []


def get_entry_point():
    return "CollectingAgent"


class CollectingAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.COLLECTION

    def sensors(self):
        pose = {"x": 0.7, "y": 0.0, "z": 1.6, "width": 64, "height": 36, "fov": 100}
        return [
            {"type": "sensor.camera.rgb", "id": "rgb", **pose},
            {"type": "sensor.camera.semantic_segmentation", "id": "seg", **pose},
        ]

    def run_step(self, input_data, timestamp):
        SEEN.append(input_data)
        if len(SEEN) == 3:
            raise StopIteration("enough")
        return carla.VehicleControl()
