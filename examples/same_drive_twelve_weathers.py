"""Drive the same seconds twelve times, once per condition, and put the same instant of all drives on one sheet.

Nothing but the plain CARLA client API and equal seeds make the drives equal: every car, walker and lamp stands where
it stood before, so the pictures are pixel-aligned. This is how `syndiff record --paired` makes training pairs.

    python examples/same_drive_twelve_weathers.py --out conditions.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from augment.conditions import CORE12, DOMINANT, Condition
from carla_agents.driving.expert import Expert
from carla_agents.driving.headlights import switch_lamps
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import STREET_MIX, Traffic, TrafficConfig
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig
from syndiff.report.sheets import color_tags, contact_sheet


def instant(
    session: Session, condition: Condition, seed: int, ticks: int, camera: CameraSpec
) -> dict[str, np.ndarray]:
    """What the camera sees after `ticks` ticks of the seed's drive under a condition."""
    session.reset()
    weather = condition.to_weather().as_tuple()
    session.set_weather(weather)
    route = RoutePlanner(session.map).random_route(np.random.default_rng(seed), 300.0, min_turns=1)
    ego = session.spawn("vehicle.lincoln.mkz_2020", start_pose(route), {"role_name": "hero"})
    start_m = (float(route.points_m[0, 0]), float(route.points_m[0, 1]))
    busy = TrafficConfig(50, 50, seed, STREET_MIX)
    with Traffic(session, busy, [start_m], enliven_m=route.points_m[:, :2]) as traffic:
        switch_lamps(session, [ego, *traffic.vehicles], weather)
        session.tick()
        expert = Expert(session, ego, route)
        for _ in range(ticks):
            session.apply(ego, expert.control())
            session.tick()
        with SensorRig(session, ego, cameras(camera, ("rgb", "seg"))) as rig:
            return rig.gather(session.tick())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("conditions.jpg"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ticks", type=int, default=112)
    parser.add_argument("--width", type=int, default=512)
    options = parser.parse_args()
    camera = CameraSpec(width_px=options.width, height_px=options.width * 9 // 16)
    with Session.open(SimulatorConfig(seed=options.seed)) as session:
        seen = {c: instant(session, c, options.seed, options.ticks, camera) for c in CORE12}
    labels = seen[DOMINANT]["seg"]
    equal = sum(np.array_equal(picture["seg"], labels) for picture in seen.values())
    print(f"{equal} of {len(seen)} drives have exactly the same labels at this instant")
    tiles = [(condition.name, picture["rgb"]) for condition, picture in seen.items()]
    rows = [tiles[i : i + 3] for i in range(0, len(tiles), 3)]
    sheet = contact_sheet([*rows, [("seg, the same for all", color_tags(labels))]], tile_width_px=480)
    cv2.imwrite(str(options.out), sheet[..., ::-1])
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
