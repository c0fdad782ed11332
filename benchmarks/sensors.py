"""CPU milliseconds per tick of each sensor alone, in the default town with 30 vehicles, and points per second.

Goal: the lidar of CARLA's Leaderboard (600,000 points per second, 64 channels, 85 m) at 20 Hz in under 25 ms a tick.
"""

from __future__ import annotations

import time

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town
from carla_server.wire.structs import ActorDescription
from carla_server.world.actors import Actor
from carla_server.world.world import World

TICKS = 60
DELTA_S = 0.05
VEHICLES = 30
LEADERBOARD = {
    "channels": 64,
    "range": 85,
    "points_per_second": 600_000,
    "rotation_frequency": 10,
    "upper_fov": 10,
    "lower_fov": -30,
    "dropoff_general_rate": 0.45,
    "dropoff_intensity_limit": 0.8,
    "dropoff_zero_intensity": 0.4,
}
BEAMS = {name: value for name, value in LEADERBOARD.items() if not name.startswith("dropoff")}
CASES: dict[str, tuple[str, dict[str, float]]] = {
    "lidar, CARLA's defaults (56,000/s)": ("sensor.lidar.ray_cast", {}),
    "lidar, Leaderboard (600,000/s)": ("sensor.lidar.ray_cast", LEADERBOARD),
    "semantic lidar (600,000/s)": ("sensor.lidar.ray_cast_semantic", BEAMS),
    "radar (1,500/s)": ("sensor.other.radar", {}),
    "imu": ("sensor.other.imu", {"noise_accel_stddev_x": 0.001}),
    "gnss": ("sensor.other.gnss", {"noise_lat_stddev": 5e-6}),
    "obstacle": ("sensor.other.obstacle", {"distance": 30}),
    **{
        f"{family} camera {width}x{height}": (
            f"sensor.camera.{family}",
            {"image_size_x": width, "image_size_y": height},
        )
        for width, height in ((256, 144), (800, 600))
        for family in ("rgb", "depth", "normals", "optical_flow", "dvs", "cosmos_visualization")
    },
}


def spawn(
    world: World, blueprint_id: str, pose: tuple[float, ...], parent_id: int = 0, attributes: dict | None = None
) -> Actor:
    given = tuple((name, 0, str(value)) for name, value in (attributes or {}).items())
    place = (pose[0], pose[1], pose[2], pose[3], pose[4], pose[5])
    return world.spawn(ActorDescription(0, blueprint_id, given), place, parent_id)


def crowded_world() -> tuple[World, Actor]:
    """The default town with cars at its first spawn points; the first of them carries the sensors."""
    town = load_town("TownGrid")
    world = World(town, seed=1, open_renderer=Renderer)
    away_m = abs(town.spawn_points[:, :2] - town.spawn_points[0, :2]).sum(axis=1)
    cars = []
    for row in away_m.argsort(kind="stable"):
        pose = tuple(town.spawn_points[row].tolist())
        try:
            cars.append(spawn(world, "vehicle.tesla.model3", pose))
        except ValueError:  # the point before stands too near
            continue
        if len(cars) == VEHICLES:
            break
    for _ in range(20):
        world.tick(DELTA_S, ())
    return world, cars[0]


def main() -> None:
    print(machine_line())
    world, carrier = crowded_world()
    with Stopwatch() as bare:
        for _ in range(TICKS):
            world.tick(DELTA_S, ())
    print(f"{'no sensor':<40}{1e3 * bare.own_cpu_s / TICKS:8.2f} ms a tick")
    for name, (blueprint_id, attributes) in CASES.items():
        sensor = spawn(world, blueprint_id, (0.0, 0.0, 2.4, 0.0, 0.0, 0.0), carrier.actor_id, attributes)
        began = time.process_time()
        world.tick(DELTA_S, {sensor.stream_id})
        first_ms = 1e3 * (time.process_time() - began)
        sent = 0
        ticks = TICKS if "camera" not in name else TICKS // 3
        with Stopwatch() as watch:
            for _ in range(ticks):
                world.vehicles.set_velocity(carrier.actor_id, (8.0, 0.0, 0.0))
                output = world.tick(DELTA_S, {sensor.stream_id})
                sent += sum(len(part) for _, parts in output.measurements for part in parts)
        cost_ms = 1e3 * (watch.own_cpu_s / ticks - bare.own_cpu_s / TICKS)
        line = f"{name:<40}{cost_ms:8.2f} ms a tick, first {first_ms:7.1f} ms, {sent / ticks / 1024:7.1f} KiB a tick"
        if "points_per_second" in sensor.attributes:
            rays = float(sensor.attributes["points_per_second"]) * DELTA_S
            line += f", {rays / cost_ms / 1e3:6.2f} million rays a CPU second"
        print(line)
        world.destroy(sensor.actor_id)


if __name__ == "__main__":
    main()
