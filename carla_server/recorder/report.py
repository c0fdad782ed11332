"""What a recording holds, in the text that CARLA's tools print and ScenarioRunner's metrics parse."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from carla_server.recorder.packets import ActorKind, Packet, PhysicsRecord
from carla_server.recorder.recording import Frame, Recording
from carla_server.world.weather import WEATHER_FIELDS

_LIGHT_NAMES = (
    *("Position", "LowBeam", "HighBeam", "Brake", "RightBlinker", "LeftBlinker"),
    *("Reverse", "Fog", "Interior", "Special1", "Special2"),
)
"""Bits of carla.VehicleLightState from the lowest."""

_DOOR_NAMES = ("Front Left", "Front Right", "Rear Left", "Rear Right", "Hood", "Trunk")
_KIND_LETTERS = {ActorKind.OTHER: "o", ActorKind.VEHICLE: "v", ActorKind.WALKER: "w", ActorKind.TRAFFIC_LIGHT: "t"}
CATEGORIES = "ovwtha"
"""Other, vehicle, walker, traffic light, hero, any."""


def file_info(recording: Recording, *, show_all: bool) -> str:
    """Frames with who came, went and collided; with `show_all` also every pose and state."""
    lines = _head(recording)
    for frame in recording:
        told = list(_events(frame))
        if show_all:
            told += _states(frame)
        if told or show_all:
            lines += [f"Frame {frame.number} at {_number(frame.elapsed_s)} seconds", *told]
        lines.append("")
    return "\n".join([*lines, *_foot(recording, _number(recording.duration_s))])


def collisions(recording: Recording, category: str, other_category: str) -> str:
    """Collisions between two kinds of actors (letters of `CATEGORIES`), each told when it begins."""
    lines = _head(recording)
    lines.append(f"{'Time':>8} {'Types':>6} {'Id':>6} {'Actor 1':<35} {'Id':>6} {'Actor 2':<35}")
    letter_of: dict[int, str] = {}
    type_of: dict[int, str] = {}
    touching: set[tuple[int, int]] = set()
    rows = 0
    for frame in recording:
        for actor in frame.added():
            letter_of[actor.actor_id] = _KIND_LETTERS.get(ActorKind(min(actor.kind, ActorKind.SENSOR)), "o")
            type_of[actor.actor_id] = actor.type_id
        before, touching = touching, set()
        for _, first, second, first_hero, second_hero in frame.table(Packet.COLLISIONS).tolist():
            letters = letter_of.get(first, "o"), letter_of.get(second, "o")
            if not (_fits(category, letters[0], first_hero) and _fits(other_category, letters[1], second_hero)):
                continue
            touching.add((first, second))
            if (first, second) not in before:
                rows += 1
                told = f"{first:>6} {type_of.get(first, ''):<35} {second:>6} {type_of.get(second, ''):<35}"
                lines.append(f"{frame.elapsed_s:>8.0f}   {letters[0]} {letters[1]}  {told}")
    duration_s = f"{recording.duration_s:.0f}" if rows else _number(recording.duration_s)
    return "\n".join([*lines, *_foot(recording, duration_s)])


def blocked(recording: Recording, min_time_s: float, min_distance_cm: float) -> str:
    """Actors that moved less than a distance for at least a time, the longest first."""
    lines = _head(recording)
    lines.append(f"{'Time':>8} {'Id':>6} {'Actor':<35} {'Duration':>10}")
    type_of: dict[int, str] = {}
    waits: dict[int, tuple[tuple[float, ...], float, float]] = {}
    found: list[tuple[float, str]] = []

    def tell(actor_id: int, since_s: float, waited_s: float) -> None:
        if waited_s >= min_time_s:
            found.append(
                (waited_s, f"{since_s:>8.0f} {actor_id:>6} {type_of.get(actor_id, ''):<35} {waited_s:>10.0f}")
            )

    for frame in recording:
        type_of.update((actor.actor_id, actor.type_id) for actor in frame.added())
        for actor_id, location_cm, _ in frame.table(Packet.POSITIONS).tolist():
            place, since_s, waited_s = waits.get(actor_id, ((0.0, 0.0, 0.0), 0.0, 0.0))
            if math.dist(place, location_cm) < min_distance_cm:
                waits[actor_id] = (
                    place,
                    since_s if waited_s else frame.elapsed_s,
                    waited_s + max(frame.duration_s, 0.0),
                )
            else:
                tell(actor_id, since_s, waited_s)
                waits[actor_id] = tuple(location_cm), 0.0, 0.0
        for (actor_id,) in frame.table(Packet.ACTORS_REMOVED).tolist():
            _, since_s, waited_s = waits.pop(actor_id, ((), 0.0, 0.0))
            tell(actor_id, since_s, waited_s)
    for actor_id, (_, since_s, waited_s) in waits.items():
        tell(actor_id, since_s, waited_s)
    lines += [line for _, line in sorted(found, key=lambda item: -item[0])]
    return "\n".join([*lines, *_foot(recording, _number(recording.duration_s))])


def _head(recording: Recording) -> list[str]:
    date = time.strftime("%m/%d/%y %H:%M:%S", time.localtime(recording.date_s))
    return [f"Version: {recording.version}", f"Map: {recording.map_name}", f"Date: {date}", ""]


def _foot(recording: Recording, duration_s: str) -> list[str]:
    return ["", f"Frames: {len(recording)}", f"Duration: {duration_s} seconds", ""]


def _fits(category: str, letter: str, is_hero: int) -> bool:
    return category in ("a", letter) or (category == "h" and bool(is_hero))


def _events(frame: Frame) -> Iterator[str]:
    for actor in frame.added():
        yield f" Create {actor.actor_id}: {actor.type_id} ({actor.kind}) at {_triple(actor.location_cm)}"
        for _, name, value in actor.attributes:
            yield f"  {name} = {value}"
    for (actor_id,) in frame.table(Packet.ACTORS_REMOVED).tolist():
        yield f" Destroy {actor_id}"
    for number, first, second, first_hero, second_hero in frame.table(Packet.COLLISIONS).tolist():
        yield (
            f" Collision id {number} between {first}{' (hero) ' if first_hero else ''} "
            f"with {second}{' (hero) ' if second_hero else ''}"
        )
    for actor_id, parent_id in frame.table(Packet.PARENTS).tolist():
        yield f" Parenting {actor_id} with {parent_id} (parent)"


def _states(frame: Frame) -> Iterator[str]:
    yield from _table(
        frame, Packet.POSITIONS, "Positions", lambda at, turn: f"Location: {_triple(at)} Rotation: {_triple(turn)}"
    )
    yield from _table(
        frame,
        Packet.LIGHTS,
        "State traffic lights",
        lambda frozen, elapsed_s, state: f"state: {state} frozen: {frozen} elapsedTime: {_number(elapsed_s)}",
    )
    yield from _table(
        frame,
        Packet.VEHICLES,
        "Vehicle animations",
        lambda control, hand_brake, gear: (
            f"Steering: {_number(control[0])} Throttle: {_number(control[1])} Brake: {_number(control[2])} "
            f"Handbrake: {hand_brake} Gear: {gear}"
        ),
    )
    yield from _table(frame, Packet.WALKERS, "Walker animations", lambda speed: f"speed: {_number(speed)}")
    yield from _table(frame, Packet.VEHICLE_LIGHTS, "Vehicle light animations", _names_of_lights)
    yield from _table(
        frame,
        Packet.LAMPS,
        "Scene light changes",
        lambda intensity, rgba, on, _: (
            f"enabled: {bool(on)} intensity: {_number(intensity)} RGB_color: {_triple(rgba[:3])}"
        ),
    )
    yield from _table(
        frame,
        Packet.KINEMATICS,
        "Dynamic actors",
        lambda velocity, turn: f"linear_velocity: {_triple(velocity)} angular_velocity: {_triple(turn)}",
    )
    for packet, title in ((Packet.BOXES, "Actor bounding boxes"), (Packet.TRIGGERS, "Actor trigger volumes")):
        yield from _table(
            frame, packet, title, lambda origin, extent: f"origin: {_triple(origin)} extension: {_triple(extent)}"
        )
    passed_s = frame.platform_time_s()
    if passed_s is not None:
        yield f" Current platform time: {_number(passed_s)}"
    yield from _physics(frame.physics())
    yield from _table(
        frame,
        Packet.LIGHT_TIMES,
        "Traffic Light time events",
        lambda times: (
            f"green_time: {_number(times[0])} yellow_time: {_number(times[1])} red_time: {_number(times[2])}"
        ),
    )
    for (values,) in frame.table(Packet.WEATHER).tolist():
        names = ["".join(part.capitalize() for part in name.split("_")) for name in WEATHER_FIELDS]
        yield " Weathers: 1"
        yield "  " + " ".join(f"{name}: {_number(value)}" for name, value in zip(names, values))
    doors = frame.table(Packet.DOORS).tolist()
    if doors:
        yield f" Vehicle door animations: {len(doors)}"
    for actor_id, open_doors in doors:
        names = [name for bit, name in enumerate(_DOOR_NAMES) if open_doors >> bit & 1]
        yield f"  Id: {actor_id}"
        yield f"  Doors opened:  {', '.join(names) or 'None'} "


def _table(frame: Frame, packet: Packet, title: str, tell: Any) -> Iterator[str]:
    """A packet's title with its count, and a line for each record; nothing if the frame has no such packet."""
    if packet in frame.packets:
        records = frame.table(packet).tolist()
        yield f" {title}: {len(records)}"
        for actor_id, *values in records:
            told = tell(*values)
            yield f"  Id: {actor_id} {told}"


def _names_of_lights(flags: int) -> str:
    return " ".join(name for bit, name in enumerate(_LIGHT_NAMES) if flags >> bit & 1) or "None"


def _physics(records: Sequence[PhysicsRecord]) -> Iterator[str]:
    if records:
        yield f" Physics Control events: {len(records)}"
    for record in records:
        rpm, inertia, full, engaged, free = (_number(value) for value in record.engine)
        clutch, final, mass, drag = (_number(value) for value in record.drive)
        yield f"  Id: {record.actor_id}"
        yield f"   max_rpm = {rpm}"
        yield f"   MOI = {inertia}"
        yield f"   damping_rate_full_throttle = {full}"
        yield f"   damping_rate_zero_throttle_clutch_engaged = {engaged}"
        yield f"   damping_rate_zero_throttle_clutch_disengaged = {free}"
        yield f"   use_gear_auto_box = {'true' if record.use_gear_autobox else 'false'}"
        yield f"   clutch_strength = {clutch}"
        yield f"   final_ratio = {final}"
        yield f"   mass = {mass}"
        yield f"   drag_coefficient = {drag}"
        yield f"   center_of_mass = {_triple(record.center_of_mass)}"
        for name, curve in (("torque_curve", record.torque_curve), ("steering_curve", record.steering_curve)):
            yield f"   {name} = {' '.join(_triple(point) for point in curve)}"
        yield "   forward_gears:"
        for number, gear in enumerate(record.gears):
            ratio, down, up = (_number(value) for value in gear)
            yield f"    gear {number}: ratio {ratio} down_ratio {down} up_ratio {up}"
        yield "   wheels:"
        for number, wheel in enumerate(record.wheels):
            friction, damping, steer, radius, brake, hand_brake = (_number(value) for value in wheel[:6])
            yield (
                f"    wheel {number}: tire_friction {friction} damping_rate {damping} max_steer_angle {steer} "
                f"radius {radius} max_brake_torque {brake} max_handbrake_torque {hand_brake} "
                f"position {_triple(wheel[9:])}"
            )


def _number(value: float) -> str:
    """Six significant digits, as C++ streams print."""
    return f"{value:g}"


def _triple(values: Sequence[float]) -> str:
    return f"({', '.join(_number(value) for value in values)})"
