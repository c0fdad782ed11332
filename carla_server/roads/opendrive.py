"""The facts of an OpenDRIVE map that the rest of `roads` needs.

Positions leave this module in CARLA's world frame: x as in OpenDRIVE, y mirrored, z up, yaw clockwise from above.
Lane ids keep their OpenDRIVE sign: negative lanes run along the road, positive lanes against it.

Source: ASAM OpenDRIVE 1.4-1.7, chapters on reference line, elevation, lanes, objects, signals and junctions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from carla_server.roads.plan_view import PlanView


class OpenDriveError(ValueError):
    """The text is not an OpenDRIVE map that this server can use."""


Cubics = np.ndarray
"""(K, 5) float64 rows (s, a, b, c, d): a + b ds + c ds^2 + d ds^3 from s on."""


def cubic_at(cubics: Cubics, s_m: np.ndarray) -> np.ndarray:
    """Value of a piecewise cubic, (N,) float64; zero where there are no pieces."""
    s = np.asarray(s_m, float)
    if len(cubics) == 0:
        return np.zeros_like(s)
    piece = cubics[np.clip(np.searchsorted(cubics[:, 0], s + 1e-9, side="right") - 1, 0, None)]
    ds = s - piece[..., 0]
    return piece[..., 1] + ds * (piece[..., 2] + ds * (piece[..., 3] + ds * piece[..., 4]))


@dataclass(frozen=True)
class RoadMark:
    """Paint on a lane's outer edge from `s_offset_m` (after the section's start) on."""

    s_offset_m: float
    kind: str
    color: str
    width_m: float


@dataclass(frozen=True)
class Lane:
    """One lane of a lane section."""

    lane_id: int
    kind: str
    widths: Cubics
    marks: tuple[RoadMark, ...]
    height_m: float | None
    """Height above the road surface if the map says so."""

    predecessor: int | None
    successor: int | None


@dataclass(frozen=True)
class LaneSection:
    """Lanes between two places of a road; `lanes` is keyed by lane id and always holds 0."""

    s_m: float
    end_s_m: float
    lanes: dict[int, Lane]

    def boundary_ids(self, side: int) -> list[int]:
        """Lane ids of one side (+1 left, -1 right) from the middle outwards."""
        return sorted((i for i in self.lanes if i * side > 0), key=abs)


@dataclass(frozen=True)
class RoadObject:
    """A flat or standing thing given in road coordinates; `outline_m` in its own (u, v) axes."""

    object_id: str
    kind: str
    name: str
    s_m: float
    t_m: float
    heading_rad: float
    outline_m: np.ndarray
    """(K, 2) float64 corners, not closed; empty if the map gives none and no size."""


@dataclass(frozen=True)
class Signal:
    """A signal, or a reference to one (`is_reference`), seen from one road."""

    signal_id: str
    kind: str
    subtype: str
    name: str
    s_m: float
    t_m: float
    orientation: str
    dynamic: bool
    validity: tuple[tuple[int, int], ...]
    is_reference: bool


@dataclass(frozen=True)
class Bridge:
    """A stretch of a road that is a bridge; `kind` is concrete, steel, brick or wood, or whatever the map says."""

    bridge_id: str
    kind: str
    s_m: float
    length_m: float


@dataclass(frozen=True)
class Road:
    """One road: reference line, profiles, lanes and what stands beside it."""

    road_id: int
    length_m: float
    junction_id: int
    plan: PlanView
    elevation: Cubics
    superelevation: Cubics
    lane_offset: Cubics
    sections: tuple[LaneSection, ...]
    speed_limits_kmh: tuple[tuple[float, float], ...]
    """((s, km/h), ...), empty if the map gives none."""

    predecessor: tuple[str, int, str] | None
    """(element type, id, contact point) as in the file."""

    successor: tuple[str, int, str] | None
    objects: tuple[RoadObject, ...] = ()
    signals: tuple[Signal, ...] = ()
    bridges: tuple[Bridge, ...] = ()

    def height_m(self, s_m: np.ndarray, t_m: np.ndarray) -> np.ndarray:
        """Height of the road surface."""
        return cubic_at(self.elevation, s_m) + np.asarray(t_m) * np.sin(cubic_at(self.superelevation, s_m))

    def position_m(self, s_m: np.ndarray, t_m: np.ndarray) -> np.ndarray:
        """World positions of road coordinates, (N, 3) float64; t is metres to the left of the reference line."""
        s, t = np.broadcast_arrays(np.asarray(s_m, float), np.asarray(t_m, float))
        x, y, heading = self.plan.at(s)
        return np.stack([x - t * np.sin(heading), -(y + t * np.cos(heading)), self.height_m(s, t)], axis=-1)

    def yaw_deg(self, s_m: np.ndarray) -> np.ndarray:
        """World yaw of the direction of growing s, degrees."""
        return -np.rad2deg(self.plan.at(np.asarray(s_m, float))[2])

    def section_at(self, s_m: float) -> LaneSection:
        """The lane section in force at s."""
        for section in reversed(self.sections):
            if s_m >= section.s_m - 1e-6:
                return section
        return self.sections[0]

    def lane_edges_m(self, section: LaneSection, lane_id: int, s_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inner and outer t of a lane at places of its section, each (N,) float64."""
        s = np.asarray(s_m, float)
        side = 1 if lane_id > 0 else -1
        inner = cubic_at(self.lane_offset, s)
        for other in section.boundary_ids(side):
            outer = inner + side * np.maximum(cubic_at(section.lanes[other].widths, s - section.s_m), 0.0)
            if other == lane_id:
                return inner, outer
            inner = outer
        raise KeyError(f"road {self.road_id} has no lane {lane_id} in the section at s = {section.s_m} m")

    def speed_limit_kmh(self, s_m: float, default: float = 30.0) -> float:
        """Limit in force at s."""
        limit = default
        for start, value in self.speed_limits_kmh:
            if s_m >= start - 1e-6:
                limit = value
        return limit


@dataclass(frozen=True)
class Connection:
    """A way through a junction as the file words it: road ids and (from, to) lane ids."""

    incoming: str
    connecting: str
    lane_links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OpenDrive:
    """A parsed map.

    Attributes:
        roads: by id.
        controllers: signal ids by controller id, in file order.
        junction_controllers: controller ids by junction id, in the order in which they take turns; every junction
            of the map is a key.
        connections: the ways through all junctions.
    """

    roads: dict[int, Road]
    controllers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    junction_controllers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    connections: tuple[Connection, ...] = ()

    def lane_sections(self) -> Iterator[tuple[Road, LaneSection]]:
        """Every (road, lane section), roads in the order of their ids."""
        for road_id in sorted(self.roads):
            road = self.roads[road_id]
            for section in road.sections:
                yield road, section
