"""Steps MetaDrive without cameras and prints one JSON line; run by `metadrive_rate` in MetaDrive's own environment.

MetaDrive 0.4.3 fetches its models and textures from the net at its first reset. Nothing of that is used without a
camera: this writes the files whose existence it checks, empty, beside the installed package.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path


def write_placeholders() -> None:
    """Make MetaDrive believe that it has its assets."""
    spec = importlib.util.find_spec("metadrive")
    if spec is None or spec.origin is None:
        raise SystemExit("metadrive-simulator is not installed in this environment")
    assets = Path(spec.origin).parent / "assets"
    for name in ("version.txt", "textures/grass1/GroundGrassGreen002_COL_1K.jpg"):
        path = assets / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("0.4.3\n", encoding="ascii")


def main(cars: int, steps: int) -> None:
    from metadrive.envs.metadrive_env import MetaDriveEnv

    density = 0.02
    while True:
        env = MetaDriveEnv(
            {
                "use_render": False,
                "image_observation": False,
                "traffic_mode": "respawn",
                "traffic_density": density,
                "map": 7,
                "num_scenarios": 1,
                "log_level": 50,
                "horizon": 10**9,
                "crash_vehicle_done": False,
                "crash_object_done": False,
                "out_of_road_done": False,
            }
        )
        env.reset(seed=0)
        found = len(env.engine.traffic_manager.traffic_vehicles)
        if found >= cars or density > 1.0 or cars == 0:
            break
        env.close()
        density *= 1.15
    standing = [0.0, -1.0]
    for _ in range(50):
        env.step(standing)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(steps):
        env.step(standing)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    moving = sum(float(vehicle.speed) > 0.5 for vehicle in env.engine.traffic_manager.traffic_vehicles)
    result = {"cars": found, "moving": moving, "steps": steps, "wall_s": wall_s, "cpu_s": cpu_s}
    env.close()
    print(json.dumps(result))


if __name__ == "__main__":
    write_placeholders()
    main(int(sys.argv[1]), int(sys.argv[2]))
