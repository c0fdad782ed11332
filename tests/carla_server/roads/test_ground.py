"""The raster knows the height, tag and speed limit of the map it was made from."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.roads.town import Box
from carla_server.semantics import SemanticTag


def _lane_middles(strips, kind):
    for strip in strips:
        if strip.kind == kind and strip.road.junction_id < 0:
            yield strip, (strip.inner_m + strip.outer_m) / 2


def test_the_road_is_as_high_as_the_map_says(town, strips):
    for _, middle in _lane_middles(strips, "driving"):
        assert np.abs(town.ground.height_m(middle[:, 0], middle[:, 1]) - middle[:, 2]).max() < 0.02


def test_sidewalks_stand_a_kerb_above_the_road(town, strips):
    for strip, middle in _lane_middles(strips, "sidewalk"):
        inside = middle[2:-2]
        above = town.ground.height_m(inside[:, 0], inside[:, 1]) - inside[:, 2]
        assert np.abs(above - strip.raised_m).max() < 0.03
        assert 0.12 <= strip.raised_m <= 0.15


def test_the_slope_is_the_maps_gradient_and_four_percent_somewhere(town, strips):
    steepest = 0.0
    for _, middle in _lane_middles(strips, "driving"):
        step = middle[2:] - middle[:-2]
        run = np.linalg.norm(step[:, :2], axis=1)
        grade = step[:, 2] / run
        dzdx, dzdy = town.ground.slope(middle[1:-1, 0], middle[1:-1, 1])
        along = (dzdx * step[:, 0] + dzdy * step[:, 1]) / run
        assert np.abs(along - grade).max() < 0.012
        steepest = max(steepest, float(np.abs(grade).max()))
    assert steepest > 0.04


def test_tags_and_speed_limits_follow_the_lanes(town, strips):
    for kind, tag in (
        ("driving", SemanticTag.ROADS),
        ("parking", SemanticTag.ROADS),
        ("sidewalk", SemanticTag.SIDEWALKS),
    ):
        for strip, middle in _lane_middles(strips, kind):
            assert (town.ground.tag(middle[:, 0], middle[:, 1]) == tag).all()
            if kind == "driving":
                inside = middle[1:-1]
                limit = town.ground.speed_limit_kmh(inside[:, 0], inside[:, 1])
                around = np.stack(
                    [strip.speed_limit_kmh[:-2], strip.speed_limit_kmh[1:-1], strip.speed_limit_kmh[2:]]
                )
                assert ((limit >= around.min(0)) & (limit <= around.max(0))).all()


def test_far_away_there_is_nothing_but_a_finite_height(town):
    x, y = np.array([1e5, -1e5]), np.array([0.0, 1e5])
    assert (town.ground.tag(x, y) == SemanticTag.NONE).all()
    assert np.isfinite(town.ground.height_m(x, y)).all()
    assert (town.ground.speed_limit_kmh(x, y) == 30).all()


def test_no_building_tree_or_pole_stands_on_a_driving_lane(town, strips):
    from carla_server.roads.ground import GroundRaster

    lanes = GroundRaster([strip for strip in strips if strip.kind in ("driving", "biking", "shoulder")])
    for box in town.obstacles:
        assert not (_tags_under(lanes, box) == SemanticTag.ROADS).any(), box


def _tags_under(ground, box: Box) -> np.ndarray:
    u, v = (grid.ravel() for grid in np.meshgrid(*(np.linspace(-0.9, 0.9, 9) * half for half in box.extent_m[:2])))
    turn = np.deg2rad(box.yaw_deg)
    x = box.center_m[0] + u * np.cos(turn) - v * np.sin(turn)
    y = box.center_m[1] + u * np.sin(turn) + v * np.cos(turn)
    return ground.tag(x, y)


@pytest.mark.parametrize("offset_m", [0.0, 0.1, 0.2])
def test_height_changes_smoothly_along_a_lane(town, strips, offset_m):
    for strip, _ in _lane_middles(strips, "driving"):
        s = np.arange(strip.s_m[0] + 1, strip.s_m[-1] - 1, 0.1) + offset_m
        inner, outer = strip.road.lane_edges_m(strip.section, strip.lane_id, s)
        points = strip.road.position_m(s, (inner + outer) / 2)
        assert np.abs(np.diff(town.ground.height_m(points[:, 0], points[:, 1]))).max() < 0.02
