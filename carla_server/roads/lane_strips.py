"""Cuts every lane of a map into ribbons of quads: the common ground of mesh, raster, spawn points and navmesh."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from carla_server.roads.opendrive import LaneSection, OpenDrive, OpenDriveError, Road, cubic_at
from carla_server.roads.speed_signs import posted_limit_kmh

KERB_M = 0.14
"""Height of sidewalks and medians over the road where the map does not say."""

BEND_MPS2 = 5.0
"""Sideways acceleration, half of what dry tyres hold."""

SLOWEST_BEND_KMH = 15.0

MAX_LANE_WIDTH_M = 50.0
MAX_HEIGHT_M = 9000.0
MAX_PAVED_M2 = 600_000.0
MAX_CROSS_SECTIONS = 400_000
"""Bounds of what one map may cost: CARLA's Town01 and Town10HD have about 0.1 km^2 and 6,000 cross-sections."""

ROADWAY_KINDS = frozenset(
    {"driving", "shoulder", "parking", "biking", "stop", "border", "bidirectional", "entry", "exit", "onRamp"}
    | {"offRamp", "connectingRamp", "special1", "special2", "special3", "roadWorks", "tram", "restricted", "curb"}
)
"""Lane types that are paved at road height."""

RAISED_KINDS = frozenset({"sidewalk", "walking", "median"})


@dataclass(frozen=True)
class LaneStrip:
    """One lane of one lane section as a ribbon.

    Attributes:
        s_m: (N,) road coordinates of the cross-sections.
        inner_m, outer_m: (N, 3) world positions of the lane's two edges at road height.
        raised_m: how far the lane's surface stands over the road.
        speed_limit_kmh: (N,) limit at each cross-section; in sharp bends outside junctions the lower advisory speed.
    """

    road: Road
    section: LaneSection
    lane_id: int
    kind: str
    s_m: np.ndarray
    inner_m: np.ndarray
    outer_m: np.ndarray
    raised_m: float
    speed_limit_kmh: np.ndarray

    @property
    def is_roadway(self) -> bool:
        return self.kind in ROADWAY_KINDS

    @property
    def is_raised(self) -> bool:
        return self.kind in RAISED_KINDS

    def travel_sign(self) -> int:
        """+1 where traffic runs along growing s, -1 where it runs against it (right-hand traffic)."""
        return 1 if self.lane_id < 0 else -1

    def heading_deg(self) -> np.ndarray:
        """World yaw of the direction of travel at each cross-section, (N,) degrees."""
        return self.road.yaw_deg(self.s_m) + (0.0 if self.lane_id < 0 else 180.0)

    def piece(self, first: int, last: int) -> LaneStrip:
        """The part between two cross-sections, both included."""
        cut = slice(first, last + 1)
        return replace(
            self,
            s_m=self.s_m[cut],
            inner_m=self.inner_m[cut],
            outer_m=self.outer_m[cut],
            speed_limit_kmh=self.speed_limit_kmh[cut],
        )

    def points(self, step_m: float) -> tuple[np.ndarray, np.ndarray]:
        """Points at most `step_m` apart that cover it, (N, 3), and the nearest cross-section of each, (N,)."""
        width = np.linalg.norm((self.outer_m - self.inner_m)[:, :2], axis=1).max()
        edges = (self.inner_m, self.outer_m, (self.inner_m + self.outer_m) / 2)
        longest = max(np.linalg.norm(np.diff(edge[:, :2], axis=0), axis=1).sum() for edge in edges)
        along = np.linspace(0, len(self.s_m) - 1, int(longest / step_m) + 2)
        low = np.minimum(along.astype(int), len(self.s_m) - 2)
        part = (along - low)[:, None]
        inner = self.inner_m[low] * (1 - part) + self.inner_m[low + 1] * part
        outer = self.outer_m[low] * (1 - part) + self.outer_m[low + 1] * part
        across = np.linspace(0, 1, int(width / step_m) + 2)[None, :, None]
        points = (inner[:, None] * (1 - across) + outer[:, None] * across).reshape(-1, 3)
        return points, np.repeat(np.round(along).astype(np.intp), across.shape[1])


def _check_extent(road: Road, lane_id: int, width_m: float, height_m: float) -> None:
    if not (width_m <= MAX_LANE_WIDTH_M and height_m <= MAX_HEIGHT_M):
        raise OpenDriveError(
            f"lane {lane_id} of road {road.road_id} is up to {width_m:.4g} m wide and {height_m:.4g} m high or deep, "
            f"at most {MAX_LANE_WIDTH_M} m and {MAX_HEIGHT_M} m are drawn"
        )


def _bend_speed_kmh(middle_m: np.ndarray) -> np.ndarray:
    """Speed at which a lane's bends are driven with `BEND_MPS2`, in steps of 5 km/h; infinite where it is straight.

    Traffic Managers brake before a bend but accelerate to the limit within it; with the limit of the road alone they
    leave the corners of CARLA's Town01 at 40 km/h.
    """
    step = np.diff(middle_m[:, :2], axis=0)
    turn = np.abs(np.diff(np.unwrap(np.arctan2(step[:, 1], step[:, 0]))))
    run_m = np.maximum(np.linalg.norm(step, axis=1), 1e-6)
    curvature = np.zeros(len(middle_m))
    curvature[1:-1] = turn / ((run_m[:-1] + run_m[1:]) / 2)
    curvature = np.max([np.roll(curvature, shift) for shift in (-1, 0, 1)], axis=0)  # both ends are 0
    kmh = 3.6 * np.sqrt(BEND_MPS2 / np.maximum(curvature, 1e-6))
    return np.where(curvature > 1e-4, np.maximum(5.0 * np.floor(kmh / 5.0), SLOWEST_BEND_KMH), np.inf)


def section_stations_m(section: LaneSection, step_m: float) -> np.ndarray:
    """Evenly spaced s over a section, both ends included, at most `step_m` apart."""
    length = max(section.end_s_m - section.s_m, 1e-3)
    return np.linspace(section.s_m, section.s_m + length, max(2, int(np.ceil(length / step_m)) + 1))


def lane_strips(opendrive: OpenDrive, step_m: float = 2.5, junction_extra_m: float = 0.0) -> list[LaneStrip]:
    """Ribbons of all lanes that have a surface, roads in the order of their ids.

    Args:
        step_m: largest distance of two cross-sections; junctions are cut twice as fine, their lanes turn sharply.
        junction_extra_m: how much wider than in the map driving lanes in junctions become.

    Raises:
        OpenDriveError: a lane too wide or too high, or more paving than `MAX_PAVED_M2` or `MAX_CROSS_SECTIONS`.
    """
    strips = []
    paved_m2, cross_sections = 0.0, 0
    for road, section in opendrive.lane_sections():
        in_junction = road.junction_id >= 0
        length_m, step = section.end_s_m - section.s_m, step_m / 2 if in_junction else step_m
        cross_sections += max(2, int(max(length_m, 0.0) / step) + 1) * max(1, len(section.lanes) - 1)
        if cross_sections > MAX_CROSS_SECTIONS:
            raise OpenDriveError(
                f"the map's lanes need more than {MAX_CROSS_SECTIONS} cross-sections {step_m:g} m apart; "
                "leave roads out or choose a larger vertex_distance"
            )
        s = section_stations_m(section, step)
        x, y, heading = road.plan.at(s)
        sin, cos = np.sin(heading), np.cos(heading)
        z, roll = cubic_at(road.elevation, s), np.sin(cubic_at(road.superelevation, s))
        middle = cubic_at(road.lane_offset, s)

        def edge(t, x=x, y=y, z=z, sin=sin, cos=cos, roll=roll):
            return np.stack([x - t * sin, -(y + t * cos), z + t * roll], axis=-1)

        limit = np.array([road.speed_limit_kmh(float(place)) for place in s])
        for side in (1, -1):
            posted = posted_limit_kmh(road, side, s, limit)
            inner = middle
            for lane_id in section.boundary_ids(side):
                lane = section.lanes[lane_id]
                outer = inner + side * np.maximum(cubic_at(lane.widths, s - section.s_m), 0.0)
                known = lane.kind in ROADWAY_KINDS or lane.kind in RAISED_KINDS
                if known and np.abs(outer - inner).max() > 0.05:
                    paved_m2 += float(np.abs(outer - inner).mean()) * max(length_m, 0.0)
                    raised = lane.height_m if lane.height_m is not None else 0.0
                    if lane.height_m is None and lane.kind in RAISED_KINDS:
                        raised = KERB_M
                    extra = side * junction_extra_m / 2 if in_junction and lane.kind == "driving" else 0.0
                    ends = edge(inner - extra), edge(outer + extra)
                    _check_extent(road, lane_id, np.abs(outer - inner).max(), np.abs(z).max())
                    own = posted if in_junction else np.minimum(posted, _bend_speed_kmh((ends[0] + ends[1]) / 2))
                    strips.append(LaneStrip(road, section, lane_id, lane.kind, s, *ends, raised, own))
                inner = outer
        if paved_m2 > MAX_PAVED_M2:
            raise OpenDriveError(f"the map has more than {MAX_PAVED_M2 / 1e6:g} km^2 of lanes, so much is not paved")
    return strips
