"""10,000 ticks with four cameras: every gathered tuple must be of one frame and show one instant.

Checked independently of the rig's own bookkeeping: sky and depth must agree pixel by pixel between the semantic, the
instance and the depth picture, which they do not when one of them is a tick late on a moving car.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.expert import Expert
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_server.semantics import SemanticTag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=10_000)
    ticks = parser.parse_args().ticks
    print(machine_line())
    mismatched = done = 0
    with Session.open(SimulatorConfig(seed=3)) as session:
        planner = RoutePlanner(session.map)
        rng = np.random.default_rng(0)
        watch = Stopwatch(session.server.pid if session.server is not None else None)
        with watch:
            while done < ticks:
                session.reset()
                route = planner.random_route(rng, 400.0, min_turns=1)
                ego = session.spawn("vehicle.lincoln.mkz_2020", start_pose(route))
                session.tick()
                expert = Expert(session, ego, route)
                camera = CameraSpec(width_px=64, height_px=36)
                with SensorRig(session, ego, cameras(camera, ("rgb", "seg", "depth_m", "instance"))) as rig:
                    for _ in range(min(1000, ticks - done)):
                        session.apply(ego, expert.control())
                        frame_id = session.tick()
                        seen = rig.gather(frame_id)
                        sky = seen["seg"] == SemanticTag.SKY
                        mismatched += int(not np.array_equal(sky, seen["depth_m"] > 999.0))
                        done += 1
        print(f"{done} ticks x 4 sensors: {mismatched} mismatched tuples; {watch.per(done)}")
    raise SystemExit(int(mismatched > 0))


if __name__ == "__main__":
    main()
