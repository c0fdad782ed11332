"""A hand-made town: one straight street along x with a house, a tree, a lamp, a signal and a stop sign."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from carla_server.render.context import GLUnavailable
from carla_server.render.renderer import Renderer
from carla_server.roads.height_field import HeightField
from carla_server.roads.mesh import Material, MeshBuilder
from carla_server.roads.town import Box, Placement, PropKind, SignSite, Town, TrafficLightSite
from carla_server.semantics import SemanticTag


class FlatGround:
    """Height zero everywhere."""

    heights = HeightField(np.zeros((2, 2)), 0.0, 0.0, 1.0)

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.zeros(len(x_m))

    def slope(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(x_m)), np.zeros(len(x_m))

    def tag(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.where(np.abs(y_m) < 5, int(SemanticTag.ROADS), int(SemanticTag.TERRAIN)).astype(np.uint8)

    def speed_limit_kmh(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.full(len(x_m), 30.0, np.float32)


def _plane(builder: MeshBuilder, y0: float, y1: float, z: float, color, material: Material, tag: SemanticTag) -> None:
    for x in range(-100, 200, 20):
        corners = np.array([(x, y0, z), (x + 20, y0, z), (x + 20, y1, z), (x, y1, z)])
        builder.quad(corners, color, material, int(tag))


def street_town() -> Town:
    """The street; its house stands at x = 30 on the right, its signal faces -x."""
    ground = MeshBuilder()
    _plane(ground, -5, 5, 0.0, (0.13, 0.13, 0.13), Material.ASPHALT, SemanticTag.ROADS)
    _plane(ground, -100, -5, 0.0, (0.2, 0.27, 0.1), Material.GRASS, SemanticTag.TERRAIN)
    _plane(ground, 5, 100, 0.0, (0.2, 0.27, 0.1), Material.GRASS, SemanticTag.TERRAIN)
    _plane(ground, -0.1, 0.1, 0.015, (0.8, 0.8, 0.8), Material.PAINT, SemanticTag.ROAD_LINES)
    box = Box((0, 0, 1), (1, 1, 1), 0)
    return Town(
        name="Street",
        opendrive="",
        surface=ground.build(),
        placements=(
            Placement(PropKind.BUILDING, (30, 16, 0), 0.0, (16, 12, 12.8), 5, 1),
            Placement(PropKind.TREE, (22, -9, 0), 0.0, (4, 4, 7), 6, 2),
            Placement(PropKind.STREET_LAMP, (12, 6.5, 0), -90.0, (1.8, 0.3, 6.2), 7, 3),
            Placement(PropKind.PARKED_CAR, (40, -4, 0), 0.0, (4.5, 1.8, 1.5), 8, 4),
            Placement(PropKind.BENCH, (18, 7, 0), -90.0, (0.6, 1.7, 0.9), 9, 5),
        ),
        traffic_lights=(
            TrafficLightSite(
                "1", (30, 6, 0), 0.0, -1, "c", 0, 0, ((1, -1),), box, ((28, 2, 0),), ((30, 1.5, 4.0, 180.0),)
            ),
        ),
        signs=(SignSite("2", "traffic.stop", (15, -6, 0), 180.0, box),),
        spawn_points=np.zeros((1, 6)),
        obstacles=(),
        ground=FlatGround(),
        navmesh=b"",
        bounds_m=(-100, -100, 200, 100),
    )


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    try:
        made = Renderer(street_town())
    except GLUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _empty_street(request: pytest.FixtureRequest) -> None:
    if "renderer" in request.fixturenames:
        from carla_server.render.actors import ACTOR_DTYPE

        street = request.getfixturevalue("renderer")
        street.set_actors(np.zeros(0, ACTOR_DTYPE))
        street.set_traffic_lights(np.array([3], np.uint8))
