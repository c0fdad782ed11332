"""Small drawn scenes that stand for recorded frames; one torch thread, so that bits do not depend on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.small_controlnet import SmallControlNetConfig
from augment.training.controlnet import ControlNetTrainingConfig
from augment.training.controlnet_loss import LossWeights
from augment.training.pairs import PairedFrames
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame

SIZE_PX = (64, 32)
FOG = Condition("fog", "day")


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def scenes() -> FrameBatch:
    return drawn_scenes(4, (160, 96), DOMINANT)


@pytest.fixture
def pairs() -> PairedFrames:
    """Six moments; the night is a quarter as bright, the fog whitens with depth."""
    frames = drawn_scenes(6, SIZE_PX, DOMINANT)
    assert frames.depth_m is not None
    clear_share = np.exp(-0.05 * np.minimum(frames.depth_m, 200.0))[..., None]
    fog = (200.0 + (frames.rgb - 200.0) * clear_share).astype(np.uint8)
    return PairedFrames({DOMINANT: frames.rgb, HELD_OUT: frames.rgb // 4, FOG: fog}, frames.seg, frames.depth_m)


@pytest.fixture
def quick_training() -> ControlNetTrainingConfig:
    network = SmallControlNetConfig(channels=(16, 24), token_count=2)
    return ControlNetTrainingConfig(
        steps=12,
        batch_size=2,
        crop_height_px=32,
        crop_width_px=32,
        checkpoint_every=4,
        network=network,
        loss=LossWeights(features=0.0, scores=0.0),
    )


@pytest.fixture
def drawn_store() -> Callable[..., Path]:
    """Writes a store of drawn scenes: (root, frames, condition, split, route, metadata) -> root."""

    def write(
        root: Path,
        frames: int = 3,
        condition: str = "clear-day",
        split: str = "train",
        route: str = "r0",
        metadata: dict[str, Any] | None = None,
        seg: bool = True,
    ) -> Path:
        scenes = drawn_scenes(frames, (64, 48), DOMINANT)
        with StoreWriter.open(root) as store:
            store.begin_route(route, split=split, metadata=metadata or {})
            for i in range(frames):
                frame = Frame(
                    frame_id=i,
                    elapsed_s=0.5 * i,
                    rgb=scenes.rgb[i],
                    seg=scenes.seg[i] if seg else None,
                    depth_m=None if scenes.depth_m is None else scenes.depth_m[i],
                    instance=None,
                    speed_mps=5.0,
                    ego_to_world=np.eye(4),
                    command=Command.LANE_FOLLOW,
                    target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
                    control=Control(),
                    condition=condition,
                )
                store.append(route, frame)
            store.finish_route(route)
        return root

    return write
