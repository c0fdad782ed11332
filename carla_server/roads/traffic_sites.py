"""Where traffic lights and signs stand, which lanes they govern and where a vehicle is before them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from carla_server.roads.ground import GroundRaster
from carla_server.roads.opendrive import OpenDrive, Road, Signal
from carla_server.roads.speed_signs import SPEED, speed_signs
from carla_server.roads.town import Box, SignSite, TrafficLightSite
from carla_server.semantics import SemanticTag

LIGHT, STOP, YIELD = "1000001", "206", "205"
STOP_LINE_SEARCH_M = 12.0
"""A painted stop line farther from the junction belongs to something else."""

TRIGGER_LENGTH_M = {LIGHT: 9.0, STOP: 5.0, YIELD: 5.0, SPEED: 3.0}
POLE_HEAD_M, ARM_HEAD_M = 3.0, 5.2
"""Height of the lamp housing on the pole and of the one on the arm over the lanes."""

NEAR_SIDE_AHEAD_M = 4.5
"""Lights stand on the near side of a junction that begins this far beyond the stop line or farther; nearer ones would
hang above the windscreen of a waiting car, so the far side is taken."""

FAR_SIDE_SEARCH_M = 45.0
KERB_CLEARANCE_M = 0.7
SAME_ROAD_M = 1.5
"""Ground this near to a road's height belongs to it; farther down it is what lies beside a bridge."""


@dataclass(frozen=True)
class _Approach:
    """Lanes of one road that a signal stops, and the place where they stop."""

    road: Road
    lanes: tuple[int, ...]
    stop_s_m: float

    @property
    def sign(self) -> int:
        """+1 if traffic runs along growing s."""
        return 1 if self.lanes[0] < 0 else -1

    def edges_m(self) -> tuple[float, float]:
        """t of the governed lanes' innermost and outermost edge at the stop line."""
        section = self.road.section_at(self.stop_s_m)
        edges = [self.road.lane_edges_m(section, lane, np.array([self.stop_s_m])) for lane in self.lanes]
        values = np.array(edges).ravel()
        return (values.max(), values.min()) if self.sign > 0 else (values.min(), values.max())

    def travel_yaw_deg(self) -> float:
        yaw = float(self.road.yaw_deg(np.array([self.stop_s_m]))[0]) + (0.0 if self.sign > 0 else 180.0)
        return (yaw + 180.0) % 360.0 - 180.0


def _driving_lanes(road: Road, s_m: float, sign: int, allowed: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    section = road.section_at(s_m)
    lanes = [i for i in section.boundary_ids(-sign) if section.lanes[i].kind == "driving"]
    if allowed:
        lanes = [i for i in lanes if any(min(a, b) <= i <= max(a, b) for a, b in allowed)]
    return tuple(lanes)


def _signal_lanes(road: Road, signal: Signal) -> list[tuple[Road, int, float, tuple[int, ...]]]:
    """(road, travel sign, s, lanes) of the lanes that a signal or reference names."""
    validity = tuple(v for v in signal.validity if v != (0, 0))
    if signal.validity and not validity:
        return []
    found = []
    for sign, excluded in ((1, "-"), (-1, "+")):
        if signal.orientation == excluded and not validity:
            continue
        lanes = _driving_lanes(road, signal.s_m, sign, validity)
        if lanes:
            found.append((road, sign, signal.s_m, lanes))
    return found


def _step_back(
    opendrive: OpenDrive, road: Road, sign: int, lanes: tuple[int, ...]
) -> tuple[Road, int, tuple[int, ...]]:
    """From a junction's connecting road to the road that leads into it."""
    link = road.predecessor if sign > 0 else road.successor
    if road.junction_id < 0 or link is None or link[0] != "road" or link[1] not in opendrive.roads:
        return road, sign, lanes
    section = road.sections[0] if sign > 0 else road.sections[-1]
    links = [section.lanes[i].predecessor if sign > 0 else section.lanes[i].successor for i in lanes]
    before = tuple(i for i in links if i)
    if not before:
        return road, sign, lanes
    return opendrive.roads[link[1]], (1 if before[0] < 0 else -1), before


def _stop_s_m(road: Road, sign: int, signal_s_m: float, into_junction: bool) -> float:
    """Where vehicles stop: the painted line near the lane's end, else just before the end or the signal."""
    end = road.length_m if sign > 0 else 0.0
    near = end if into_junction else signal_s_m
    lines = [item for item in road.objects if item.name in ("StopLine", "YieldLine")]
    lines = [item for item in lines if abs(item.s_m - near) < STOP_LINE_SEARCH_M and item.t_m * sign < 0.5]
    if lines:
        nearest = min(lines, key=lambda item: abs(item.s_m - near))
        return float(np.clip(nearest.s_m - sign * 0.2, 0.0, road.length_m))
    return float(np.clip(near - sign * (1.0 if into_junction else 0.0), 0.0, road.length_m))


def _approaches(opendrive: OpenDrive, uses: list[tuple[Road, Signal]]) -> list[_Approach]:
    lanes_of: dict[tuple[int, int], set[int]] = {}
    place_of: dict[tuple[int, int], float] = {}
    for road, signal in uses:
        for own_road, sign, s_m, lanes in _signal_lanes(road, signal):
            before, before_sign, before_lanes = _step_back(opendrive, own_road, sign, lanes)
            stepped = before is not own_road
            end = before.length_m if before_sign > 0 else 0.0
            at_end = stepped or abs(s_m - end) < STOP_LINE_SEARCH_M
            key = (before.road_id, before_sign)
            lanes_of.setdefault(key, set()).update(before_lanes)
            place_of[key] = _stop_s_m(before, before_sign, s_m, at_end)
    found = []
    for (road_id, sign), members in sorted(lanes_of.items()):
        ordered = tuple(sorted(members, key=abs))
        found.append(_Approach(opendrive.roads[road_id], ordered, place_of[road_id, sign]))
    return found


def _trigger(approach: _Approach, length_m: float) -> Box:
    """Box over the governed lanes that ends at the stop line; local x runs across the lanes."""
    inner, outer = approach.edges_m()
    s = np.clip(approach.stop_s_m - approach.sign * (length_m / 2 - 0.5), 0.0, approach.road.length_m)
    center = approach.road.position_m(np.array([s]), np.array([(inner + outer) / 2]))[0]
    half_width = float(max(abs(outer - inner) / 2 - 0.25, 0.5))
    yaw = float(approach.road.yaw_deg(np.array([s]))[0]) + (0.0 if approach.sign > 0 else 180.0) + 90.0
    x, y, z = (float(v) for v in center)
    return Box((x, y, z + 1.0), (half_width, length_m / 2, 1.5), (yaw + 180.0) % 360.0 - 180.0)


def _roadside(ground: GroundRaster, start_m: np.ndarray, direction: np.ndarray, reach_m: float) -> np.ndarray | None:
    """First place from `start_m` along `direction` that has been off the roadway for `KERB_CLEARANCE_M`.

    On a bridge the railing is the last place there is.
    """
    distance = np.arange(0.0, reach_m, 0.25)
    points = start_m[:2] + distance[:, None] * direction
    road_z = np.full(len(points), start_m[2])
    level = np.abs(ground.height_m(points[:, 0], points[:, 1], road_z) - start_m[2]) < SAME_ROAD_M
    if level[0] and not level.all() and ground.on_deck(points[:1, 0], points[:1, 1], road_z[:1])[0]:
        points = points[: int(np.argmin(level))]
        road_z = road_z[: len(points)]
    off = ground.tag(points[:, 0], points[:, 1], road_z) != SemanticTag.ROADS
    run = int(KERB_CLEARANCE_M / 0.25)
    clear = np.convolve(off, np.ones(run + 1), "valid") == run + 1
    if not clear.any():
        return None if len(points) == len(distance) else points[-1]
    return points[int(np.argmax(clear)) + run]


def _far_pole(ground: GroundRaster, stop_m: np.ndarray, travel: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Kerb on the far side of the junction, right of the governed lanes as their drivers see it."""
    ahead = np.arange(10.0, FAR_SIDE_SEARCH_M, 0.5)
    for aside in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0):
        line = stop_m[:2] + ahead[:, None] * travel + (aside + KERB_CLEARANCE_M) * right
        paved = ground.tag(line[:, 0], line[:, 1], np.full(len(line), stop_m[2])) == SemanticTag.SIDEWALKS
        if paved.any():
            return line[int(np.argmax(paved))] + travel * (0.5 if paved[: len(paved) // 2].any() else 0.0)
    return None


def _light(
    opendrive: OpenDrive, ground: GroundRaster, signal: Signal, uses: list[tuple[Road, Signal]], turns: dict
) -> TrafficLightSite | None:
    approaches = _approaches(opendrive, uses)
    if not approaches:
        return None
    main = max(approaches, key=lambda approach: len(approach.lanes))
    yaw = main.travel_yaw_deg()
    travel = np.array([np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))])
    right = np.array([-travel[1], travel[0]])
    inner, outer = main.edges_m()
    s = np.array([main.stop_s_m])
    kerb, center = (main.road.position_m(s, np.array([t]))[0] for t in (outer, (inner + outer) / 2))
    end = main.road.length_m if main.sign > 0 else 0.0
    at_mouth = main.road.position_m(np.array([end]), np.array([outer]))[0]
    pole = None
    if np.dot(at_mouth[:2] - kerb[:2], travel) < NEAR_SIDE_AHEAD_M:
        pole = _far_pole(ground, kerb, travel, right)
    if pole is None:
        pole = _roadside(ground, at_mouth, right, 12.0)
    if pole is None:
        pole = at_mouth[:2] + right
    height = float(ground.height_m(pole[:1], pole[1:], at_mouth[2:])[0])
    road_z = float(ground.road_height_m(pole[:1], pole[1:], at_mouth[2:])[0])
    over_lanes = pole - right * np.dot(pole - center[:2], right)
    facing = (yaw + 360.0) % 360.0 - 180.0
    heads = (
        (float(pole[0] - 0.3 * travel[0]), float(pole[1] - 0.3 * travel[1]), road_z + POLE_HEAD_M, facing),
        (float(over_lanes[0]), float(over_lanes[1]), road_z + ARM_HEAD_M, facing),
    )
    lanes, stops = [], []
    for approach in approaches:
        section = approach.road.section_at(approach.stop_s_m)
        for lane in approach.lanes:
            a, b = approach.road.lane_edges_m(section, lane, np.array([approach.stop_s_m]))
            place = approach.road.position_m(np.array([approach.stop_s_m]), (a + b) / 2)[0]
            lanes.append((approach.road.road_id, lane))
            stops.append((float(place[0]), float(place[1]), float(place[2])))
    trigger = _trigger(main, TRIGGER_LENGTH_M[LIGHT])
    junction, controller, phase, group = turns.get(signal.signal_id, (-1, "", 0, -1))
    return TrafficLightSite(
        opendrive_id=signal.signal_id,
        position_m=(float(pole[0]), float(pole[1]), height),
        yaw_deg=trigger.yaw_deg,
        junction_id=junction,
        controller_id=controller,
        group=group,
        phase=phase,
        lanes=tuple(lanes),
        trigger=trigger,
        stop_points_m=tuple(stops),
        heads=heads,
    )


def _turns(opendrive: OpenDrive) -> dict[str, tuple[int, str, int, int]]:
    """(junction, controller, phase, group) by signal id."""
    found: dict[str, tuple[int, str, int, int]] = {}
    groups = [junction for junction, controllers in opendrive.junction_controllers.items() if controllers]
    for group, junction in enumerate(groups):
        for phase, controller in enumerate(opendrive.junction_controllers[junction]):
            for signal_id in opendrive.controllers.get(controller, ()):
                found.setdefault(signal_id, (junction, controller, phase, group))
    return found


def _sign(
    opendrive: OpenDrive, ground: GroundRaster, signal: Signal, uses: list[tuple[Road, Signal]], limit_kmh: int = 0
) -> list[SignSite]:
    types = {STOP: "traffic.stop", YIELD: "traffic.yield"}
    kind = types.get(signal.kind) or f"traffic.speed_limit.{limit_kmh}"
    approaches = _approaches(opendrive, uses)
    if signal.kind == SPEED:
        road = uses[0][0]
        approaches = [_Approach(a.road, a.lanes, float(signal.s_m)) for a in approaches if a.road is road]
    if not approaches:
        return []
    main = max(approaches, key=lambda approach: len(approach.lanes))
    yaw = main.travel_yaw_deg()
    right = np.array([-np.sin(np.deg2rad(yaw)), np.cos(np.deg2rad(yaw))])
    kerb = main.road.position_m(np.array([main.stop_s_m]), np.array([main.edges_m()[1]]))[0]
    post = _roadside(ground, kerb, right, 12.0)
    post = kerb[:2] + right if post is None else post
    trigger = _trigger(main, TRIGGER_LENGTH_M[signal.kind])
    z = float(ground.height_m(post[:1], post[1:], kerb[2:])[0])
    facing = (yaw + 360.0) % 360.0 - 180.0
    return [SignSite(signal.signal_id, kind, (float(post[0]), float(post[1]), z), facing, trigger)]


def traffic_sites(
    opendrive: OpenDrive, ground: GroundRaster
) -> tuple[tuple[TrafficLightSite, ...], tuple[SignSite, ...]]:
    """Traffic lights (in the order of their ids) and signs of a map.

    A light's pole stands where drivers at the stop line see it; its trigger box ends at the stop line. A light's yaw
    is its trigger's: local x runs across the lanes, local -y along the traffic. A sign's yaw is the direction that
    its face looks in.
    """
    uses: dict[str, list[tuple[Road, Signal]]] = {}
    for road_id in sorted(opendrive.roads):
        road = opendrive.roads[road_id]
        for signal in road.signals:
            if signal.kind in (LIGHT, STOP, YIELD):
                uses.setdefault(signal.signal_id, []).append((road, signal))
    for own in uses.values():
        own.sort(key=lambda use: use[1].is_reference)  # the signal itself first
    signs: list[SignSite] = []
    for own in uses.values():
        if own[0][1].kind != LIGHT:
            signs.extend(_sign(opendrive, ground, own[0][1], own))
    for road_id in sorted(opendrive.roads):
        for signal, limit_kmh in speed_signs(opendrive.roads[road_id]):
            signs.extend(_sign(opendrive, ground, signal, [(opendrive.roads[road_id], signal)], limit_kmh))
    turns = _turns(opendrive)
    lights_of = {signal_id: own for signal_id, own in uses.items() if own[0][1].kind == LIGHT}
    order = sorted(lights_of, key=lambda i: (not i.isdigit(), int(i) if i.isdigit() else 0, i))
    lights = (_light(opendrive, ground, lights_of[i][0][1], lights_of[i], turns) for i in order)
    found = [light for light in lights if light is not None]
    return tuple(_with_turns(opendrive, found)), tuple(signs)


def _with_turns(opendrive: OpenDrive, lights: list[TrafficLightSite]) -> list[TrafficLightSite]:
    """Let lights whose controller no junction names take turns with their junction's others.

    Lights of one controller go together, and without any controller those of approaches that face each other.
    """
    group_of = {light.junction_id: light.group for light in lights if light.group >= 0}
    last_phase = {light.group: -1 for light in lights}
    for light in lights:
        last_phase[light.group] = max(last_phase[light.group], light.phase)
    next_group = max(last_phase, default=-1) + 1
    controller_of = {signal: name for name, signals in opendrive.controllers.items() for signal in signals}
    phases: dict[tuple[int, str], int] = {}
    complete = []
    for light in lights:
        if light.group >= 0:
            complete.append(light)
            continue
        junction = _junction_behind(opendrive, *light.lanes[0])
        key = junction if junction >= 0 else -2 - len(complete)  # a light without junction takes turns with none
        if key not in group_of:
            group_of[key], next_group = next_group, next_group + 1
        group = group_of[key]
        axis = round((light.yaw_deg % 180.0) / 90.0) % 2
        controller = controller_of.get(light.opendrive_id, f"axis{axis}")
        if (group, controller) not in phases:
            last_phase[group] = phases[group, controller] = last_phase.get(group, -1) + 1
        phase = phases[group, controller]
        complete.append(replace(light, junction_id=junction, controller_id=controller, phase=phase, group=group))
    return complete


def _junction_behind(opendrive: OpenDrive, road_id: int, lane_id: int) -> int:
    """The junction that a lane leads into, -1 for none."""
    road = opendrive.roads[road_id]
    if road.junction_id >= 0:
        return road.junction_id
    link = road.successor if lane_id < 0 else road.predecessor
    return link[1] if link is not None and link[0] == "junction" else -1
