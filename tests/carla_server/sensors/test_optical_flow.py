"""Flow of known motions: values against the projection of single points."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.actors import ACTOR_DTYPE
from carla_server.render.camera import CameraView, rotation_matrix
from carla_server.sensors.optical_flow import Instant, optical_flow

VIEW = CameraView(64, 36, 80.0)
NOBODY = np.zeros(0, ACTOR_DTYPE)
REST = (10.0, -4.0, 1.5, 0.0, 30.0, 0.0)
NO_IDS = np.zeros((36, 64), np.uint16)


def depths(depth_m: float) -> np.ndarray:
    return np.full((36, 64), depth_m, np.float32)


def actor(position_m, yaw_deg=0.0, instance=7) -> np.ndarray:
    row = np.zeros(1, ACTOR_DTYPE)
    row["position_m"], row["rotation_deg"], row["instance"] = position_m, (0.0, yaw_deg, 0.0), instance
    return row


def project(pose, point_m) -> np.ndarray:
    """Normalised device coordinates (right, up) of a world point."""
    ahead, right, up = rotation_matrix(np.array(pose[3:])).T @ (np.asarray(point_m) - np.array(pose[:3]))
    return np.array((right / ahead / VIEW.half_width, up / ahead / VIEW.half_height))


def world_point(pose, row: int, column: int, depth_m: float) -> np.ndarray:
    right = ((column + 0.5) / 32.0 - 1.0) * VIEW.half_width
    up = -((row + 0.5) / 18.0 - 1.0) * VIEW.half_height
    return np.array(pose[:3]) + rotation_matrix(np.array(pose[3:])) @ (depth_m * np.array((1.0, right, up)))


def test_nothing_flows_while_nothing_moves():
    flow = optical_flow(VIEW, Instant(REST, NOBODY), Instant(REST, NOBODY), depths(20.0), NO_IDS)
    assert flow.shape == (36, 64, 2)
    assert flow == pytest.approx(0.0, abs=1e-5)


def test_a_camera_that_drives_ahead_sees_the_world_flow_outwards():
    before = (*np.array(REST[:3]) - rotation_matrix(np.array(REST[3:]))[:, 0], *REST[3:])
    flow = optical_flow(VIEW, Instant(REST, NOBODY), Instant(before, NOBODY), depths(10.0), NO_IDS)
    assert (flow[:, 40:, 0] > 0).all()
    assert (flow[:, :24, 0] < 0).all()
    assert (flow[:10, :, 1] > 0).all()
    assert (flow[26:, :, 1] < 0).all()
    assert flow[18, 32] == pytest.approx((0.0, 0.0), abs=0.01)


def test_a_camera_that_turns_right_sees_the_world_flow_left_however_far_it_is():
    before = (*REST[:4], REST[4] - 2.0, REST[5])
    near, far = (
        optical_flow(VIEW, Instant(REST, NOBODY), Instant(before, NOBODY), depths(depth_m), NO_IDS)
        for depth_m in (5.0, 1000.0)
    )
    assert near == pytest.approx(far, abs=1e-5)
    assert (near[..., 0] < 0).all()
    assert near[18, 32, 0] * 32.0 == pytest.approx(-np.tan(np.radians(2.0)) * VIEW.focal_px, rel=0.02)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 60), (18, 32), (35, 63), (30, 2)])
def test_flow_is_the_difference_of_two_projections(row, column):
    before = (9.2, -4.3, 1.4, 1.5, 28.0, -0.7)
    flow = optical_flow(VIEW, Instant(REST, NOBODY), Instant(before, NOBODY), depths(12.0), NO_IDS)
    point = world_point(REST, row, column, 12.0)
    assert flow[row, column] == pytest.approx(project(REST, point) - project(before, point), abs=2e-5)


def test_an_actor_carries_its_own_pixels_along():
    ids = NO_IDS.copy()
    ids[10:20, 20:40] = 7
    now, before = actor((20.0, 3.0, 0.0), 40.0), actor((19.5, 2.0, 0.0), 35.0)
    flow = optical_flow(VIEW, Instant(REST, now), Instant(REST, before), depths(12.0), ids)
    assert flow[ids == 0] == pytest.approx(0.0, abs=1e-5)
    turn = rotation_matrix(np.array((0.0, 35.0, 0.0))) @ rotation_matrix(np.array((0.0, 40.0, 0.0))).T
    point = world_point(REST, 15, 30, 12.0)
    earlier = np.array((19.5, 2.0, 0.0)) + turn @ (point - np.array((20.0, 3.0, 0.0)))
    assert flow[15, 30] == pytest.approx(project(REST, point) - project(REST, earlier), abs=2e-5)


def test_an_actor_that_was_not_there_before_is_taken_to_have_stood_still():
    ids = np.full((36, 64), 7, np.uint16)
    flow = optical_flow(VIEW, Instant(REST, actor((20.0, 3.0, 0.0))), Instant(REST, NOBODY), depths(12.0), ids)
    assert flow == pytest.approx(0.0, abs=1e-5)


def test_flow_stays_within_two_screens():
    before = (*REST[:4], REST[4] + 120.0, REST[5])
    flow = optical_flow(VIEW, Instant(REST, NOBODY), Instant(before, NOBODY), depths(12.0), NO_IDS)
    assert np.isfinite(flow).all()
    assert np.abs(flow).max() <= 2.0
