"""The navigation mesh is one connected Detour tile that CARLA's client can walk on."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from carla_server.roads.navmesh import CROSSWALK_AREA, SIDEWALK_AREA, build_navmesh


@pytest.fixture(scope="module")
def tile(town):
    """(vertices, [(indices, neighbours, area, flag)], detail triangle flags)"""
    data = town.navmesh
    magic, version, tiles = struct.unpack_from("<4sii", data)
    assert (magic, version, tiles) == (b"TESM", 1, 1)
    max_polygons = struct.unpack_from("<i", data, 12 + 24)[0]
    reference, size = struct.unpack_from("<Ii", data, 40)
    assert len(data) == 48 + size
    header = struct.unpack_from("<4s14i", data, 48)
    assert header[:2] == (b"VAND", 7)
    polygons, vertices, links, triangles = header[6], header[7], header[8], header[11]
    assert polygons <= max_polygons
    assert reference == max_polygons
    at = 48 + 100
    points = np.frombuffer(data, "<f4", 3 * vertices, at).reshape(-1, 3)
    at += 12 * vertices
    found = []
    for i in range(polygons):
        values = struct.unpack_from("<I6H6HHBB", data, at + 32 * i)
        count, area = values[14], values[15] & 63
        found.append((values[1 : 1 + count], values[7 : 7 + count], area, values[13]))
    at += 32 * polygons + 12 * links + 12 * polygons
    flags = np.frombuffer(data, np.uint8, 4 * triangles, at).reshape(-1, 4)[:, 3]
    assert at + 4 * triangles == len(data)
    return points, found, flags


def test_sidewalks_and_crosswalks_form_one_piece(tile):
    _, polygons, _ = tile
    seen, stack = set(), [0]
    while stack:
        here = stack.pop()
        if here not in seen:
            seen.add(here)
            stack.extend(n - 1 for n in polygons[here][1] if n)
    assert len(seen) == len(polygons)
    areas = {(area, flag) for _, _, area, flag in polygons}
    assert areas == {SIDEWALK_AREA, CROSSWALK_AREA}


def test_neighbours_are_mutual_and_winding_is_detours(tile):
    points, polygons, _ = tile
    for number, (indices, neighbours, _, _) in enumerate(polygons):
        for neighbour in neighbours:
            assert neighbour == 0 or number + 1 in polygons[neighbour - 1][1]
        ring = points[list(indices)]
        a, b, c = ring[0], ring[1], ring[2]
        # dtTriArea2D: positive for Detour's order
        assert (c[0] - a[0]) * (b[2] - a[2]) - (b[0] - a[0]) * (c[2] - a[2]) > 0


def test_boundary_edges_of_detail_triangles_are_flagged(tile):
    _, _, flags = tile
    assert (flags & 4 == 4).all()
    assert (flags[::2] & 1 == 1).all()
    assert (flags[1::2] & 16 == 16).all()


def test_its_points_are_where_walkers_may_be(town, tile):
    points, polygons, _ = tile
    pavement = sorted({i for indices, _, area, _ in polygons if area == SIDEWALK_AREA[0] for i in indices})
    on_foot = points[pavement].astype(float)
    ground = town.ground.height_m(on_foot[:, 0], on_foot[:, 2])
    assert np.abs(on_foot[:, 1] - ground).max() < 0.12


def test_a_map_without_sidewalks_has_no_mesh(parsed, strips):
    assert build_navmesh(parsed, [strip for strip in strips if strip.kind == "driving"]) == b""
