"""Takes the picture `docs/images/embedded-sheet.jpg`: what the shipped ControlNet makes of held-out streets.

A row per condition; source, `procedural`, `embedded`, and the same instant as the simulator renders it. The moments
are those of the stores that show most kinds of things.

    python docs/make_embedded_sheet.py --data runs/generator-data/test-TownArterial runs/generator-data/test-TownHill
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from augment.conditions import CORE12, DOMINANT, Condition
from augment.frame_loading import load_frames
from augment.layout import LayoutGroup, groups
from augment.seeds import derive_seed
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.embedded import EmbeddedSynthesizer, default_embedded_folder
from augment.synthesizers.procedural import ProceduralSynthesizer
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import true_variant
from syndiff.report.sheets import contact_sheet

TARGETS = tuple(c for c in CORE12 if c != DOMINANT)
TILE_PX = 256
_SMALL = (LayoutGroup.TRAFFIC_CONTROL, LayoutGroup.PERSON, LayoutGroup.VEHICLE, LayoutGroup.ROAD_LINE)


def make_sheet(stores: list[Store], synthesizers: dict[str, Synthesizer], moments_per_row: int = 2) -> np.ndarray:
    """(H, W, 3) uint8: a row per condition and `moments_per_row` groups of columns, each of another moment."""
    chosen = [
        frame for store in stores for frame in _lively(store, len(TARGETS) * moments_per_row // len(stores) + 1)
    ]
    rows = []
    for number, target in enumerate(TARGETS):
        frames = [chosen[(number + k * len(TARGETS)) % len(chosen)] for k in range(moments_per_row)]
        rows.append([tile for frame in frames for tile in _tiles(frame, target, synthesizers)])
    return contact_sheet(rows, tile_width_px=TILE_PX)


def _tiles(
    frame: StoredFrame, target: Condition, synthesizers: dict[str, Synthesizer]
) -> list[tuple[str, np.ndarray]]:
    batch = load_frames([frame])
    seeds = np.array([derive_seed("sheet", frame.key, target.name)], np.uint64)
    tiles = [("source", batch.rgb[0])]
    tiles += [(f"{name} {target.name}", make(batch, [target], seeds)[0]) for name, make in synthesizers.items()]
    truth = true_variant(frame, target.name)
    if truth is not None:
        tiles.append((f"true {target.name}", truth.load_rgb()))
    return tiles


def _lively(store: Store, count: int) -> list[StoredFrame]:
    """Frames that show much of what is small and counts, spread over the drives."""
    frames = [f for f in store.frames(condition=DOMINANT.name) if true_variant(f, TARGETS[0].name) is not None]
    parts = np.array_split(np.arange(len(frames)), min(count, len(frames)))
    return [max((frames[i] for i in part), key=_liveliness) for part in parts]


def _liveliness(frame: StoredFrame) -> float:
    share = np.bincount(groups(frame.load_seg()).ravel(), minlength=len(LayoutGroup)) / frame.load_seg().size
    return float(sum(min(1.0, share[group] / 0.01) for group in _SMALL))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="stores with true pairs and depth")
    parser.add_argument("--weights", type=Path, default=default_embedded_folder())
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("images") / "embedded-sheet.jpg")
    options = parser.parse_args()
    synthesizers: dict[str, Synthesizer] = {
        "procedural": ProceduralSynthesizer(),
        "embedded": EmbeddedSynthesizer.from_folder(options.weights),
    }
    sheet = make_sheet([Store.read(path) for path in options.data], synthesizers)
    cv2.imwrite(str(options.out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
