"""What a bridge consists of: decks with open edges, piers where there is room below, ends on the land."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from carla_server.roads.ground import GroundRaster
from carla_server.roads.lane_strips import LaneStrip
from carla_server.roads.relief import approaches
from carla_server.roads.spans import Spans, stretches
from carla_server.roads.town import Box, BridgeSite, Pier, RailSite
from carla_server.semantics import SemanticTag

DECK_M = 1.3
"""From the road to the lowest edge of the girders."""

EDGE_M = 0.5
"""Width of the beam along each edge, outside the lanes."""

RAIL_M, RAIL_HALF_M, RAIL_FOOT_M = 1.0, 0.16, 0.3
"""Height and half thickness of what stands on an edge, as vehicles feel it, and how deep it reaches."""

RAIL_ASIDE_M = 0.32
RAIL_PROBE_M, RAIL_DROP_M = 6.0, 1.3
"""A ramp has a rail where the land so far beside it lies this much below."""

LONGEST_SPAN_M = 17.0
PIER_CLEARANCE_M = 1.6
"""Distance of piers from roads below, as one walks from road to pier."""

LOWEST_PIER_M = 1.5
WING_M = 4.0
"""Length of the walls that hold the bank beside a bridge's ends."""

ABUTMENT_HALF_M = 0.6
COLUMN_HALF_M = 0.5
_BEYOND_M = 1.0


def find_bridges(strips: list[LaneStrip], spans: Spans, ground: GroundRaster) -> tuple[BridgeSite, ...]:
    """Every stretch of deck of every lane section."""
    if not spans:
        return ()
    members: dict[tuple[int, float], list[int]] = {}
    for index, strip in enumerate(strips):
        members.setdefault((strip.road.road_id, strip.section.s_m), []).append(index)
    sites = []
    for indices in members.values():
        lanes = sorted((strips[index] for index in indices), key=lambda strip: strip.lane_id)
        for first, last in stretches(~spans.on_ground(indices[0])):
            sites.append(_site([lane.piece(first, last) for lane in lanes], ground))
    return tuple(sites)


def _site(lanes: list[LaneStrip], ground: GroundRaster) -> BridgeSite:
    """One stretch; lanes by their ids, so the rightmost lane in the direction of the road comes first."""
    first, last = lanes[0], lanes[-1]
    right = first.outer_m if first.lane_id < 0 else first.inner_m
    left = last.outer_m if last.lane_id > 0 else last.inner_m
    road = first.road
    kinds = [b.kind for b in road.bridges if b.s_m - 1.0 < first.s_m.mean() < b.s_m + b.length_m + 1.0]
    feet = _foot_m(left, right, ground, 0), _foot_m(left, right, ground, -1)
    kind = kinds[0] if kinds else "concrete"
    return BridgeSite(
        kind=kind,
        left_m=left,
        right_m=right,
        left_rise_m=last.raised_m if last.is_raised else 0.0,
        right_rise_m=first.raised_m if first.is_raised else 0.0,
        left_open=_open(left, left - right, ground),
        right_open=_open(right, right - left, ground),
        has_sidewalk=first.is_raised or last.is_raised,
        foot_m=feet,
        piers=() if kind == "steel" and None not in feet else _piers(left, right, ground, feet),
    )


def _open(edge_m: np.ndarray, outward: np.ndarray, ground: GroundRaster) -> np.ndarray:
    """(N - 1,) bool: quads whose edge is not the edge of a deck beside."""
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    probe = edge_m + outward * (EDGE_M + 0.4)
    middle = (probe[1:] + probe[:-1]) / 2
    x, y, z = middle[:, 0], middle[:, 1], middle[:, 2] + 0.3
    return ~(ground.on_deck(x, y, z) & (np.abs(ground.height_m(x, y, z) - z) < 1.0))


def _foot_m(left: np.ndarray, right: np.ndarray, ground: GroundRaster, end: int) -> float | None:
    """Lowest land below an end of the deck, None if a deck goes on there."""
    inner = 1 if end == 0 else -2
    along = ((left[end] - left[inner]) + (right[end] - right[inner])) / 2
    along /= max(float(np.linalg.norm(along[:2])), 1e-9)
    middle = (left[end] + right[end]) / 2
    beyond = middle + along * _BEYOND_M
    z = beyond[2:] + 0.3
    if (
        ground.on_deck(beyond[:1], beyond[1:2], z)[0]
        and abs(ground.height_m(beyond[:1], beyond[1:2], z)[0] - z[0]) < 1
    ):
        return None
    across = left[end] + np.linspace(0.0, 1.0, 9)[:, None] * (right[end] - left[end])
    below = np.concatenate([across - along * back for back in (0.5, 1.5, 2.5)])
    return float(ground.height_m(below[:, 0], below[:, 1]).min())


def _piers(
    left: np.ndarray, right: np.ndarray, ground: GroundRaster, feet: tuple[float | None, float | None]
) -> tuple[Pier, ...]:
    middle = (left + right) / 2
    run = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(middle[:, :2], axis=0), axis=1))]
    places = np.arange(0.0, run[-1], 0.5)
    at = np.stack([np.interp(places, run, middle[:, k]) for k in range(3)], axis=-1)
    across = np.stack([np.interp(places, run, (right - left)[:, k]) for k in range(3)], axis=-1)
    width = np.linalg.norm(across[:, :2], axis=1)
    allowed = np.ones(len(places), bool)
    foot = np.full(len(places), np.inf)
    side = across / np.maximum(width[:, None], 1e-9)
    along = np.stack([side[:, 1], -side[:, 0]], axis=-1)
    for aside in (-0.35, -0.175, 0.0, 0.175, 0.35):
        for ahead in (-PIER_CLEARANCE_M, 0.0, PIER_CLEARANCE_M):
            point = at[:, :2] + across[:, :2] * aside + along * ahead
            allowed &= ground.tag(point[:, 0], point[:, 1]) == SemanticTag.TERRAIN
            foot = np.minimum(foot, ground.height_m(point[:, 0], point[:, 1]))
    top = at[:, 2] - DECK_M
    allowed &= top - foot > LOWEST_PIER_M
    found = []
    for place in _pier_places(run[-1], places, allowed, feet):
        index = int(np.argmin(np.abs(places - place)))
        x, y = (float(value) for value in at[index, :2])
        yaw = float(np.rad2deg(np.arctan2(along[index, 1], along[index, 0])))
        found.append(Pier((x, y), yaw, float(width[index]), float(top[index]), float(foot[index])))
    return tuple(found)


def _pier_places(
    length_m: float, places: np.ndarray, allowed: np.ndarray, feet: tuple[float | None, float | None]
) -> list[float]:
    """Even spans if there is room for the piers, else the longest spans that leave the roads below free."""
    least = max(1, int(np.ceil(length_m / LONGEST_SPAN_M)))
    whole = None not in feet
    for count in range(least, least + 2):
        even = np.arange(1, count) * length_m / count
        if whole and all(allowed[int(np.argmin(np.abs(places - place)))] for place in even):
            return [float(place) for place in even]
    found: list[float] = []
    at = 0.0
    while at + LONGEST_SPAN_M < length_m:
        near = places[allowed & (places > at + LONGEST_SPAN_M / 3) & (places <= at + LONGEST_SPAN_M)]
        far = places[allowed & (places > at + LONGEST_SPAN_M)]
        if not len(near) and not len(far):
            break
        at = float(near[-1]) if len(near) else float(far[0])
        found.append(at)
    return found


def wings_m(site: BridgeSite, side: str) -> list[np.ndarray]:
    """(2, 3) lines along an edge beyond those ends that lie on the land, from the end outwards."""
    edge = site.left_m if side == "left" else site.right_m
    lines = []
    for end, inner, foot in ((0, 1, site.foot_m[0]), (-1, -2, site.foot_m[1])):
        if foot is not None:
            along = edge[end] - edge[inner]
            along = along / max(float(np.linalg.norm(along[:2])), 1e-9)
            lines.append(np.stack([edge[end], edge[end] + along * WING_M]))
    return lines


def outward(site: BridgeSite, side: str) -> np.ndarray:
    """(N, 3) unit vectors in the plane away from the road at each cross-section."""
    across = site.right_m - site.left_m
    across = across * np.array([1.0, 1.0, 0.0]) * (-1.0 if side == "left" else 1.0)
    return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)


def find_rails(strips: list[LaneStrip], spans: Spans, ground: GroundRaster) -> tuple[RailSite, ...]:
    """Rails along ramps as far as the land beside lies deep below."""
    if not spans:
        return ()
    outermost: dict[tuple[int, float, int], int] = {}
    for index, strip in enumerate(strips):
        key = (strip.road.road_id, strip.section.s_m, 1 if strip.lane_id > 0 else -1)
        if key not in outermost or abs(strip.lane_id) > abs(strips[outermost[key]].lane_id):
            outermost[key] = index
    near = approaches(strips, spans)
    sites = []
    for index in outermost.values():
        strip = strips[index]
        away = strip.outer_m - strip.inner_m
        away = away * np.array([1.0, 1.0, 0.0])
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        probe = strip.outer_m + RAIL_PROBE_M * away
        drop = strip.outer_m[:, 2] - ground.height_m(probe[:, 0], probe[:, 1], strip.outer_m[:, 2]) > RAIL_DROP_M
        flags = near[index] & drop & (strip.road.junction_id < 0)
        line = strip.outer_m + RAIL_ASIDE_M * away + np.array([0.0, 0.0, strip.raised_m if strip.is_raised else 0.0])
        for first, last in stretches(flags[1:] & flags[:-1] & spans.on_ground(index)):
            sites.append(RailSite(line[first : last + 1], strip.is_raised))
    return tuple(sites)


def bridge_boxes(sites: tuple[BridgeSite, ...], rails: tuple[RailSite, ...]) -> tuple[list[Box], list[int]]:
    """What vehicles collide with: rails and parapets, columns, ends; and the SemanticTag of each."""
    boxes: list[Box] = []
    tags: list[int] = []
    for rail in rails:
        boxes += [_rail(start, end) for start, end in pairwise(rail.line_m)]
        tags += [int(SemanticTag.FENCES if rail.for_people else SemanticTag.GUARD_RAIL)] * (len(boxes) - len(tags))
    for site in sites:
        for side, edge, is_open in (("left", site.left_m, site.left_open), ("right", site.right_m, site.right_open)):
            away = outward(site, side)
            line = edge + RAIL_ASIDE_M * away
            boxes += [_rail(line[index], line[index + 1]) for index in np.flatnonzero(is_open)]
            for wing, end in zip(wings_m(site, side), [e for e, f in zip((0, -1), site.foot_m) if f is not None]):
                boxes.append(_rail(*(wing + RAIL_ASIDE_M * away[end])))
        tags += [int(rail_tag(site))] * (len(boxes) - len(tags))
        for pier in site.piers:
            height = pier.top_m - pier.foot_m
            for x, y in columns_m(pier):
                middle = (x, y, pier.foot_m + height / 2)
                boxes.append(Box(middle, (COLUMN_HALF_M, COLUMN_HALF_M, height / 2), pier.yaw_deg))
        for end, foot in zip((0, -1), site.foot_m, strict=True):
            if foot is not None:
                boxes.append(_abutment(site, end, foot))
        tags += [int(SemanticTag.BRIDGE)] * (len(boxes) - len(tags))
    return boxes, tags


def rail_tag(site: BridgeSite) -> SemanticTag:
    """What stands along a bridge's edges: guard rails, railings or parapets, which are part of the bridge."""
    if not site.has_sidewalk:
        return SemanticTag.GUARD_RAIL
    return SemanticTag.FENCES if site.kind in ("steel", "wood") else SemanticTag.BRIDGE


def columns_m(pier: Pier) -> list[tuple[float, float]]:
    """(x, y) of a pier's columns."""
    turn = np.deg2rad(pier.yaw_deg)
    count = 2 if pier.width_m < 15.0 else 3
    asides = np.linspace(-0.3, 0.3, count) * pier.width_m
    x, y = pier.position_m
    return [(float(x - aside * np.sin(turn)), float(y + aside * np.cos(turn))) for aside in asides]


def _rail(start_m: np.ndarray, end_m: np.ndarray) -> Box:
    along, (x, y, z) = end_m - start_m, ((start_m + end_m) / 2).tolist()
    half = (float(np.hypot(along[0], along[1])) / 2, RAIL_HALF_M, (RAIL_M + RAIL_FOOT_M) / 2)
    return Box((x, y, z + (RAIL_M - RAIL_FOOT_M) / 2), half, float(np.rad2deg(np.arctan2(along[1], along[0]))))


def _abutment(site: BridgeSite, end: int, foot_m: float) -> Box:
    left, right = site.left_m[end], site.right_m[end]
    across, middle = right - left, (left + right) / 2
    width = float(np.hypot(across[0], across[1]))
    top = float(min(left[2], right[2])) - RAIL_FOOT_M - 0.1
    yaw = float(np.rad2deg(np.arctan2(-across[0], across[1])))
    half = (ABUTMENT_HALF_M, width / 2 + EDGE_M, max(top - foot_m, 0.2) / 2)
    return Box((float(middle[0]), float(middle[1]), top - half[2]), half, yaw)
