"""What is taken for hidden behind a house is hidden by it."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.camera import CameraView, Viewpoint
from carla_server.render.culling import NO_HOUSES, cells_in_sight
from carla_server.render.occlusion import Occluders
from carla_server.roads.town import Placement, PropKind

HOUSES = (
    Placement(PropKind.BUILDING, (30.0, 16.0, 0.0), 20.0, (16.0, 12.0, 12.8), 5, 1),
    Placement(PropKind.BUILDING, (45.0, -14.0, 1.0), -35.0, (30.0, 10.0, 9.6), 6, 2),
    Placement(PropKind.BUILDING, (25.0, -9.0, 0.0), 0.0, (10.0, 8.0, 6.0), 7, 3),
)
POSE = np.array([0.0, 1.0, 1.7, 0.0, 0.0, 0.0])


def sight_is_blocked(eye_m: np.ndarray, targets_m: np.ndarray) -> np.ndarray:
    """(N,) bool: the segment from the eye to each target meets the walls of a house (slab test)."""
    blocked = np.zeros(len(targets_m), bool)
    for house in HOUSES:
        angle = np.radians(house.yaw_deg)
        turn = np.array([(np.cos(angle), np.sin(angle), 0), (-np.sin(angle), np.cos(angle), 0), (0, 0, 1)])
        wall = house.size_m[2] * (0.66 if house.size_m[2] < 8.5 else 1.0)
        high = np.array([house.size_m[0] / 2, house.size_m[1] / 2, wall])
        low = np.array([-high[0], -high[1], -1.5])
        start = turn @ (eye_m - house.position_m)
        step = (targets_m - eye_m) @ turn.T
        with np.errstate(divide="ignore", invalid="ignore"):
            near, far = (low - start) / step, (high - start) / step
        entry, exit_ = np.minimum(near, far).max(1), np.maximum(near, far).min(1)
        blocked |= (entry < exit_) & (entry > 0) & (entry < 1)
    return blocked


EVERYTHING = np.tile(np.array([0.0, 0.0, 0.0, 1.0]), (6, 1))
"""Planes of a frustum that leaves nothing out."""


def test_every_point_of_a_hidden_thing_is_behind_walls():
    view = Viewpoint.of(CameraView(256, 144, 100.0), POSE)
    houses = Occluders(HOUSES).seen_from(view.eye_m, view.planes)
    rng = np.random.default_rng(0)
    middle = np.c_[rng.uniform(5, 150, 4000), rng.uniform(-90, 90, 4000), rng.uniform(-0.5, 12, 4000)]
    half = np.c_[rng.uniform(0.1, 3, (4000, 2)), rng.uniform(0.2, 10, 4000)]
    middle[:, 2] += half[:, 2]
    left, _ = cells_in_sight(EVERYTHING, view.eye_m, houses, middle, half, 0.5)
    hidden = ~np.isin(np.arange(4000), left)
    assert 0.05 < hidden.mean() < 0.9
    radius = np.hypot(half[:, 0], half[:, 1]) + 0.5
    for _ in range(20):
        around, up = rng.uniform(0, 2 * np.pi, 4000), rng.uniform(-1, 1, 4000)
        points = middle + np.c_[radius * np.cos(around), radius * np.sin(around), up * half[:, 2]]
        assert sight_is_blocked(view.eye_m, points)[hidden].all()


def test_cells_come_nearest_first_and_only_those_within_the_picture():
    view = Viewpoint.of(CameraView(64, 64, 90.0), POSE)
    middle = np.array([[50.0, 0.0, 2.0], [-50.0, 0.0, 2.0], [20.0, 0.0, 2.0], [10.0, 30.0, 2.0]])
    rows, away_m = cells_in_sight(view.planes, view.eye_m, NO_HOUSES, middle, np.ones((4, 3)), 0.0)
    assert rows.tolist() == [2, 0]
    assert away_m == pytest.approx([19.0, 49.0])


def test_a_town_without_houses_hides_nothing():
    view = Viewpoint.of(CameraView(64, 64), POSE)
    assert len(Occluders(()).seen_from(view.eye_m, view.planes)) == 0
