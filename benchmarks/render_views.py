"""CPU time of the renderer, pass by pass, over 40 street views of the default town as a driver's camera sees them.

Each view has 20 cars, 20 people and the ego car around it. A pass is timed to its end (`glFinish`), all threads
counted; with nothing in between the driver overlaps passes, which the last columns show. Each view is drawn several
times and the lowest figure counts, so that other load on the machine matters little. Goal (2 idle cores): rgb +
semantic 256x144 at clear noon in at most 10 ms of wall time on average, so that a driving loop can reach 60 steps/s.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from augment.conditions import Condition
from benchmarks.stopwatch import machine_line
from carla_agents.policies.base import CameraSpec
from carla_server.render.actors import ACTOR_DTYPE
from carla_server.render.camera import CameraView
from carla_server.render.geometry import GeometryPass
from carla_server.render.light import LightPass
from carla_server.render.renderer import Renderer
from carla_server.render.shadows import SunShadows
from carla_server.roads.towns import load_town
from carla_server.semantics import SemanticTag

VIEWS, REPEATS = 40, 3
PASSES = ((GeometryPass, "draw_view"), (SunShadows, "draw"), (LightPass, "draw"), (LightPass, "_finish"))
CASES = (
    ("256x144", "clear-day", "semantic instance depth"),
    ("256x144", "clear-day", "rgb semantic"),
    ("256x144", "fog-day", "rgb semantic"),
    ("256x144", "clear-night", "rgb semantic"),
    ("256x144", "rain-night", "rgb semantic"),
    ("400x300", "clear-day", "rgb semantic"),
    ("800x600", "clear-day", "rgb semantic"),
)


class PassClock:
    """Adds up the CPU seconds of passes while `running`; a pass within another counts for itself only."""

    def __init__(self, renderer: Renderer) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.running = False
        self._renderer = renderer
        self._inner_s = 0.0
        for owner, name in PASSES:
            setattr(owner, name, self._timed(getattr(owner, name), f"{owner.__name__}.{name}"))

    def _timed(self, inner: Callable[..., Any], label: str) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if not self.running:
                return inner(*args, **kwargs)
            # What was drawn before must not count here.
            self._renderer._context.finish()
            outer_inner_s, self._inner_s = self._inner_s, 0.0
            began = time.process_time()
            result = inner(*args, **kwargs)
            self._renderer._context.finish()
            passed = time.process_time() - began
            self.cpu_s[label] += passed - self._inner_s
            self._inner_s = outer_inner_s + passed
            return result

        return run


def street(renderer: Renderer, places: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(6,) camera pose of one view, and the actors around it; the first is the ego car."""
    spec, rng = CameraSpec(), np.random.default_rng(number)
    ground = places - np.array([0.0, 0.0, 0.5, 0.0, 0.0, 0.0])  # spawn points hang half a metre over the road
    ego = ground[number * len(ground) // VIEWS]
    around = ground[np.argsort(np.hypot(*(ground[:, :2] - ego[:2]).T), kind="stable")[1:41]]
    actors = np.zeros(1 + len(around), ACTOR_DTYPE)
    actors["position_m"], actors["rotation_deg"] = np.vstack([ego, around])[:, :3], np.vstack([ego, around])[:, 3:]
    actors["color"] = rng.integers(20, 235, (len(actors), 3))
    actors["instance"], actors["lights"] = np.arange(1, len(actors) + 1), 3
    people = np.arange(len(actors)) > 20
    actors["mesh"] = renderer.mesh_id("vehicle.tesla.model3", (2.4, 1.08, 0.74))
    actors["mesh"][5:10] = renderer.mesh_id("vehicle.mercedes.sprinter", (2.96, 0.99, 1.28))
    actors["mesh"][people] = renderer.mesh_id("walker.pedestrian.0001", (0.19, 0.19, 0.93))
    actors["tag"] = np.where(people, int(SemanticTag.PEDESTRIANS), int(SemanticTag.CAR))
    actors["position_m"][people, :2] += rng.uniform(3.5, 5.0, (people.sum(), 1))
    actors["position_m"][people, 2] += 0.93
    ahead, right, up = spec.position_in_ego_m
    heading = np.radians(ego[4])
    forward, side = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    place = ego[:2] + ahead * forward + right * side
    return np.array([*place, ego[2] + up, spec.pitch_deg, ego[4], 0.0]), actors


def draw(renderer: Renderer, actors: np.ndarray, *arguments: Any) -> tuple[float, float]:
    """CPU and wall seconds of one frame."""
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    renderer.set_actors(actors)
    renderer.render(*arguments, 5.0, 7)
    return time.process_time() - cpu_s, time.perf_counter() - wall_s


def main() -> None:
    print(machine_line())
    town = load_town("TownGrid")
    renderer = Renderer(town)
    print(f"{renderer.device_name} through {renderer.backend}, {VIEWS} views; CPU ms a frame")
    views = [street(renderer, town.spawn_points, number) for number in range(VIEWS)]
    clock = PassClock(renderer)
    print(f"{'':<44}geometry  shadow   light    post    rest |  frame   worst    wall")
    for size, condition, names in CASES:
        width, height = map(int, size.split("x"))
        camera = CameraView(width, height, CameraSpec().fov_deg)
        weather, outputs = Condition.parse(condition).to_weather().as_tuple(), frozenset(names.split())
        renderer.warm(weather, [camera])
        rows = []
        for pose, actors in views:
            frame = partial(draw, renderer, actors, camera, pose, weather, outputs)
            frame()  # draws the shadow map of what stands still, which lasts for 16 m
            whole = np.min([frame() for _ in range(REPEATS)], axis=0)
            clock.running = True
            split = []
            for _ in range(REPEATS):
                clock.cpu_s.clear()
                total_s, _ = frame()
                parts = [clock.cpu_s[f"{owner.__name__}.{name}"] for owner, name in PASSES]
                split.append([*parts, total_s - sum(parts)])
            clock.running = False
            rows.append([*np.min(split, axis=0), *whole])
        table = 1e3 * np.array(rows)
        mean = table.mean(0)
        parts = " ".join(f"{value:7.2f}" for value in mean[:5])
        case = f"{size} {condition:<12}{names}"
        print(f"{case:<44}{parts} |{mean[5]:7.2f} {table[:, 5].max():7.2f} {mean[6]:7.2f}", flush=True)
    renderer.close()


if __name__ == "__main__":
    main()
