"""Writes the golden pictures: `python -m tests.golden.make_picture_hashes`, after a change of the look that is meant.

The twelve conditions at four places of the default town. Software rasterisers give the same bytes on every run, so
their pictures are compared by hash, each version of the driver with its own; other devices are compared with small
stored pictures, within a tolerance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from augment.conditions import CORE12
from carla_server.render.actors import ACTOR_DTYPE
from carla_server.render.camera import CameraView
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town
from carla_server.semantics import SemanticTag

FOLDER = Path(__file__).with_name("pictures")
HASHES, THUMBNAILS = FOLDER / "hashes.json", FOLDER / "thumbnails.npz"
TOWN, CAMERA, BLOCK_PX = "TownGrid", CameraView(256, 144, 100.0), 8
PLACES = (0, 1, 2, 3)


def pictures(renderer: Renderer, spawn_points: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Name and (144, 256, 3) uint8 BGR of each golden picture."""
    weathers = [condition.to_weather().as_tuple() for condition in CORE12]
    for place in PLACES:
        x, y, z, _, yaw, _ = spawn_points[place * len(spawn_points) // len(PLACES)]
        heading = np.radians(yaw)
        ahead = np.array([np.cos(heading), np.sin(heading)])
        cars = np.zeros(2, ACTOR_DTYPE)
        cars["mesh"] = renderer.mesh_id("vehicle.tesla.model3", (2.4, 1.08, 0.74))
        cars["position_m"][:, :2] = np.array([x, y]) + np.outer((-1.0, 14.0), ahead)
        cars["position_m"][:, 2] = z - 0.5
        cars["rotation_deg"][:, 1] = yaw
        cars["color"], cars["tag"], cars["instance"], cars["lights"] = (180, 30, 30), SemanticTag.CAR, (1, 2), 3
        renderer.set_actors(cars)
        pose = (x + 0.8 * ahead[0], y + 0.8 * ahead[1], z + 0.9, -4.0, yaw, 0.0)
        for condition, picture in zip(CORE12, renderer.relight(CAMERA, pose, weathers, 5.0, 7), strict=True):
            yield f"{condition.name} {place}", picture[..., :3]


def digest(picture: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()[:16]


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(18, 32, 3) uint8: means of blocks of pixels."""
    height, width = picture.shape[0] // BLOCK_PX, picture.shape[1] // BLOCK_PX
    blocks = picture.reshape(height, BLOCK_PX, width, BLOCK_PX, 3)
    return np.round(blocks.mean((1, 3))).astype(np.uint8)


def main() -> None:
    town = load_town(TOWN)
    renderer = Renderer(town)
    made = dict(pictures(renderer, town.spawn_points))
    FOLDER.mkdir(exist_ok=True)
    known = json.loads(HASHES.read_text(encoding="utf-8")) if HASHES.exists() else {}
    small = {name: thumbnail(picture) for name, picture in made.items()}
    kept = np.load(THUMBNAILS) if THUMBNAILS.exists() else {}
    same = set(kept) == set(small) and all(np.abs(kept[name].astype(int) - small[name]).max() <= 1 for name in small)
    # Another driver's hashes are of no use once the pictures themselves have changed.
    hashes = (known if same else {}) | {renderer.driver: {name: digest(picture) for name, picture in made.items()}}
    HASHES.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(THUMBNAILS, **small)
    print(f"{len(made)} pictures by {renderer.driver}")
    renderer.close()


if __name__ == "__main__":
    main()
