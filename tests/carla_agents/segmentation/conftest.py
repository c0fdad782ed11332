"""A small store whose labels can be read off its pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.segmentation.class_sets import color_ids
from carla_agents.segmentation.known_sets import class_set
from carla_agents.simulator.frame import Command, Control, Frame
from carla_server.semantics import SemanticTag

TAGS = (SemanticTag.ROADS, SemanticTag.SKY, SemanticTag.CAR, SemanticTag.VEGETATION, SemanticTag.ROAD_LINES)


def toy_frame(number: int, condition: str, width_px: int = 64, height_px: int = 32) -> Frame:
    """Road below, sky above, three boxes; coloured as the palette, with noise; night is darker."""
    rng = np.random.default_rng(number)
    seg = np.full((height_px, width_px), SemanticTag.SKY, np.uint8)
    seg[height_px // 2 :] = SemanticTag.ROADS
    for tag in TAGS[2:]:
        left, top = rng.integers(0, width_px - 12), rng.integers(4, height_px - 12)
        seg[top : top + 10, left : left + 12] = tag
    rgb = color_ids(seg, class_set("carla-0.9.16")).astype(np.float64) + rng.normal(0.0, 8.0, (*seg.shape, 3))
    if condition.endswith("night"):
        rgb *= 0.3
    return Frame(
        frame_id=number,
        elapsed_s=float(number),
        rgb=np.clip(rgb, 0, 255).astype(np.uint8),
        seg=seg,
        depth_m=None,
        instance=None,
        speed_mps=0.0,
        ego_to_world=np.eye(4),
        command=Command.STRAIGHT,
        target_point_in_ego_m=np.zeros(2, np.float32),
        control=Control(),
        condition=condition,
    )


def toy_store(root: Path, count: int = 16, width_px: int = 64, height_px: int = 32) -> Store:
    """`count` clear-day frames to train on, 32 clear-day and 4 clear-night ones to test on, 32 variants."""
    with StoreWriter.open(root) as writer:
        writer.begin_route("train")
        for number in range(count):
            writer.append("train", toy_frame(number, "clear-day", width_px, height_px))
        writer.finish_route("train")
        writer.begin_route("test", split="val")
        for number in range(36):
            condition = "clear-day" if number < 32 else "clear-night"
            writer.append("test", toy_frame(1000 + number, condition, width_px, height_px))
        writer.finish_route("test")
        for number in range(32):
            dark = toy_frame(1000 + number, "clear-night", width_px, height_px).rgb
            writer.add_variant(f"test/{number:06d}", "clear-night", 0, dark, {"synthesizer": "toy"})
    return Store.read(root)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Pictures of a few pixels are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return toy_store(tmp_path_factory.mktemp("toy") / "store")
