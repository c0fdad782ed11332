"""The drawn ground has no holes, agrees with the raster, and faces up."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.roads.mesh import Material
from carla_server.semantics import SemanticTag


@pytest.fixture(scope="module")
def seen_from_above(town):
    """(points, hit triangle's tag, height) of rays cast straight down over the whole town."""
    rtcore_scene = pytest.importorskip("embreex.rtcore_scene")
    from embreex.mesh_construction import TriangleMesh

    corners = town.surface.vertices["position_m"].reshape(-1, 3, 3)
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(corners, np.float32))
    random = np.random.default_rng(5)
    x0, y0, x1, y1 = town.bounds_m
    count = 200_000
    origin = np.stack([random.uniform(x0, x1, count), random.uniform(y0, y1, count), np.full(count, 90.0)], axis=1)
    down = np.tile(np.float32([0, 0, -1]), (count, 1))
    hit = scene.run(origin.astype(np.float32), down, output=True)
    tags = town.surface.vertices["ids"][::3, 0]
    triangle = hit["primID"]
    return origin, np.where(triangle < 0, 0, tags[np.maximum(triangle, 0)]), 90.0 - hit["tfar"], triangle


def test_there_is_no_hole_in_the_ground(seen_from_above):
    origin, _, _, triangle = seen_from_above
    assert origin[triangle < 0].tolist() == []


def test_what_is_drawn_is_what_the_raster_says(town, seen_from_above):
    origin, drawn, height, _ = seen_from_above
    raster = town.ground.tag(origin[:, 0], origin[:, 1])
    drawn = np.where(drawn == SemanticTag.ROAD_LINES, SemanticTag.ROADS, drawn)
    assert (drawn == raster).mean() > 0.985
    same = drawn == raster
    error = np.abs(height - town.ground.height_m(origin[:, 0], origin[:, 1]))[same]
    assert np.percentile(error, 95) < 0.05
    assert error.max() < 0.16


def test_normals_are_unit_and_the_ground_faces_up(town):
    normals = town.surface.vertices["normal"][:, :3].astype(float) / 127
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 0.02
    flat = np.isin(
        town.surface.vertices["ids"][:, 0], [SemanticTag.ROADS, SemanticTag.ROAD_LINES, SemanticTag.TERRAIN]
    )
    assert (normals[flat, 2] > 0.5).all()


def test_paint_lies_one_to_two_centimetres_above_the_road(town):
    vertices = town.surface.vertices
    paint = vertices["position_m"][vertices["ids"][:, 0] == SemanticTag.ROAD_LINES].astype(float)
    above = paint[:, 2] - town.ground.road_height_m(paint[:, 0], paint[:, 1])
    assert len(paint) > 3000
    assert above.min() > 0.005
    assert above.max() < 0.03


def test_roads_are_cut_finely_enough_for_fog_and_vertex_light(town):
    corners = town.surface.vertices["position_m"].reshape(-1, 3, 3).astype(float)
    road = town.surface.vertices["ids"][::3, 0] == SemanticTag.ROADS
    longest = np.linalg.norm(corners[road] - np.roll(corners[road], 1, axis=1), axis=2).max()
    assert longest < 6.0


def test_lines_are_white_and_yellow_and_crossings_are_striped(town):
    vertices = town.surface.vertices
    paint = vertices[vertices["color"][:, 3] == Material.PAINT]["color"][:, :3].astype(int)
    yellow = paint[:, 2] < paint[:, 0] // 2
    assert 0.05 < yellow.mean() < 0.95
