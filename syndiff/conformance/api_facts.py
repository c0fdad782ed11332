"""Parts `library` and `map`: what the server says of its blueprints, vehicles, settings and map."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import carla

from carla_agents.simulator.errors import SpawnFailed
from carla_agents.simulator.session import WEATHER_FIELDS, Session
from syndiff.conformance.figures import Figure, Part

_WHEEL = (
    "tire_friction",
    "damping_rate",
    "max_steer_angle",
    "radius",
    "max_brake_torque",
    "max_handbrake_torque",
    "lat_stiff_max_load",
    "lat_stiff_value",
    "long_stiff_value",
)
_BODY = (
    "mass",
    "drag_coefficient",
    "max_rpm",
    "moi",
    "damping_rate_full_throttle",
    "damping_rate_zero_throttle_clutch_engaged",
    "damping_rate_zero_throttle_clutch_disengaged",
    "gear_switch_time",
    "clutch_strength",
    "final_ratio",
)


def measure_library(session: Session, vehicles: Sequence[str]) -> Part:
    """Blueprints with their attributes, and the mechanics of some vehicles."""
    part = Part("library")
    library = session.world.get_blueprint_library()
    for family in ("vehicle", "walker", "sensor", "static", "controller", "util"):
        part.figures[f"blueprints/{family}"] = Figure(sorted(b.id for b in library.filter(f"{family}.*")))
    for blueprint in sorted(library, key=lambda b: b.id):
        described = sorted(_describe(attribute) for attribute in blueprint)
        part.figures[f"attributes/{blueprint.id}"] = Figure(described)
    for name in vehicles:
        _vehicle(session, name, part)
    return part


def measure_map(session: Session) -> Part:
    """The loaded map's own figures, and the server's defaults."""
    part = Part("map")
    road_map, world = session.map, session.world
    edges = sorted(_edge(begin, end) for begin, end in road_map.get_topology())
    digest = hashlib.sha256("\n".join(edges).encode()).hexdigest()
    landmarks = Counter(landmark.type for landmark in road_map.get_all_landmarks())
    part.figures |= {
        "map/spawn_points": Figure(len(road_map.get_spawn_points())),
        "map/topology_edges": Figure(len(edges)),
        "map/topology_sha256": Figure(digest),
        "map/crosswalk_points": Figure(len(road_map.get_crosswalks())),
        "map/landmarks": Figure(sorted(f"{count} of type {kind}" for kind, count in landmarks.items())),
        "map/traffic_lights": Figure(len(world.get_actors().filter("traffic.traffic_light*"))),
        "map/stop_signs": Figure(len(world.get_actors().filter("traffic.stop"))),
        "map/speed_signs": Figure(len(world.get_actors().filter("traffic.speed_limit*"))),
    }
    weather = world.get_weather()
    for name in WEATHER_FIELDS:
        part.figures[f"map/first_weather/{name}"] = Figure.number(getattr(weather, name), "", absolute=1e-3)
    lights = world.get_actors().filter("traffic.traffic_light*")
    if len(lights):
        first = min(lights, key=lambda light: light.id)
        for color in ("green", "yellow", "red"):
            seconds = getattr(first, f"get_{color}_time")()
            part.figures[f"map/lights_{color}_s"] = Figure.number(seconds, "s", absolute=0.1)
    return part


def _vehicle(session: Session, name: str, part: Part) -> None:
    places = session.map.get_spawn_points()
    if not places:
        part.figures[f"{name}/mass"] = Figure.missing("the map has no spawn point to put it on")
        return
    try:
        vehicle = _spawn_somewhere(session, name, places)
    except SpawnFailed as error:
        part.figures[f"{name}/mass"] = Figure.missing(str(error))
        return
    session.tick()
    try:
        for axis in "xyz":
            extent_m = getattr(vehicle.bounding_box.extent, axis)
            part.figures[f"{name}/extent_{axis}_m"] = Figure.number(extent_m, "m", absolute=0.02)
            center_m = getattr(vehicle.bounding_box.location, axis)
            part.figures[f"{name}/box_center_{axis}_m"] = Figure.number(center_m, "m", absolute=0.05)
        part.figures[f"{name}/semantic_tags"] = Figure([str(tag) for tag in vehicle.semantic_tags])
        _mechanics(name, vehicle.get_physics_control(), part)
    finally:
        session.destroy([vehicle])
        session.tick()


def _spawn_somewhere(session: Session, name: str, places: Sequence[carla.Transform]) -> carla.Actor:
    for place in places[:10]:
        try:
            return session.spawn(name, place)
        except SpawnFailed as error:
            refused = error
    raise refused


def _mechanics(name: str, control: carla.VehiclePhysicsControl, part: Part) -> None:
    for field in _BODY:
        part.figures[f"{name}/{field}"] = Figure.number(getattr(control, field), "", relative=0.05)
    part.figures[f"{name}/gears"] = Figure(
        [f"{index}: {g.ratio:.3g}" for index, g in enumerate(control.forward_gears)]
    )
    for curve in ("torque_curve", "steering_curve"):
        points = [f"{point.x:.4g}: {point.y:.4g}" for point in getattr(control, curve)]
        part.figures[f"{name}/{curve}"] = Figure(points)
    part.figures[f"{name}/wheels"] = Figure(len(control.wheels))
    for end, wheel in (("front", control.wheels[0]), ("rear", control.wheels[-1])):
        for field in _WHEEL:
            part.figures[f"{name}/{end}_{field}"] = Figure.number(getattr(wheel, field), "", relative=0.05)
    part.figures[f"{name}/wheelbase_m"] = Figure.number(
        control.wheels[0].position.distance(control.wheels[len(control.wheels) // 2].position) / 100.0,
        "m",
        relative=0.03,
    )


def _describe(attribute: carla.ActorAttribute) -> str:
    change = "modifiable" if attribute.is_modifiable else "fixed"
    values = " | ".join(_plain(value) for value in attribute.recommended_values)
    return f"{attribute.id} ({attribute.type}, {change}; {values})"


def _plain(value: str) -> str:
    """The same number always in the same words: `90`, `90.0` and `90.000000` are one."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value


def _edge(begin: carla.Waypoint, end: carla.Waypoint) -> str:
    places = (begin.transform.location, end.transform.location)
    return " ".join(f"{place.x:.1f},{place.y:.1f}" for place in places).replace("-0.0", "0.0")
