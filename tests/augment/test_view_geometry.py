from __future__ import annotations

import numpy as np
import pytest

from augment.view_geometry import camera_to_ego, project, rays_in_ego
from carla_agents.policies.base import CameraSpec

CAMERAS = [
    CameraSpec(),
    CameraSpec(fov_deg=60.0, position_in_ego_m=(0.6, 0.3, 1.5), pitch_deg=10.0),
]


@pytest.mark.parametrize("camera", CAMERAS)
def test_what_a_pixel_sees_is_projected_back_onto_it(camera: CameraSpec):
    depth_m = np.random.default_rng(0).uniform(1.0, 80.0, (36, 64))
    points = camera_to_ego(camera)[:3, 3, None, None] + depth_m * rays_in_ego(camera, 36, 64)
    columns, rows, depth_there_m = project(camera, points, 36, 64)
    wanted = np.mgrid[0:36, 0:64]
    assert np.abs(rows - wanted[0]).max() < 1e-3
    assert np.abs(columns - wanted[1]).max() < 1e-3
    assert np.abs(depth_there_m - depth_m).max() < 1e-3


def test_a_camera_that_looks_down_sees_the_road_ahead_below_and_to_the_right_what_is_right():
    camera = CameraSpec(pitch_deg=-5.0, position_in_ego_m=(1.0, 0.0, 1.5))
    ahead, right, horizon = (
        project(camera, np.array(point), 144, 256)[:2]
        for point in ((11.0, 0.0, 0.0), (11.0, 2.0, 0.0), (1e6, 0.0, 0.0))
    )
    assert horizon[1] < 71.5 < ahead[1]
    assert ahead[0] == pytest.approx(127.5)
    assert right[0] > ahead[0]
