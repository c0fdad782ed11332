"""A flat square with one house, worlds on it, and what its sensors send."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from carla_server.roads.height_field import HeightField
from carla_server.roads.mesh import Material, MeshBuilder
from carla_server.roads.town import Box, Placement, PropKind, SignSite, Town, TrafficLightSite
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import ActorDescription
from carla_server.world.world import World

DELTA_S = 0.05
HEADER_BYTES = 48


class FlatGround:
    """Asphalt at height 0 everywhere."""

    heights = HeightField(np.zeros((2, 2)), 0.0, 0.0, 1.0)

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.zeros(np.shape(x_m))

    def slope(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(np.shape(x_m)), np.zeros(np.shape(x_m))

    def tag(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.full(np.shape(x_m), int(SemanticTag.ROADS), np.uint8)

    def speed_limit_kmh(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.full(np.shape(x_m), 50.0, np.float32)


@pytest.fixture(scope="session")
def square() -> Town:
    """Asphalt from -100 to 100 m; a house with a wall at x = 40; a light at (0, 30), a sign at (0, -12)."""
    ground = MeshBuilder()
    corners = np.array([(-100, -100, 0), (100, -100, 0), (100, 100, 0), (-100, 100, 0)])
    ground.quad(corners, (0.1, 0.1, 0.1), Material.ASPHALT, int(SemanticTag.ROADS))
    trigger = Box((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), 0.0)
    return Town(
        name="Square",
        opendrive='<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/></OpenDRIVE>',
        surface=ground.build(),
        placements=(Placement(PropKind.BUILDING, (45.0, 0.0, 0.0), 0.0, (10.0, 20.0, 12.8), 5, 1),),
        traffic_lights=(
            TrafficLightSite(
                "1", (0, 30, 0), 0.0, -1, "c", 0, 0, ((1, -1),), trigger, ((0, 2, 0),), ((0, 28, 4.0, 180.0),)
            ),
        ),
        signs=(SignSite("2", "traffic.stop", (0, -12, 0), 90.0, trigger),),
        spawn_points=np.zeros((1, 6)),
        obstacles=(Box((45.0, 0.0, 6.4), (5.0, 10.0, 6.4), 0.0),),
        ground=FlatGround(),
        navmesh=b"",
        bounds_m=(-100.0, -100.0, 100.0, 100.0),
    )


class Stage(World):
    """A world that is told in one line what to spawn and to measure."""

    def add(self, blueprint_id: str, *pose: float, parent: int = 0, **attributes: object):
        """Spawn at x, y, z, pitch, yaw, roll (the missing ones are 0)."""
        given = tuple((name, 0, str(value)) for name, value in attributes.items())
        place = (*pose, *(0.0,) * (6 - len(pose)))
        return self.spawn(ActorDescription(0, blueprint_id, given), place, parent)

    def measured(self, *sensors, delta_s: float = DELTA_S) -> list[bytes]:
        """Tick once; the body that each sensor sends, which must be one each."""
        output = self.tick(delta_s, {sensor.stream_id for sensor in sensors})
        sent = {
            stream: b"".join(bytes(part) for part in parts)[HEADER_BYTES:] for stream, parts in output.measurements
        }
        assert len(output.measurements) == len(sensors)
        return [sent[sensor.stream_id] for sensor in sensors]


@pytest.fixture
def make_stage(square: Town) -> Callable[..., Stage]:
    """A world on the square; keyword arguments go to `World`."""

    def make(**options: object) -> Stage:
        return Stage(square, **{"seed": 1, **options})

    return make


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage()
