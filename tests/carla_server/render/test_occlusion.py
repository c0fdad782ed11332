"""What is taken for hidden behind a house is hidden by it."""

from __future__ import annotations

import numpy as np

from carla_server.render.camera import CameraView, Viewpoint, frustum_planes
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


def test_every_point_of_a_hidden_thing_is_behind_walls():
    view = Viewpoint.of(CameraView(256, 144, 100.0), POSE)
    skyline = Occluders(HOUSES).seen_from(view.eye_m, frustum_planes(view.view_projection))
    rng = np.random.default_rng(0)
    middle = np.c_[rng.uniform(5, 150, 4000), rng.uniform(-90, 90, 4000)]
    radius, low, height = rng.uniform(0.1, 4, 4000), rng.uniform(-0.9, 1, 4000), rng.uniform(0.5, 20, 4000)
    hidden = skyline.hides(middle, radius, low, low + height)
    assert 0.05 < hidden.mean() < 0.9
    for _ in range(20):
        around, up = rng.uniform(0, 2 * np.pi, 4000), rng.uniform(0, 1, 4000)
        points = np.c_[
            middle[:, 0] + radius * np.cos(around), middle[:, 1] + radius * np.sin(around), low + up * height
        ]
        assert sight_is_blocked(view.eye_m, points)[hidden].all()


def test_a_town_without_houses_hides_nothing():
    view = Viewpoint.of(CameraView(64, 64), POSE)
    skyline = Occluders(()).seen_from(view.eye_m, frustum_planes(view.view_projection))
    place = np.array([[50.0, 0.0]])
    assert not skyline.hides(place, np.ones(1), np.zeros(1), np.ones(1)).any()
