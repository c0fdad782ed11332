"""A flat little town made by hand, and a world on it."""

import numpy as np
import pytest

from carla_server.roads.height_field import HeightField
from carla_server.roads.mesh import MeshBuilder
from carla_server.roads.town import Box, Placement, PropKind, SignSite, Town, TrafficLightSite
from carla_server.semantics import SemanticTag
from carla_server.world.world import World


class FlatGround:
    """Asphalt at height 0 everywhere, 50 km/h."""

    heights = HeightField(np.zeros((2, 2)), 0.0, 0.0, 1.0)

    def height_m(self, x_m, y_m, from_z_m=None):
        return np.zeros(np.shape(x_m))

    def slope(self, x_m, y_m):
        return np.zeros(np.shape(x_m)), np.zeros(np.shape(x_m))

    def tag(self, x_m, y_m, from_z_m=None):
        return np.full(np.shape(x_m), int(SemanticTag.ROADS), np.uint8)

    def speed_limit_kmh(self, x_m, y_m, from_z_m=None):
        return np.full(np.shape(x_m), 50.0, np.float32)


def light(index, phase, x_m):
    return TrafficLightSite(
        opendrive_id=str(100 + index),
        position_m=(x_m, 6.0, 0.0),
        yaw_deg=90.0,
        junction_id=1,
        controller_id=f"c{phase}",
        group=0,
        phase=phase,
        lanes=((1, -1),),
        trigger=Box((x_m, 0.0, 1.0), (2.0, 4.0, 1.0), 90.0),
        stop_points_m=((x_m + 4.0, 0.0, 0.0),),
        heads=((x_m, 6.0, 4.0, 180.0),),
    )


@pytest.fixture(scope="session")
def tiny_town():
    """Two lights of one junction at x = 40 and 60, a stop sign, a house at (0, 30)."""
    return Town(
        name="Tiny",
        opendrive='<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/></OpenDRIVE>',
        surface=MeshBuilder().build(),
        placements=(
            Placement(PropKind.BUILDING, (0.0, 30.0, 0.0), 0.0, (10.0, 10.0, 12.0), 1, 1),
            Placement(PropKind.STREET_LAMP, (5.0, 8.0, 0.0), 0.0, (0.3, 0.3, 6.0), 2, 2),
        ),
        traffic_lights=(light(0, 0, 40.0), light(1, 1, 60.0)),
        signs=(SignSite("200", "traffic.stop", (20.0, 5.0, 0.0), 0.0, Box((20.0, 0.0, 1.0), (2.0, 2.0, 1.0), 0.0)),),
        spawn_points=np.array([[0.0, 0.0, 0.5, 0.0, 0.0, 0.0], [12.0, 0.0, 0.5, 0.0, 0.0, 0.0]]),
        obstacles=(Box((0.0, 30.0, 6.0), (5.0, 5.0, 6.0), 0.0),),
        ground=FlatGround(),
        navmesh=b"",
        bounds_m=(-100.0, -100.0, 100.0, 100.0),
    )


class PaintedRenderer:
    """Draws every output as a constant and remembers what it was asked for."""

    def __init__(self, town):
        self.town = town
        self.calls = []
        self.warmed = []
        self.closed = False

    def warm(self, weather, cameras=(), lenses=()):
        self.warmed.append((tuple(weather), tuple(cameras)))

    def mesh_id(self, blueprint_id, extent_m):
        return 3

    def set_actors(self, actors):
        self.actors = actors.copy()

    def set_traffic_lights(self, states, actor_ids=None):
        self.lights = states.copy()
        self.light_ids = actor_ids.tolist()

    def render(self, camera, pose, weather, outputs, elapsed_s, frame, lens=None):
        self.calls.append((camera, tuple(pose), outputs))
        shape = (camera.height_px, camera.width_px, 4)
        return {name: np.full(shape, len(name), np.uint8) for name in outputs}

    def close(self):
        self.closed = True


@pytest.fixture
def renderers():
    """Renderers that worlds of this test have opened."""
    return []


@pytest.fixture
def make_world(tiny_town, renderers):
    """World on the tiny town; keyword arguments go to `World`."""

    def make(**options):
        def open_renderer(town):
            renderers.append(PaintedRenderer(town))
            return renderers[-1]

        return World(tiny_town, **{"seed": 1, "open_renderer": open_renderer, **options})

    return make
