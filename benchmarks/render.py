"""Frames per second of the renderer alone, in the default town with 30 vehicles and 30 walkers, along one drive.

Goal (2 idle cores): rgb + semantic 256x144 at clear noon >= 60 frames/s, so that a driving loop can reach 50.
"""

from __future__ import annotations

import numpy as np

from augment.conditions import Condition
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_server.render.actors import ACTOR_DTYPE
from carla_server.render.camera import CameraView
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town
from carla_server.semantics import SemanticTag

FRAMES = 120
SIZES = ((256, 144), (400, 300), (800, 600))
LABELS = frozenset({"semantic", "instance", "depth"})
CASES = {
    "labels (tag, instance, depth)": ("clear-day", LABELS),
    "rgb + semantic, clear-day": ("clear-day", frozenset({"rgb", "semantic"})),
    "everything, clear-day": ("clear-day", LABELS | {"rgb"}),
    "everything, rain-night": ("rain-night", LABELS | {"rgb"}),
}


def crowd(renderer: Renderer, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """30 cars on lanes and 30 people beside them."""
    actors = np.zeros(60, ACTOR_DTYPE)
    near = places[np.argsort(np.hypot(*(places[:, :2] - places[0, :2]).T))][1:61]
    actors["position_m"] = near[:, :3]
    actors["rotation_deg"] = near[:, 3:]
    actors["color"] = rng.integers(20, 235, (60, 3))
    actors["instance"] = np.arange(1, 61)
    actors["lights"] = 3
    car, person = renderer.mesh_id("vehicle.tesla.model3", (2.4, 1.08, 0.74)), 0
    person = renderer.mesh_id("walker.pedestrian.0001", (0.19, 0.19, 0.93))
    actors["mesh"][:30], actors["mesh"][30:] = car, person
    actors["tag"][:30], actors["tag"][30:] = SemanticTag.CAR, SemanticTag.PEDESTRIANS
    actors["position_m"][30:, :2] += rng.uniform(3.5, 5.0, (30, 1))
    actors["position_m"][30:, 2] += 0.93
    return actors


def main() -> None:
    print(machine_line())
    town = load_town("TownGrid")
    renderer = Renderer(town)
    print(f"{renderer.device_name} through {renderer.backend}, {town.surface.triangle_count} surface triangles")
    renderer.set_actors(crowd(renderer, town.spawn_points, np.random.default_rng(0)))
    x, y, z, _, yaw, _ = town.spawn_points[0]
    heading = np.radians(yaw)
    for width, height in SIZES:
        view = CameraView(width, height, 90.0)
        for name, (condition, outputs) in CASES.items():
            weather = Condition.parse(condition).to_weather().as_tuple()
            renderer.warm(weather, [view])

            def frame(
                number: int, weather: tuple = weather, view: CameraView = view, wanted: frozenset = outputs
            ) -> None:
                # A car at 10 m/s: the cached shadow map is redrawn as often as on a real drive.
                ahead = 0.5 * (number % 160) - 40.0
                pose = (x + ahead * np.cos(heading), y + ahead * np.sin(heading), z + 1.2, -5.0, yaw, 0.0)
                renderer.render(view, pose, weather, wanted, number * 0.05, number)

            for number in range(5):
                frame(number)
            with Stopwatch() as watch:
                for number in range(FRAMES):
                    frame(number)
            print(f"{width}x{height} {name:<32}{watch.per(FRAMES)}")
    renderer.close()


if __name__ == "__main__":
    main()
