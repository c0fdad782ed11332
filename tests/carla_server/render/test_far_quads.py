"""Far away a cell of ground is a few quads of heights seen from above, and its full mesh where those would lie."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.far_quads import NOTHING_M, GroundMap, MapGrade, far_cells
from carla_server.render.scenery import BREADTHS_M, CELL_M, CellMesh
from carla_server.roads.mesh import VERTEX_DTYPE

GRADE = MapGrade(texel_m=2.0, tolerance_m=0.25, overlap_m=4.0, uniform=True)
SIDE = 200


def cells_at(*corners_m, materials=None):
    """Cells of one triangle each; `materials` gives those of its three vertices."""
    count = len(corners_m)
    vertices = np.zeros(3 * count, VERTEX_DTYPE)
    if materials is not None:
        vertices["color"][:, 3] = materials
    corner_m = np.array(corners_m, float)
    flat = np.c_[corner_m, np.zeros(count)]
    counts = np.full((count, 1 + len(BREADTHS_M)), 3)
    return CellMesh(vertices, 3 * np.arange(count), counts, corner_m, flat, flat + np.array((CELL_M, CELL_M, 1.0)))


def ground_of(height, lowest=None):
    """A map from (0, 0) on with texels of two metres; `height` is a function of x and y."""
    at_m = (np.arange(SIDE) + 0.5) * 2.0
    heights = np.asarray(height(*np.meshgrid(at_m, at_m)), np.float32) * np.ones((SIDE, SIDE), np.float32)
    frame = (0.0, 0.0, 1.0 / (2.0 * SIDE), 1.0 / (2.0 * SIDE))
    return GroundMap(frame, (2.0, 2.0), heights, heights if lowest is None else lowest(heights))


def test_a_flat_cell_is_one_quad_that_reaches_under_its_neighbours():
    quads, first = far_cells(cells_at((80.0, 120.0)), ground_of(lambda x, y: 3.0), GRADE)
    assert first.tolist() == [0, 6]
    x, y, z = quads["position_m"].T
    assert (x.min(), x.max()) == pytest.approx((77.0, 125.0), abs=2.0)
    assert (y.min(), y.max()) == pytest.approx((117.0, 165.0), abs=2.0)
    assert z == pytest.approx(2.94, abs=1e-5)
    assert (quads["normal"][:, :3] == (0, 0, 127)).all()


def test_a_slope_keeps_one_quad_with_its_normal_and_a_hill_needs_more():
    slope, _ = far_cells(cells_at((80.0, 120.0)), ground_of(lambda x, y: 0.5 * x), GRADE)
    assert len(slope) == 6
    assert slope["normal"][0, :3].tolist() == pytest.approx([-57, 0, 114], abs=1)
    hill, _ = far_cells(cells_at((80.0, 120.0)), ground_of(lambda x, y: 2.0 * np.sin(x / 15.0)), GRADE)
    assert len(hill) in (6 * 4, 6 * 16, 6 * 64)
    x, _, z = hill["position_m"].T
    assert z == pytest.approx(2.0 * np.sin(x / 15.0) - 0.06, abs=1e-3)


def test_each_cell_gets_its_own_quads_whatever_their_order():
    height = lambda x, y: np.where(x < 150.0, 1.0, 2.0 * np.sin(x / 15.0))  # noqa: E731
    corners = ((80.0, 41.0), (240.0, 40.0), (81.0, 120.0), (240.0, 120.0))
    quads, first = far_cells(cells_at(*corners), ground_of(height), GRADE)
    for number, corner in enumerate(corners):
        alone, ends = far_cells(cells_at(corner), ground_of(height), GRADE)
        assert ends[-1] > 0
        assert (quads[first[number] : first[number + 1]] == alone).all()


def test_cells_that_the_map_cannot_stand_for_keep_their_mesh():
    level = ground_of(lambda x, y: 0.0)
    outside = cells_at((-20.0, 120.0), (380.0, 120.0))
    mixed = cells_at((80.0, 120.0), materials=[0, 0, 1])
    rough = ground_of(lambda x, y: 3.0 * ((x // 2.0 + y // 2.0) % 2.0))
    bridge = ground_of(lambda x, y: 5.0, lowest=lambda heights: heights - 4.0)
    hole = ground_of(lambda x, y: 5.0, lowest=lambda heights: np.full_like(heights, NOTHING_M))
    for cells, ground in (
        (outside, level),
        (mixed, level),
        *((cells_at((80.0, 120.0)), g) for g in (rough, bridge, hole)),
    ):
        quads, first = far_cells(cells, ground, GRADE)
        assert not len(quads)
        assert not first.any()
