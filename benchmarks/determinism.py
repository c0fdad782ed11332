"""Same seed, same run: 1,000 snapshots and 50 frames hash equal in two server processes; another seed differs."""

from __future__ import annotations

import argparse
import hashlib

import numpy as np

from benchmarks.stopwatch import machine_line
from carla_agents.driving.expert import Expert
from carla_agents.driving.placing import start_pose
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig

SNAPSHOTS, FRAMES, CARS = 1000, 50, 20


def drive(seed: int, cars: int) -> tuple[str, str]:
    """Hashes of all actor states over the drive, and of all pictures."""
    states, pictures = hashlib.sha256(), hashlib.sha256()
    with Session.open(SimulatorConfig(seed=seed)) as session:
        session.reset()
        planner = RoutePlanner(session.map)
        route = planner.random_route(np.random.default_rng(seed), 500.0, min_turns=2)
        ego = session.spawn("vehicle.lincoln.mkz_2020", start_pose(route))
        start = (float(route.points_m[0, 0]), float(route.points_m[0, 1]))
        every = SNAPSHOTS // FRAMES
        with (
            Traffic(session, TrafficConfig(cars, 0, seed), [start]),
            SensorRig(session, ego, cameras(CameraSpec(), ("rgb", "seg", "depth_m")), every) as rig,
        ):
            session.tick()
            expert = Expert(session, ego, route)
            for _ in range(SNAPSHOTS):
                session.apply(ego, expert.control())
                frame_id = session.tick()
                snapshot = session.snapshot()
                for actor in sorted(snapshot, key=lambda a: a.id):
                    t, v, w = actor.get_transform(), actor.get_velocity(), actor.get_angular_velocity()
                    row = (
                        t.location.x,
                        t.location.y,
                        t.location.z,
                        t.rotation.pitch,
                        t.rotation.yaw,
                        t.rotation.roll,
                    )
                    states.update(np.array([actor.id, *row, v.x, v.y, v.z, w.x, w.y, w.z], np.float64).tobytes())
                if rig.due(frame_id):
                    for picture in rig.gather(frame_id).values():
                        pictures.update(np.ascontiguousarray(picture).tobytes())
    return states.hexdigest()[:16], pictures.hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cars", type=int, default=CARS, help="Traffic Manager cars")
    cars = parser.parse_args().cars
    print(machine_line())
    runs = {"seed 1": drive(1, cars), "seed 1 again": drive(1, cars), "seed 2": drive(2, cars)}
    for name, (states, pictures) in runs.items():
        print(f"{name:<14}{SNAPSHOTS} snapshots, {cars} cars: {states}   {FRAMES} frames x 3 cameras: {pictures}")
    equal = runs["seed 1"] == runs["seed 1 again"]
    differs = all(a != b for a, b in zip(runs["seed 1"], runs["seed 2"], strict=True))
    print(f"equal seeds equal: {equal}; another seed differs: {differs}")
    raise SystemExit(int(not (equal and differs)))


if __name__ == "__main__":
    main()
