"""One instant of a drive under twelve conditions, from one simulation and one geometry pass per set of lamps.

Needs the embedded server (a real CARLA cannot relight; `syndiff pairs` replays drives there).

    python examples/relight_one_instant.py --out instant.jpg
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from augment.conditions import CORE12
from carla_agents.driving.expert import Expert
from carla_agents.driving.headlights import lamps_for_weather
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.relighter import Relighter, RelitCondition
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig
from syndiff.report.sheets import contact_sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("instant.jpg"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ticks", type=int, default=160)
    parser.add_argument("--width", type=int, default=512)
    options = parser.parse_args()
    camera = CameraSpec(width_px=options.width, height_px=options.width * 9 // 16)
    with Session.open(SimulatorConfig(seed=options.seed)) as session, Relighter(session) as relighter:
        route = RoutePlanner(session.map).random_route(np.random.default_rng(options.seed), 300.0, min_turns=1)
        ego = session.spawn("vehicle.lincoln.mkz_2020", start_pose(route), {"role_name": "hero"})
        start_m = (float(route.points_m[0, 0]), float(route.points_m[0, 1]))
        with Traffic(session, TrafficConfig(40, 0, options.seed), [start_m]) as traffic:
            expert = Expert(session, ego, route)
            for _ in range(options.ticks):
                session.apply(ego, expert.control())
                session.tick()
            cars = [ego.id, *(vehicle.id for vehicle in traffic.vehicles)]
            conditions = []
            for condition in CORE12:
                weather = condition.to_weather().as_tuple()
                conditions.append(RelitCondition(weather, dict.fromkeys(cars, lamps_for_weather(weather))))
            with SensorRig(session, ego, cameras(camera, ("rgb",))) as rig:
                rig.gather(session.tick())
                began_s = time.perf_counter()
                size_px = (camera.width_px, camera.height_px)
                relit = relighter.relight(rig.actor_id("rgb"), session.frame_id, conditions, size_px)
    print(f"{len(relit)} conditions in {time.perf_counter() - began_s:.2f} s, shaders compiled meanwhile")
    tiles = [(condition.name, picture) for condition, picture in zip(CORE12, relit, strict=True)]
    sheet = contact_sheet([tiles[i : i + 3] for i in range(0, len(tiles), 3)], tile_width_px=480)
    cv2.imwrite(str(options.out), sheet[..., ::-1])
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
