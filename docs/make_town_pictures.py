"""Draws the towns: one JPEG each (a bird's-eye view and three streets) for `docs/towns.md`.

Run it as ``python docs/make_town_pictures.py [--map-dir DIR] [--output-dir DIR] [TOWN ...]``; without names it draws
every shipped town into `docs/images`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from carla_server.render.camera import CameraView
from carla_server.render.renderer import Renderer
from carla_server.roads.town import Town
from carla_server.roads.towns import available_towns, load_town

CLEAR_NOON = (10.0, 0.0, 0.0, 10.0, -60.0, 50.0, 2.0, 0.75, 0.1, 0.0, 1.0, 0.03, 0.0331, 0.0)
AERIAL = CameraView(960, 540, 60.0)
STREET = CameraView(480, 270, 90.0)
MAX_BYTES = 200_000
EYE_M = 1.3


def aerial_pose(town: Town) -> np.ndarray:
    """Looking down at the whole town from the south-west, x y z (m) pitch yaw roll (degrees)."""
    points = town.spawn_points[:, :3]
    low, high = points.min(0), points.max(0)
    middle, span = (low + high) / 2, float(np.hypot(*(high - low)[:2]))
    yaw = np.deg2rad(-60.0)
    away = 0.62 * span
    return np.array([middle[0] - away * np.cos(yaw), middle[1] - away * np.sin(yaw), 0.55 * span, -42.0, -60.0, 0.0])


def street_poses(town: Town, count: int) -> list[np.ndarray]:
    """Drivers' views from spawn points that lie evenly in the list."""
    chosen = town.spawn_points[np.linspace(0, len(town.spawn_points) - 1, count + 2).astype(int)[1:-1]]
    poses = chosen.copy()
    poses[:, 2] += EYE_M - 0.5
    return list(poses)


def draw(town: Town, streets: int) -> Image.Image:
    """One sheet: the bird's-eye view on top, rows of three streets under it."""
    renderer = Renderer(town)
    renderer.set_traffic_lights(np.array([light.phase % 3 for light in town.traffic_lights], np.uint8))

    def picture(camera: CameraView, pose: np.ndarray) -> Image.Image:
        bgra = renderer.render(camera, pose, CLEAR_NOON, frozenset({"rgb"}))["rgb"]
        return Image.fromarray(np.ascontiguousarray(bgra[..., 2::-1]))

    rows = -(-streets // 3)
    small_height = AERIAL.width_px // 3 * STREET.height_px // STREET.width_px
    sheet = Image.new("RGB", (AERIAL.width_px, AERIAL.height_px + rows * small_height))
    sheet.paste(picture(AERIAL, aerial_pose(town)), (0, 0))
    for number, pose in enumerate(street_poses(town, streets)):
        small = picture(STREET, pose).resize((AERIAL.width_px // 3, small_height), Image.Resampling.LANCZOS)
        place = (number % 3 * small.width, AERIAL.height_px + number // 3 * small_height)
        sheet.paste(small, place)
    renderer.close()
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a JPEG below `MAX_BYTES`, at the best quality that fits."""
    for quality in range(88, 20, -6):
        sheet.save(path, quality=quality, optimize=True)
        if path.stat().st_size < MAX_BYTES:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("towns", nargs="*", help="names; every shipped town if none is given")
    parser.add_argument("--map-dir", type=Path, help="folder with further OpenDRIVE files")
    parser.add_argument("--output-dir", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--streets", type=int, default=3, help="street views a town")
    options = parser.parse_args()
    for name in options.towns or available_towns():
        town = load_town(name, options.map_dir)
        save(draw(town, options.streets), options.output_dir / f"{name}.jpg")


if __name__ == "__main__":
    main()
