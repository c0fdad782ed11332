"""What a map is to the rest of the server: the product of `roads`, the input of `world` and `render`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from carla_server.roads.height_field import HeightField
from carla_server.roads.mesh import Mesh


class PropKind(StrEnum):
    """Things that stand beside the road; each has one mesh family in `render/meshes`."""

    BUILDING = "building"
    TREE = "tree"
    STREET_LAMP = "street_lamp"
    BENCH = "bench"
    BIN = "bin"
    HYDRANT = "hydrant"
    PARKED_CAR = "parked_car"
    FENCE = "fence"


@dataclass(frozen=True)
class Placement:
    """One prop of the scenery.

    Attributes:
        kind: which mesh family.
        position_m: (x, y, z) of its foot in the world frame.
        yaw_deg: heading, CARLA's sense (clockwise seen from above, 0 = +x).
        size_m: full extents (length along heading, width, height); for a tree (crown, crown, height).
        seed: decides colour, number of floors and the like.
        instance: id written by the instance camera, unique in the town, below 20000.
    """

    kind: PropKind
    position_m: tuple[float, float, float]
    yaw_deg: float
    size_m: tuple[float, float, float]
    seed: int
    instance: int


@dataclass(frozen=True)
class Box:
    """An oriented box: centre, half extents in metres, yaw in degrees."""

    center_m: tuple[float, float, float]
    extent_m: tuple[float, float, float]
    yaw_deg: float


@dataclass(frozen=True)
class TrafficLightSite:
    """One traffic light actor as CARLA knows it.

    Attributes:
        opendrive_id: id of the OpenDRIVE signal; becomes the actor's sign id in every snapshot.
        position_m, yaw_deg: pole foot and the actor's heading.
        junction_id: OpenDRIVE junction it guards (-1: none).
        controller_id: OpenDRIVE controller; lights of one controller change together.
        group: index of its group (all lights of one junction); controllers of a group take turns.
        phase: position of its controller in the group's turn order.
        lanes: ((road_id, lane_id), ...) it is valid for.
        trigger: world-frame box before the stop line; local x runs across the lanes.
        stop_points_m: (x, y, z) where each lane's stop line is.
        heads: (x, y, z, yaw_deg) of each lamp housing; lamps face yaw_deg.
    """

    opendrive_id: str
    position_m: tuple[float, float, float]
    yaw_deg: float
    junction_id: int
    controller_id: str
    group: int
    phase: int
    lanes: tuple[tuple[int, int], ...]
    trigger: Box
    stop_points_m: tuple[tuple[float, float, float], ...]
    heads: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class SignSite:
    """A stop, yield or speed sign.

    Attributes:
        type_id: `traffic.stop`, `traffic.yield` or `traffic.speed_limit.<km/h>`.
    """

    opendrive_id: str
    type_id: str
    position_m: tuple[float, float, float]
    yaw_deg: float
    trigger: Box


@dataclass(frozen=True)
class Pier:
    """What carries a bridge between its ends.

    Attributes:
        position_m: (x, y) of its middle.
        yaw_deg: direction of the road above.
        width_m: of the deck across the road.
        top_m, foot_m: heights of the deck's underside and of the land.
    """

    position_m: tuple[float, float]
    yaw_deg: float
    width_m: float
    top_m: float
    foot_m: float


@dataclass(frozen=True)
class BridgeSite:
    """A stretch of a road's deck.

    Attributes:
        kind: concrete, steel, brick or wood.
        left_m, right_m: (N, 3) edges of the deck at road height; left and right as y grows to the right.
        left_rise_m, right_rise_m: how far sidewalks along the edges stand over the road.
        left_open, right_open: (N - 1,) bool, where an edge meets no other deck and has a parapet or a rail.
        has_sidewalk: parapets keep people, guard rails keep cars.
        foot_m: height of the land at both ends, None where the deck goes on.
        piers: between the ends.
    """

    kind: str
    left_m: np.ndarray
    right_m: np.ndarray
    left_rise_m: float
    right_rise_m: float
    left_open: np.ndarray
    right_open: np.ndarray
    has_sidewalk: bool
    foot_m: tuple[float | None, float | None]
    piers: tuple[Pier, ...]


@dataclass(frozen=True)
class RailSite:
    """A rail along the edge of a ramp that stands on a bank.

    Attributes:
        line_m: (N, 3) its foot.
        for_people: a railing beside a sidewalk; else a guard rail.
    """

    line_m: np.ndarray
    for_people: bool


class Ground(Protocol):
    """Height and lane facts at points, vectorised; a raster over the town.

    Where roads pass over one another, `from_z_m` (N,) are the heights from which one looks down: what counts is the
    highest surface below. Without it the lowest one counts.

    Attributes:
        heights: what `height_m` reads, for compiled code.
    """

    heights: HeightField

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """Ground height, (N,) float64 metres."""

    def slope(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Partial derivatives (dz/dx, dz/dy), each (N,) float64."""

    def tag(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """SemanticTag of the ground, (N,) uint8: ROADS, SIDEWALKS, TERRAIN or NONE outside the town."""

    def speed_limit_kmh(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        """Speed limit of the road there, (N,) float32; 30 where there is none."""


@dataclass(frozen=True)
class Town:
    """A map ready to be simulated and drawn.

    Attributes:
        name: last path part of the map's name, e.g. `TownGrid`.
        opendrive: the OpenDRIVE text that clients receive.
        surface: roads, kerbs, markings, crosswalks, sidewalks, terrain.
        placements: scenery.
        traffic_lights, signs: regulatory furniture.
        spawn_points: (N, 6) float64 x, y, z, pitch, yaw, roll (metres, degrees), on driving lanes.
        obstacles: static things that vehicles collide with (buildings, trunks, poles).
        navmesh: CARLA `.bin` (Detour) for walkers; empty if the map has no sidewalk.
        bounds_m: (x_min, y_min, x_max, y_max).
        bridges: decks above other roads and valleys.
        rails: along the ramps that lead onto them.
        bridge_boxes: what vehicles collide with of both, the last ones of `obstacles`.
        bridge_tags: SemanticTag of each of these.
    """

    name: str
    opendrive: str
    surface: Mesh
    placements: tuple[Placement, ...]
    traffic_lights: tuple[TrafficLightSite, ...]
    signs: tuple[SignSite, ...]
    spawn_points: np.ndarray
    obstacles: tuple[Box, ...]
    ground: Ground
    navmesh: bytes
    bounds_m: tuple[float, float, float, float]
    bridges: tuple[BridgeSite, ...] = ()
    rails: tuple[RailSite, ...] = ()
    bridge_boxes: tuple[Box, ...] = ()
    bridge_tags: tuple[int, ...] = ()
