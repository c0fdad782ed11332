"""Frames per second of the renderer alone, in the default town with 30 vehicles and 30 walkers, along one drive.

`--prototype DIR`: a folder with the project's first prototype of a renderer (`town_gl.py`), which is timed before and
after ours for the same outputs. Goal: no more CPU time a frame than it, with at least twice its triangles.

Goal (2 idle cores): rgb + semantic 256x144 at clear noon >= 60 frames/s, so that a driving loop can reach 50.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from augment.conditions import Condition
from benchmarks.render_prototype import cpu_ms
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


def time_prototype(folder: Path) -> dict:
    """What `benchmarks.render_prototype` prints."""
    command = [sys.executable, "-m", "benchmarks.render_prototype", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def beside_prototype(folder: Path, renderer: Renderer, places: np.ndarray) -> None:
    """CPU time of both renderers and its ratio; the prototype draws every label whatever is asked."""
    before = time_prototype(folder)
    x, y, z, _, yaw, _ = places[0]
    heading = np.radians(yaw)
    ours = {}
    for width, height in SIZES:
        view = CameraView(width, height, 90.0)
        for case, condition, outputs in (
            ("labels", "clear-day", LABELS),
            ("clear", "clear-day", LABELS | {"rgb"}),
            ("rain night", "rain-night", LABELS | {"rgb"}),
        ):
            weather = Condition.parse(condition).to_weather().as_tuple()
            renderer.warm(weather, [view])

            def draw(
                number: int, weather: tuple = weather, view: CameraView = view, wanted: frozenset = outputs
            ) -> None:
                place = (x + 0.4 * number * np.cos(heading), y + 0.4 * number * np.sin(heading), z + 1.2)
                turn = yaw + np.degrees(0.02 * number)
                renderer.render(view, (*place, -2.0, turn, 0.0), weather, wanted, number * 0.05)

            ours[f"{width}x{height} {case}"] = cpu_ms(draw)
    after = time_prototype(folder)
    count = renderer._context.query(primitives=True)
    with count:
        renderer.render(CameraView(256, 144, 90.0), (x, y, z + 1.2, -2.0, yaw, 0.0), (0.0,) * 14, LABELS)
    print(f"{'CPU ms a frame':<28}prototype    ours   ratio")
    for case, spent_ms in ours.items():
        theirs_ms = 0.5 * (before["cpu_ms"][case] + after["cpu_ms"][case])
        print(f"{case:<28}{theirs_ms:9.2f}{spent_ms:8.2f}{spent_ms / theirs_ms:8.2f}")
    print(f"triangles drawn: prototype {before['triangles']}, ours {count.primitives}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prototype", type=Path, help="folder with town_gl.py, to be timed beside")
    options = parser.parse_args()
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
    if options.prototype is not None:
        beside_prototype(options.prototype, renderer, town.spawn_points)
    renderer.close()


if __name__ == "__main__":
    main()
