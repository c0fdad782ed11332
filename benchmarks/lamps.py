"""Traffic lamps before the camera: is their colour read, and do variants still show what burns?

A recorded drive meets few lamps. Here the camera stands before every head of the held-out towns, a few metres off,
with red, yellow and green lit, in sun and shade as it comes. Of every burning lens of at least 12 pixels: whether
`lamp_colours` names it by clear day, and whether variants of the eleven other conditions still show it (goal 98 %),
bare and with protected classes, beside the true re-renders.

    python -m benchmarks.lamps
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from augment.conditions import CORE12, DOMINANT, Condition
from augment.lamps import lamp_colours
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from augment.synthesizers.embedded import EmbeddedSynthesizer, default_embedded_folder
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer
from benchmarks.lamp_states import COLOURS, Lamp, find_lamps, shows
from benchmarks.segmentation_stores import TEST_MAPS
from benchmarks.stopwatch import machine_line
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.images import depth_m_from_bgra
from carla_server.render.camera import CameraView
from carla_server.render.renderer import Renderer
from carla_server.roads.town import Town
from carla_server.roads.towns import load_town

TARGETS = tuple(condition for condition in CORE12 if condition != DOMINANT)
WEATHERS = [condition.to_weather().as_tuple() for condition in (DOMINANT, *TARGETS)]
CAMERA = CameraView(CameraSpec().width_px, CameraSpec().height_px, CameraSpec().fov_deg)
DISTANCES_M = (4.0, 8.0)
"""Farther off, a lens has fewer than 12 pixels."""


@dataclass(frozen=True, eq=False)
class View:
    """One picture with burning lenses; `true` is (T, H, W, 3) uint8 in the order of `TARGETS`."""

    key: str
    rgb: np.ndarray
    seg: np.ndarray
    depth_m: np.ndarray
    true: np.ndarray
    lamps: list[Lamp]


def views(name: str, every: int) -> Iterator[View]:
    """Pictures before the heads of a town in which `find_lamps` finds the colour that the simulator has lit."""
    town = load_town(name)
    renderer, rng = Renderer(town), np.random.default_rng(0)
    heads = [head for light in town.traffic_lights for head in light.heads][::every]
    # Thrice the same heads, each time with the next colour.
    for number, (turn, head) in enumerate((turn, head) for turn in range(len(COLOURS)) for head in heads):
        # In the order of `carla.TrafficLightState`, which is the order of `COLOURS`.
        colour, pose = (number + turn) % len(COLOURS), _pose_before(head, town, rng)
        renderer.set_traffic_lights(np.full(len(town.traffic_lights), colour, np.uint8))
        pictures = [picture[..., 2::-1] for picture in renderer.relight(CAMERA, pose, WEATHERS)]
        labels = renderer.render(CAMERA, pose, WEATHERS[0], frozenset({"semantic", "depth"}))
        rgb, seg = np.ascontiguousarray(pictures[0]), np.ascontiguousarray(labels["semantic"][..., 2])
        night = pictures[1 + TARGETS.index(Condition("clear", "night"))]
        # Of a head that the picture cuts off, a dark lens may be the brightest.
        lamps = [lamp for lamp in find_lamps(rgb, night, seg) if lamp.colour == colour]
        if lamps:
            depth_m = depth_m_from_bgra(labels["depth"])
            yield View(f"{name}/{number}", rgb, seg, depth_m, np.stack(pictures[1:]), lamps)
    renderer.close()


def _pose_before(head: tuple[float, float, float, float], town: Town, rng: np.random.Generator) -> np.ndarray:
    x, y, z, yaw_deg = head
    away_m, turn_deg = rng.uniform(*DISTANCES_M), yaw_deg + rng.uniform(-20.0, 20.0)
    place = x + away_m * np.cos(np.radians(turn_deg)), y + away_m * np.sin(np.radians(turn_deg))
    ground_m = float(town.ground.height_m(np.array([place[0]]), np.array([place[1]]), np.array([z]))[0])
    eye_m = ground_m + CameraSpec().position_in_ego_m[2]
    pitch_deg = np.degrees(np.arctan2(z - eye_m, away_m)) - rng.uniform(5.0, 20.0)
    return np.array([*place, eye_m, pitch_deg, turn_deg + 180.0 + rng.uniform(-25.0, 25.0), 0.0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=default_embedded_folder(), help="folder of the network")
    parser.add_argument("--towns", nargs="+", default=list(TEST_MAPS))
    parser.add_argument("--every", type=int, default=1, help="only every so many heads")
    options = parser.parse_args()
    print(machine_line())
    torch.set_num_threads(1)
    found = [view for name in options.towns for view in views(name, options.every)]
    lit = [(view, lamp) for view in found for lamp in view.lamps]
    counts = np.bincount([lamp.colour for _, lamp in lit], minlength=len(COLOURS))
    told = ", ".join(f"{count} {colour}" for count, colour in zip(counts, COLOURS))
    print(f"{len(found)} views of {', '.join(options.towns)}, {len(lit)} burning lenses: {told}")
    read = [_reading(view, lamp) for view, lamp in lit]
    right = sum(colour == COLOURS[lamp.colour] for colour, (_, lamp) in zip(read, lit))
    silent = read.count(None)
    print(f"read by clear day: {right} right, {silent} not told, {len(lit) - right - silent} wrong")
    network = EmbeddedSynthesizer.from_folder(options.weights)
    arms: dict[str, Callable[[View, Condition], np.ndarray]] = {
        "true re-render": lambda view, target: view.true[TARGETS.index(target)],
        "procedural": _made_by(ProceduralSynthesizer()),
        "procedural, protected": _made_by(ProtectedSynthesizer(ProceduralSynthesizer())),
        "embedded": _made_by(network),
        "embedded, protected": _made_by(ProtectedSynthesizer(network)),
    }
    print(f"{'shown of ' + str(len(lit)):24}" + "".join(f"{target.name:>14}" for target in TARGETS) + "     all")
    for name, make in arms.items():
        kept = [sum(shows(lamp, make(view, target)) for view, lamp in lit) for target in TARGETS]
        share = sum(kept) / (len(lit) * len(TARGETS))
        print(f"{name:24}" + "".join(f"{count:14}" for count in kept) + f"{share:8.1%}", flush=True)


def _reading(view: View, lamp: Lamp) -> str | None:
    for head in lamp_colours(view.rgb, view.seg):
        if lamp.lenses[lamp.colour][head.window].any():
            return head.colour
    return None


def _made_by(synthesizer: Synthesizer) -> Callable[[View, Condition], np.ndarray]:
    made: dict[tuple[str, str], np.ndarray] = {}

    def make(view: View, target: Condition) -> np.ndarray:
        if (view.key, target.name) not in made:
            frame = FrameBatch(view.rgb[None], view.seg[None], view.depth_m[None], (DOMINANT,), (view.key,))
            seeds = np.array([derive_seed(0, view.key, target.name)], np.uint64)
            made[view.key, target.name] = synthesizer(frame, [target], seeds)[0]
        return made[view.key, target.name]

    return make


if __name__ == "__main__":
    main()
