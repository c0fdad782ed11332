"""A sheet of real photographs under other conditions, to be looked at: nothing here was trained on photographs.

Pictures come with scikit-image and scikit-learn. Labels are those of `augment.predicted_layout`, with `--believe`
what the shipped segmenter takes every pixel for; depth is unknown. `--out` receives the sheet; how sure the segmenter
is gets printed, with `--data` also of the frames of a store that it should know.
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import torch

from augment.conditions import CONDITIONS, DOMINANT
from augment.layout import palette_image
from augment.predicted_layout import LayoutConfig, predict_layout
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from augment.synthesizers.embedded import EmbeddedSynthesizer, default_embedded_folder
from augment.synthesizers.procedural import ProceduralSynthesizer
from benchmarks.stopwatch import machine_line
from carla_agents.data.store import Store
from carla_agents.segmentation.default import default_segmenter
from syndiff.report.sheets import contact_sheet

SIZE_PX = (256, 144)
PHOTOGRAPHS = (
    ("sklearn.datasets.images", "china.jpg"),
    ("sklearn.datasets.images", "flower.jpg"),
    ("skimage.data", "motorcycle_left.png"),
    ("skimage.data", "rocket.jpg"),
    ("skimage.data", "brick.png"),
    ("skimage.data", "coffee.png"),
)
TARGETS = ("clear-dusk", "clear-night", "rain-day", "rain-night", "fog-day", "dust-day", "snow-day")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/photographs.png"))
    parser.add_argument("--weights", type=Path, help="folder of embedded weights; without it the shipped ones")
    parser.add_argument("--believe", action="store_true", help="take the segmenter's labels, however unsure it is")
    parser.add_argument("--data", type=Path, help="store of the embedded simulator")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(machine_line())
    photographs = [(name, read(package, name)) for package, name in PHOTOGRAPHS]
    frames = labelled(photographs, believe=options.believe)
    if options.data is not None:
        told = sorted(sure_of_store(options.data))
        print(f"{options.data.name}: sure of {told[0]:.2f} to {told[-1]:.2f} of the pixels of {len(told)} pictures")
    embedded = EmbeddedSynthesizer.from_folder(options.weights or default_embedded_folder())
    made = {
        "procedural": _shown(ProceduralSynthesizer(), frames, TARGETS),
        "embedded": _shown(embedded, frames, tuple(t for t in TARGETS if t in embedded.config.targets)),
    }
    rows = []
    for number, (name, rgb) in enumerate(photographs):
        for synthesizer, shown in made.items():
            variants = [(f"{synthesizer}: {target}", pictures[number]) for target, pictures in shown.items()]
            rows.append([(name, rgb), ("taken for", palette_image(frames.seg[number])), *variants])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), contact_sheet(rows, tile_width_px=SIZE_PX[0])[..., ::-1])
    print(options.out)


def read(package: str, name: str) -> np.ndarray:
    """(144, 256, 3) uint8 RGB, cut to the middle.

    Raises:
        SystemExit: the package is not installed, or has no such picture.
    """
    try:
        encoded = files(package).joinpath(name).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise SystemExit(f"{name} of {package}: {error}; pip install scikit-image scikit-learn") from error
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    height, width = picture.shape[:2]
    scale = max(SIZE_PX[0] / width, SIZE_PX[1] / height)
    picture = cv2.resize(picture, (round(scale * width), round(scale * height)), interpolation=cv2.INTER_AREA)
    top, left = (picture.shape[0] - SIZE_PX[1]) // 2, (picture.shape[1] - SIZE_PX[0]) // 2
    return np.ascontiguousarray(picture[top : top + SIZE_PX[1], left : left + SIZE_PX[0], ::-1])


def labelled(photographs: list[tuple[str, np.ndarray]], *, believe: bool) -> FrameBatch:
    """Frames with predicted labels and without depth."""
    segmenter, config = default_segmenter(), LayoutConfig(least_sure_share=0.0) if believe else LayoutConfig()
    layouts = [predict_layout(rgb, segmenter, config) for _, rgb in photographs]
    for (name, _), layout in zip(photographs, layouts, strict=True):
        print(f"{name}: sure of {layout.sure_share:.2f} of the pixels, {'known' if layout.known else 'not known'}")
    return FrameBatch(
        np.stack([rgb for _, rgb in photographs]),
        np.stack([layout.seg for layout in layouts]),
        None,
        (DOMINANT,) * len(layouts),
        tuple(f"photograph/{name}" for name, _ in photographs),
    )


def sure_of_store(root: Path) -> list[float]:
    """Share of pixels that the segmenter is sure of, in every tenth frame and its true variants."""
    segmenter, shares = default_segmenter(), []
    store = Store.read(root)
    for frame in store.frames()[::10]:
        pictures = [frame.load_rgb(), *(variant.load_rgb() for variant in store.variants(frame.key))]
        shares += [predict_layout(rgb, segmenter).sure_share for rgb in pictures]
    return shares


def _shown(synthesizer: Synthesizer, frames: FrameBatch, targets: tuple[str, ...]) -> dict[str, np.ndarray]:
    seeds = {name: np.array([derive_seed(0, k, name) for k in frames.frame_keys], np.uint64) for name in targets}
    return {name: synthesizer(frames, [CONDITIONS[name]] * len(frames), seeds[name]) for name in targets}


if __name__ == "__main__":
    main()
