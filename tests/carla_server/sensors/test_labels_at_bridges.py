"""At bridges, too, cameras' labels and depth are what rays meet."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")
pytest.importorskip("embreex")

from benchmarks.label_alignment import GOAL, Comparison, Tally

POSES = {
    "under": (-62.0, -1.8, 1.6, 3.0, 180.0, 0.0),
    "beside the ramp": (-90.0, 3.5, 2.5, 4.0, 150.0, 0.0),
    "on the deck": (-108.2, -40.0, 8.0, -6.0, 90.0, 0.0),
    "concrete bridge": (112.0, 36.0, 1.2, 0.0, -60.0, 0.0),
    "steel bridge": (118.0, -148.2, 4.0, 0.0, 0.0, 0.0),
}


@pytest.mark.slow
def test_labels_and_depth_agree_with_rays_at_bridges():
    comparison, total = Comparison("TownRiver", 3), Tally()
    for pose in POSES.values():
        total.add(comparison.compare(pose))
    comparison.world.sensors.begin_episode(comparison.world)
    assert total.pixels > 0.5 * len(POSES) * 192 * 108
    assert np.round(total.tag_share, 4) >= GOAL, total.line()
    assert np.round(total.depth_share, 4) >= GOAL, total.line()
