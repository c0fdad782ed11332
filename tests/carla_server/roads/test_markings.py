"""Lane lines: every type and colour of OpenDRIVE looks its own way."""

from __future__ import annotations

import re

import numpy as np
import pytest

from carla_server.roads.markings import add_markings
from carla_server.roads.mesh import Material, Mesh, MeshBuilder
from carla_server.roads.read_opendrive import parse_opendrive
from carla_server.roads.towns import SHIPPED_DIR
from carla_server.semantics import SemanticTag

KINDS = (
    "solid",
    "broken",
    "solid solid",
    "solid broken",
    "broken solid",
    "broken broken",
    "botts dots",
    "grass",
    "curb",
)


def painted(kind: str, color: str = "white") -> Mesh:
    """TownHill's paint with all lane lines of one type and colour."""
    text = (SHIPPED_DIR / "TownHill.xodr").read_text()
    text = re.sub(r'(<roadMark [^>]*?type=")[^"]*"', rf'\g<1>{kind}"', text)
    text = re.sub(r'(<roadMark [^>]*?color=")[^"]*"', rf'\g<1>{color}"', text)
    builder = MeshBuilder()
    add_markings(builder, parse_opendrive(text))
    return builder.build()


def test_every_type_of_lane_line_is_drawn_and_differs_from_the_others():
    meshes = {kind: painted(kind) for kind in KINDS}
    bare = painted("none").triangle_count
    assert all(mesh.triangle_count > bare for mesh in meshes.values())
    assert len({mesh.vertices.tobytes() for mesh in meshes.values()}) == len(KINDS)


@pytest.mark.parametrize(("kind", "material"), [("grass", Material.GRASS), ("curb", Material.CONCRETE)])
def test_turf_and_curb_stones_are_no_paint(kind, material):
    vertices = painted(kind).vertices
    of_kind = vertices[vertices["color"][:, 3] == material]
    assert len(of_kind)
    tag = SemanticTag.TERRAIN if kind == "grass" else SemanticTag.ROAD_LINES
    assert (of_kind["ids"][:, 0] == tag).all()


def test_colours_of_lane_lines_are_told_apart():
    colors = set()
    for color in ("white", "yellow", "blue", "green", "red", "orange"):
        used, count = np.unique(painted("solid", color).vertices["color"], axis=0, return_counts=True)
        colors.add(tuple(used[count.argmax()].tolist()))
    assert len(colors) == 6
