"""Meshes: closed, inside their boxes, lighter with distance."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.indexing import shared_vertices
from carla_server.render.scenery import CellMesh
from carla_server.render.shapes.buildings import building_mesh
from carla_server.render.shapes.families import shape_builder
from carla_server.render.shapes.parts import Part
from carla_server.render.shapes.signals import sign_mesh
from carla_server.render.shapes.solids import crease_normals, unit_sphere
from carla_server.render.shapes.trees import TREE_KINDS, tree_mesh
from carla_server.roads.mesh import Material
from carla_server.roads.town import Placement, PropKind
from carla_server.semantics import SemanticTag
from carla_server.world.prop_blueprints import PROP_EXTENTS_M

CAR_EXTENT_M = (2.4, 0.93, 0.74)


@pytest.mark.parametrize(
    "blueprint",
    ["vehicle.tesla.model3", "vehicle.mercedes.sprinter", "vehicle.bh.crossbike", "walker.pedestrian.0001"],
)
def test_far_levels_have_fewer_triangles(blueprint):
    counts = [shape_builder(blueprint)(CAR_EXTENT_M, detail).triangle_count for detail in range(4)]
    assert counts[0] < counts[1] < counts[2] < counts[3]
    assert counts[0] < 300


@pytest.mark.parametrize(
    "blueprint", ["vehicle.tesla.model3", "vehicle.mercedes.sprinter", "vehicle.tesla.cybertruck"]
)
def test_a_car_a_few_pixels_tall_keeps_its_box_its_lamps_and_outward_faces(blueprint):
    near, speck = (shape_builder(blueprint)(CAR_EXTENT_M, detail).vertices for detail in (3, 0))
    for bound in (np.min, np.max):
        assert np.allclose(bound(near["position_m"], 0), bound(speck["position_m"], 0), atol=0.12)
    for part in (Part.HEADLAMP, Part.TAIL_LAMP, Part.LEFT_BLINKER, Part.RIGHT_BLINKER):
        assert (speck["ids"][:, 3] == part).any()
    corners = speck["position_m"].reshape(-1, 3, 3).astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (((corners.mean(1) - (0, 0, 0.6)) * normals).sum(1) > -1e-6).all()


def test_shared_vertices_give_back_the_same_corners():
    vertices = building_mesh(Placement(PropKind.BUILDING, (0, 0, 0), 0.0, (20, 12, 12.8), 5, 1), 1).vertices
    distinct, indices = shared_vertices(vertices)
    assert (distinct[indices] == vertices).all()
    assert len(distinct) < 0.7 * len(vertices)
    apart, indices = shared_vertices(np.concatenate([vertices, vertices]), np.repeat([0, 1], len(vertices)))
    assert len(apart) == 2 * len(distinct)
    assert indices[: len(vertices)].max() < indices[len(vertices) :].min()


def test_a_car_has_wheels_that_turn_and_lamps_on_both_ends():
    vertices = shape_builder("vehicle.tesla.model3")(CAR_EXTENT_M, 3).vertices
    parts = vertices["ids"][:, 3]
    x = vertices["position_m"][:, 0]
    assert (x[parts == Part.FRONT_WHEEL] > 0).all()
    assert (x[parts == Part.REAR_WHEEL] < 0).all()
    assert (x[parts == Part.HEADLAMP] > 2).all()
    assert (x[parts == Part.TAIL_LAMP] < -2).all()
    assert (vertices["position_m"][parts == Part.RIGHT_BLINKER][:, 1] > 0).all()


def test_a_car_body_is_wound_outward():
    vertices = shape_builder("vehicle.tesla.model3")(CAR_EXTENT_M, 3).vertices
    paint = (vertices["color"][:, 3] == Material.CAR_PAINT) & (vertices["ids"][:, 3] == 0)
    corners = vertices["position_m"][paint].reshape(-1, 3, 3).astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = ((corners.mean(1) - (0, 0, 0.6)) * normals).sum(1)
    area = np.linalg.norm(normals, axis=1)
    assert area[outward > 0].sum() > 0.97 * area.sum()


def test_a_building_stands_where_it_was_placed():
    placement = Placement(PropKind.BUILDING, (100.0, 50.0, 2.0), 90.0, (20.0, 10.0, 12.8), 3, 17)
    mesh = building_mesh(placement, 0x8000 + 17)
    low, high = mesh.vertices["position_m"].min(0), mesh.vertices["position_m"].max(0)
    assert np.allclose((low + high)[:2] / 2, (100, 50), atol=1.0)
    assert 10 <= high[0] - low[0] <= 13.5
    assert 20 <= high[1] - low[1] <= 23.5
    assert high[2] == pytest.approx(2.0 + 12.8, abs=3.0)
    assert (mesh.vertices["ids"][:, 0] == SemanticTag.BUILDINGS).all()
    assert (mesh.vertices["ids"][:, 2] == 0x80).all()


def test_buildings_differ_by_seed_and_repeat_with_it():
    def facade(seed: int) -> bytes:
        placement = Placement(PropKind.BUILDING, (0, 0, 0), 0.0, (20, 12, 12.8), seed, 1)
        return building_mesh(placement, 1).vertices.tobytes()

    assert facade(1) == facade(1)
    assert len({facade(seed) for seed in range(6)}) == 6


def test_speed_signs_differ_by_their_number():
    faces = {sign_mesh(f"traffic.speed_limit.{kmh}", 3).vertices.tobytes() for kmh in (30, 50, 60)}
    assert len(faces) == 3
    assert sign_mesh("traffic.stop", 3).triangle_count > sign_mesh("traffic.yield", 3).triangle_count


def test_crease_normals_are_smooth_on_a_sphere_and_sharp_on_a_cube_edge():
    sphere = unit_sphere(2).reshape(-1, 3)
    assert (crease_normals(sphere) * sphere).sum(1).min() > 0.98
    floor = [(0, 0, 0), (1, 0, 0), (1, 1, 0)]
    wall = [(0, 0, 0), (1, 0, 0), (1, 0, 1)]
    normals = crease_normals(np.array(floor + wall, float))
    assert np.allclose(normals[:3], (0, 0, 1))
    assert np.allclose(normals[3:], (0, -1, 0))


def test_cells_hold_every_triangle_once_with_the_broad_ones_first():
    placement = Placement(PropKind.BUILDING, (35.0, 0.0, 0.0), 0.0, (60.0, 12.0, 12.8), 3, 17)
    vertices = building_mesh(placement, 1).vertices
    cells = CellMesh.of(vertices)
    assert cells.counts[:, 0].sum() == len(vertices)
    assert (np.diff(cells.counts, axis=1) <= 0).all()
    assert sorted(map(bytes, cells.vertices)) == sorted(map(bytes, vertices))


@pytest.mark.parametrize("name", sorted(PROP_EXTENTS_M))
def test_every_prop_fills_its_box_and_stays_in_it(name):
    extent = np.array(PROP_EXTENTS_M[name])
    mesh = shape_builder(f"static.prop.{name}")(tuple(extent), 3)
    low, high = mesh.vertices["position_m"].min(0), mesh.vertices["position_m"].max(0)
    assert (low > np.array([-extent[0], -extent[1], 0.0]) - 0.06).all()
    assert (high < np.array([extent[0], extent[1], 2 * extent[2]]) + 0.1).all()
    assert high[2] - low[2] > 1.6 * extent[2]
    assert mesh.triangle_count < 700


def test_things_that_differ_to_the_eye_have_shapes_of_their_own():
    names = ("box01", "container", "plasticchair", "table", "plantpot01", "warningconstruction", "busstop", "barrel")
    counts = [shape_builder(f"static.prop.{name}")((0.5, 0.4, 0.5), 3).vertices.tobytes() for name in names]
    assert len(set(counts)) == len(names)


@pytest.mark.parametrize("blueprint", ["vehicle.dodge.charger_police", "vehicle.ford.ambulance"])
def test_emergency_vehicles_wear_a_band_on_both_sides_that_their_civil_kin_lack(blueprint):
    def white_and_coloured(name: str) -> int:
        vertices = shape_builder(name)(CAR_EXTENT_M, 3).vertices
        side = (np.abs(vertices["position_m"][:, 1]) > 0.98 * CAR_EXTENT_M[1]) & (vertices["ids"][:, 3] == 0)
        bright = vertices["color"][:, :3].max(1) > 130
        return int((side & bright & (vertices["color"][:, 3] == Material.MATTE)).sum())

    assert white_and_coloured(blueprint) > 100
    assert white_and_coloured("vehicle.tesla.model3") == 0


def test_a_light_bar_stands_on_the_roof_and_within_the_box():
    for blueprint in ("vehicle.dodge.charger_police", "vehicle.ford.ambulance", "vehicle.carlamotors.firetruck"):
        for detail in (1, 2, 3):
            vertices = shape_builder(blueprint)(CAR_EXTENT_M, detail).vertices
            bar = np.isin(vertices["ids"][:, 3], (Part.SPECIAL1, Part.SPECIAL2))
            height_m = vertices["position_m"][:, 2]
            assert height_m[bar].max() == pytest.approx(2 * CAR_EXTENT_M[2], abs=1e-3)
            assert height_m[~bar].max() < height_m[bar].max() - 0.05


def test_trees_come_in_kinds_that_fit_their_unit_box():
    outlines = set()
    for kind in range(TREE_KINDS):
        counts = [tree_mesh(kind, detail).triangle_count for detail in range(4)]
        assert counts == sorted(counts)
        assert counts[-1] < 1600
        vertices = tree_mesh(kind, 3).vertices
        assert np.abs(vertices["position_m"][:, :2]).max() < 0.6
        assert vertices["position_m"][:, 2].max() < 1.15
        outlines.add(vertices["position_m"].tobytes())
    assert len(outlines) == TREE_KINDS
