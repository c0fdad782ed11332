"""A store of drawn scenes, as if recorded, for tests of what reads or extends stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from augment.conditions import DOMINANT
from augment.synthesizers.check import drawn_scenes
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import RELIGHT
from carla_agents.simulator.frame import Command, Control, Frame

CAMERA = {"width_px": 64, "height_px": 32, "fov_deg": 90.0, "position_in_ego_m": [1.5, 0.0, 2.0], "pitch_deg": 0.0}


def record_drawn(root: Path, count: int = 3, *, size_px: tuple[int, int] = (64, 32), night: bool = False) -> Path:
    """One route `r0` of `count` frames in clear day; with `night`, each with a darker true variant."""
    scenes = drawn_scenes(count, size_px, DOMINANT)
    assert scenes.depth_m is not None
    with StoreWriter.open(root) as store:
        store.begin_route("r0", metadata={"camera": CAMERA})
        for index in range(count):
            pose = np.eye(4)
            pose[0, 3] = index
            store.append(
                "r0",
                Frame(
                    frame_id=10 * index,
                    elapsed_s=0.5 * index,
                    rgb=scenes.rgb[index],
                    seg=scenes.seg[index],
                    depth_m=scenes.depth_m[index],
                    instance=None,
                    speed_mps=5.0,
                    ego_to_world=pose,
                    command=Command.LANE_FOLLOW,
                    target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
                    control=Control(),
                    condition=DOMINANT.name,
                ),
            )
        store.finish_route("r0")
        if night:
            for frame in store.frames():
                store.add_variant(frame.key, "clear-night", 0, frame.load_rgb() // 4, {"synthesizer": RELIGHT})
    return root
