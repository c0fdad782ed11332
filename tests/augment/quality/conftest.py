"""A store of drawn scenes with variants of three kinds: nearly true, under one of the moved layout, and unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.synthesizers.check import drawn_scenes
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import RELIGHT, TRUE_SEED
from carla_agents.simulator.frame import Command, Control, Frame

FRAMES = 56


def fill(root: Path, frames: int = FRAMES, *, true: bool = True, makers: tuple[str, ...] = ("good",)) -> Store:
    """Clear-day frames; `good` is a little darker than the true night, `moved` shows it shifted by a quarter."""
    scenes = drawn_scenes(frames, (64, 48), DOMINANT)
    with StoreWriter.open(root) as store:
        store.begin_route("r0", split="val")
        for i in range(frames):
            frame = Frame(
                frame_id=i,
                elapsed_s=0.5 * i,
                rgb=scenes.rgb[i],
                seg=scenes.seg[i],
                depth_m=None,
                instance=None,
                speed_mps=5.0,
                ego_to_world=np.eye(4),
                command=Command.LANE_FOLLOW,
                target_point_in_ego_m=np.zeros(2, np.float32),
                control=Control(),
                condition="clear-day",
            )
            key = store.append("r0", frame)
            night = (scenes.rgb[i] // 4).astype(np.uint8)
            verdict = {"accepted": bool(i % 2), "reason": "lane paint", "figures": {"miou": 0.5}}
            for name in makers:
                store.add_variant(key, "clear-night", 7, np.maximum(night, 2) - 2, {"synthesizer": name})
            moved = {"synthesizer": "moved", "guard": verdict}
            store.add_variant(key, "clear-night", 7, np.roll(night, 16, axis=1), moved)
            if true:
                store.add_variant(key, "clear-night", TRUE_SEED, night, {"synthesizer": RELIGHT})
        store.finish_route("r0")
    return Store.read(root)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return fill(tmp_path_factory.mktemp("quality") / "store")
