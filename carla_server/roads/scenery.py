"""Furnishes a town: buildings, trees, street lamps, street furniture and parked cars, all from one seed."""

from __future__ import annotations

import hashlib

import numpy as np

from carla_server.roads.frontage import FreeSpace, Frontage, Place, frontages
from carla_server.roads.ground import GroundRaster
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.relief import BELOW_DECK_M
from carla_server.roads.town import Box, Placement, PropKind, SignSite, TrafficLightSite

FLOOR_M = 3.2
DISTRICT_M = 105.0
"""Side of the squares in which buildings share a style."""

DISTRICTS = ("centre", "centre", "mixed", "mixed", "houses", "houses", "park")
CORNER_REACH_M = 14.0
"""How far a row of buildings goes on beyond its street's end, so that corners are built up."""

LAMP_SPACING_M = 30.0
LAMP_SIZE_M = (1.8, 0.3, 6.2)
"""Arm's length, width, height; the arm points along the placement's yaw, over the road."""

TREE_SPACING_M = 12.0
ROADSIDE_TREE_M = 0.95
"""Distance of the row of trees from the sidewalk; buildings keep behind it."""

PARKING_SLOT_M = 6.4
PARKING_CLEARANCE_M = 12.0
"""No parked car this near a road's end: drivers at the junction must see."""

SIGHT_CLEARANCE_M = 16.0
"""No roadside tree this near a road's end: the lights must be seen."""

CAR_SIZES_M = ((4.5, 1.85, 1.46), (4.2, 1.8, 1.5), (4.8, 1.92, 1.72), (3.8, 1.7, 1.52), (5.1, 2.0, 1.95))
TRUNK_HALF_M = 0.18
LONGEST_VEHICLE_HALF_M = (5.4, 2.05)


def _random(name: str, *keys: object) -> np.random.Generator:
    """A generator that depends on the town's name and the keys only."""
    digest = hashlib.sha256(repr((name, *keys)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


class _Plan:
    """Everything placed so far."""

    def __init__(self, name: str, ground: GroundRaster, poles_m: np.ndarray, spawn_points: np.ndarray) -> None:
        self.name = name
        self.ground = ground
        self.free = FreeSpace(ground)
        self.placements: list[Placement] = []
        self.obstacles: list[Box] = []
        self._poles_m = poles_m
        self._spawn_points = spawn_points
        self._districts: dict[tuple[int, int], str] = {}

    def far_from_poles(self, point: np.ndarray, distance_m: float) -> bool:
        """Whether no traffic light or sign stands within a distance."""
        if len(self._poles_m) == 0:
            return True
        return bool(np.hypot(*(self._poles_m - point).T).min() > distance_m)

    def blocks_a_spawn_point(self, point: np.ndarray, yaw_deg: float, half_m: tuple[float, float]) -> bool:
        """Whether a box would stand in the longest vehicle at a spawn point."""
        near = np.abs(self._spawn_points[:, :2] - point).max(axis=1) < LONGEST_VEHICLE_HALF_M[0] + max(half_m) + 2.5
        points = self._spawn_points[near]
        if not len(points):
            return False
        turn = np.deg2rad(yaw_deg)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        outline = [(u * half_m[0], v * half_m[1]) for u in (-1, -0.5, 0, 0.5, 1) for v in (-1, 0, 1)]
        away = (np.array(outline) @ rotation.T + point)[:, None] - points[None, :, :2]
        yaw = np.deg2rad(points[:, 4])
        along = np.abs(away[..., 0] * np.cos(yaw) + away[..., 1] * np.sin(yaw))
        across = np.abs(away[..., 1] * np.cos(yaw) - away[..., 0] * np.sin(yaw))
        return bool(((along < LONGEST_VEHICLE_HALF_M[0]) & (across < LONGEST_VEHICLE_HALF_M[1])).any())

    def on_a_bridge(self, point: np.ndarray, road_z_m: float) -> bool:
        """Whether a deck carries a point beside a road."""
        x, y, z = np.array([point[0]]), np.array([point[1]]), np.array([road_z_m])
        return bool(self.ground.height_m(x, y, z)[0] - self.ground.height_m(x, y)[0] > BELOW_DECK_M / 2)

    def district(self, point: np.ndarray) -> str:
        """Style of the square that a point lies in."""
        square = (int(np.floor(point[0] / DISTRICT_M + 0.5)), int(np.floor(point[1] / DISTRICT_M + 0.5)))
        if square not in self._districts:
            choice = _random(self.name, "district", *square).integers(len(DISTRICTS))
            self._districts[square] = DISTRICTS[int(choice)]
        return self._districts[square]

    def add(
        self,
        kind: PropKind,
        point: np.ndarray,
        yaw_deg: float,
        size_m: tuple,
        seed: int,
        solid_half_m=None,
        road_z_m: float | None = None,
    ) -> Box:
        """Stand a prop on the ground; `solid_half_m` (along, across) makes it an obstacle.

        Args:
            road_z_m: height of the road that it stands beside, for one on a bridge.

        Returns:
            Its bounding box.
        """
        half = np.array(size_m[:2]) / 2
        turn = np.deg2rad(yaw_deg)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        foot = np.array([[0, 0], [1, 1], [1, -1], [-1, -1], [-1, 1]]) * half @ rotation.T + point
        spread = foot if kind == PropKind.BUILDING else foot[:1]
        from_z_m = None if road_z_m is None else np.full(len(spread), road_z_m)
        z = float(self.ground.height_m(spread[:, 0], spread[:, 1], from_z_m).min())
        position = (float(point[0]), float(point[1]), z)
        size = (float(size_m[0]), float(size_m[1]), float(size_m[2]))
        yaw = float((yaw_deg + 180.0) % 360.0 - 180.0)
        self.placements.append(Placement(kind, position, yaw, size, int(seed), len(self.placements) + 1))
        middle = (position[0], position[1], z + size[2] / 2)
        box = Box(middle, (size[0] / 2, size[1] / 2, size[2] / 2), yaw)
        if solid_half_m is not None:
            extent = (float(solid_half_m[0]), float(solid_half_m[1]), size[2] / 2)
            self.obstacles.append(Box(middle, extent, yaw))
        return box


def _try_building(
    plan: _Plan, place: Place, width_m: float, depth_m: float, setback_m: float, floors: int, rng
) -> bool:
    center = place.edge_m + place.outward * (setback_m + depth_m / 2)
    yaw = place.outward_deg + 180.0
    size = (depth_m, width_m, floors * FLOOR_M)
    box = Box((float(center[0]), float(center[1]), 0.0), (depth_m / 2, width_m / 2, 1.0), yaw)
    if not plan.free.is_free(box, 0.5):
        return False
    plan.add(PropKind.BUILDING, center, yaw, size, int(rng.integers(1 << 31)), (depth_m / 2, width_m / 2))
    plan.free.occupy(box, 0.6)
    return True


def _add_buildings(plan: _Plan, front: Frontage) -> None:
    """A row of buildings facing the street; gaps, depth and height by district."""
    rng = _random(plan.name, "buildings", front.road_id, front.side)
    distance = float(rng.uniform(0.0, 3.0)) - CORNER_REACH_M
    while distance < front.length_m + CORNER_REACH_M - 8.0:
        place = front.at(distance)
        style = plan.district(place.edge_m + place.outward * 12.0)
        if style == "park" or front.is_fast:
            distance += 12.0
            continue
        if not front.has_sidewalk and style != "houses":
            style = "country"
        if style == "centre":
            width, depth, setback = rng.uniform(13, 24), rng.uniform(11, 16), rng.uniform(1.9, 2.4)
            floors, gap = int(rng.integers(4, 10)), rng.choice([0.4, 0.4, 4.0])
        elif style == "mixed":
            width, depth, setback = rng.uniform(11, 18), rng.uniform(10, 13), rng.uniform(2.0, 3.5)
            floors, gap = int(rng.integers(2, 6)), rng.uniform(0.6, 4.5)
        else:
            width, depth, setback = rng.uniform(9, 13), rng.uniform(8, 11), rng.uniform(4.0, 6.5)
            floors, gap = int(rng.integers(1, 4)), rng.uniform(2.5, 6.5)
            if style == "country":
                floors, gap = int(rng.integers(1, 3)), rng.uniform(6.0, 40.0)
        setback = setback if front.has_sidewalk else setback + 4.0
        place = front.at(distance + width / 2)
        if not _try_building(plan, place, width, depth, setback, floors, rng):
            smaller = (max(0.7 * width, 8.0), max(0.65 * depth, 7.0))
            if not _try_building(plan, place, *smaller, setback, floors, rng):
                distance += 3.0
                continue
        if style == "houses" and rng.random() < 0.6:
            _add_fence(plan, place, float(width))
        distance += width + gap


def _add_fence(plan: _Plan, place: Place, width_m: float) -> None:
    center = place.edge_m + place.outward * 1.8
    box = Box((float(center[0]), float(center[1]), 0.0), (width_m / 2, 0.05, 0.5), place.along_deg)
    if plan.free.is_free(box):
        plan.add(PropKind.FENCE, center, place.along_deg, (width_m, 0.08, 1.1), 0, (width_m / 2, 0.05))
        plan.free.occupy(box, 0.3)


def _add_tree(plan: _Plan, point: np.ndarray, rng: np.random.Generator, crown_m: float, room_m: float) -> None:
    """A tree, if the square of half side `room_m` round its trunk is free."""
    box = Box((float(point[0]), float(point[1]), 0.0), (room_m, room_m, 1.0), 0.0)
    if not plan.free.is_free(box) or not plan.far_from_poles(point, 0.8 * crown_m):
        return
    size = (crown_m, crown_m, crown_m * rng.uniform(1.35, 1.8))
    yaw, seed = rng.uniform(-180, 180), int(rng.integers(1 << 31))
    plan.add(PropKind.TREE, point, yaw, size, seed, (TRUNK_HALF_M, TRUNK_HALF_M))
    plan.free.occupy(box)


def _add_roadside_trees(plan: _Plan, front: Frontage) -> None:
    """A row along the sidewalk's outer edge, with gaps."""
    rng = _random(plan.name, "trees", front.road_id, front.side)
    for distance in np.arange(SIGHT_CLEARANCE_M, front.length_m - SIGHT_CLEARANCE_M, TREE_SPACING_M):
        place = front.at(float(distance + rng.uniform(-2.5, 2.5)))
        point = place.edge_m + place.outward * (ROADSIDE_TREE_M + (0.0 if front.has_sidewalk else 2.0))
        crown = float(rng.uniform(2.8, 3.8))
        if rng.random() < 0.7:
            _add_tree(plan, point, rng, crown, 0.1)


def _add_open_ground_trees(plan: _Plan) -> None:
    """Trees on what is left: dense in parks, sparse in courtyards and round the town."""
    x0, y0, x1, y1 = plan.ground.bounds_m
    rng = _random(plan.name, "open ground")
    count = int((x1 - x0) * (y1 - y0) / 90.0)
    for point in rng.uniform((x0 + 3, y0 + 3), (x1 - 3, y1 - 3), (count, 2)):
        crown = float(rng.uniform(3.5, 6.5))
        if rng.random() < (0.75 if plan.district(point) == "park" else 0.3):
            _add_tree(plan, point, rng, crown, 0.3 * crown)


def _add_street_furniture(plan: _Plan, front: Frontage) -> None:
    """Lamps near the kerb, benches, bins and hydrants; the middle of the sidewalk stays free for walkers."""
    rng = _random(plan.name, "furniture", front.road_id, front.side)
    first = 9.0 if front.side > 0 else 9.0 + LAMP_SPACING_M / 2
    for distance in np.arange(first, front.length_m - 8.0, LAMP_SPACING_M):
        place = front.at(float(distance))
        point = place.kerb_m + place.outward * (0.45 if front.has_sidewalk else 2.0)
        if not plan.far_from_poles(point, 1.5) or plan.blocks_a_spawn_point(point, 0.0, (0.12, 0.12)):
            continue
        seed = int(rng.integers(1 << 31))
        bridge = plan.on_a_bridge(place.kerb_m, place.road_z_m)
        if bridge and not plan.on_a_bridge(point, place.road_z_m):
            continue  # a verge that is not there
        yaw = place.outward_deg + 180.0
        plan.add(PropKind.STREET_LAMP, point, yaw, LAMP_SIZE_M, seed, (0.12, 0.12), place.road_z_m)
        if bridge or not front.has_sidewalk:
            continue
        extra = rng.random()
        later = front.at(min(float(distance + 5.0), front.length_m))
        if plan.on_a_bridge(later.kerb_m, later.road_z_m):
            continue
        width = float(np.linalg.norm(later.edge_m - later.kerb_m))
        if extra < 0.3:
            bench = later.edge_m - later.outward * 0.4
            if plan.blocks_a_spawn_point(bench, later.outward_deg, (0.3, 0.85)):
                continue
            plan.add(PropKind.BENCH, bench, later.outward_deg + 180.0, (0.6, 1.7, 0.9), seed, (0.3, 0.85))
        elif extra < 0.65:
            plan.add(PropKind.BIN, later.edge_m - later.outward * 0.35, later.along_deg, (0.5, 0.5, 1.0), seed)
        elif extra < 0.85 and width > 1.6 and plan.far_from_poles(later.kerb_m, 1.5):
            point = later.kerb_m + later.outward * 0.45
            if plan.blocks_a_spawn_point(point, 0.0, (0.15, 0.15)):
                continue
            plan.add(PropKind.HYDRANT, point, later.along_deg, (0.35, 0.35, 0.8), seed, (0.15, 0.15))


def _add_parked_cars(plan: _Plan, front: Frontage) -> None:
    strip = front.parking
    if strip is None:
        return
    rng = _random(plan.name, "parked", front.road_id, front.side)
    low, high = strip.s_m[0] + PARKING_CLEARANCE_M, strip.s_m[-1] - PARKING_CLEARANCE_M
    for s in np.arange(low + PARKING_SLOT_M / 2, high - PARKING_SLOT_M / 2, PARKING_SLOT_M):
        if rng.random() > 0.6:
            continue
        s = float(s + rng.uniform(-0.5, 0.5))
        inner, outer = strip.road.lane_edges_m(strip.section, strip.lane_id, np.array([s]))
        middle = strip.road.position_m(np.array([s]), 0.42 * inner + 0.58 * outer)[0]
        yaw = float(strip.road.yaw_deg(np.array([s]))[0]) + (0.0 if strip.lane_id < 0 else 180.0)
        size = CAR_SIZES_M[int(rng.integers(len(CAR_SIZES_M)))]
        yaw += float(rng.uniform(-1.0, 1.0))
        half = (size[0] / 2, size[1] / 2)
        if plan.blocks_a_spawn_point(middle[:2], yaw, half) or plan.on_a_bridge(middle[:2], float(middle[2])):
            continue
        plan.add(PropKind.PARKED_CAR, middle[:2], yaw, size, int(rng.integers(1 << 31)), half)


def furnish(
    name: str,
    strips: list[LaneStrip],
    ground: GroundRaster,
    lights: tuple[TrafficLightSite, ...],
    signs: tuple[SignSite, ...],
    spawn_points: np.ndarray,
) -> tuple[tuple[Placement, ...], tuple[Box, ...]]:
    """Place the scenery of a town.

    Args:
        name: seeds everything; the same map always looks the same.
        spawn_points: (N, 6); posts beside sharp bends leave room for the longest vehicle there.

    Returns:
        Placements with instance ids from 1, and the boxes that vehicles collide with: buildings, trunks, poles
        (those of lights and signs too), parked cars, fences, benches and hydrants.
    """
    posts = [site.position_m for site in lights] + [sign.position_m for sign in signs]
    poles = np.array([post[:2] for post in posts], float).reshape(-1, 2)
    plan = _Plan(name, ground, poles, spawn_points)
    for x, y, z in posts:
        plan.obstacles.append(Box((x, y, z + 1.5), (0.1, 0.1, 1.5), 0.0))
    sides = frontages(strips)
    for add in (_add_roadside_trees, _add_buildings, _add_street_furniture, _add_parked_cars):
        for front in sides:
            add(plan, front)
    _add_open_ground_trees(plan)
    return tuple(plan.placements), tuple(plan.obstacles)
