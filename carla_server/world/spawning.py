"""From a client's request or a town's furniture to an actor object."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from carla_server.dynamics import VehicleSpec
from carla_server.roads.town import Box, SignSite, Town, TrafficLightSite
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import ActorDescription, InvalidArgument, Pose
from carla_server.world.actors import (
    Actor,
    Attachment,
    BoundingBox,
    Sensor,
    TrafficLight,
    TrafficSign,
    Vehicle,
    Walker,
)
from carla_server.world.blueprints import LIBRARY, AttributeType, Blueprint
from carla_server.world.poses import relative

SPECTATOR_POSE: Pose = (0.0, 0.0, 40.0, -50.0, 0.0, 0.0)

SENSOR_FAMILIES: dict[str, str] = {
    "sensor.camera.rgb": "rgb",
    "sensor.camera.depth": "depth",
    "sensor.camera.semantic_segmentation": "semantic_segmentation",
    "sensor.camera.instance_segmentation": "instance_segmentation",
    "sensor.camera.normals": "normals",
    "sensor.camera.optical_flow": "optical_flow",
    "sensor.camera.dvs": "dvs",
    "sensor.camera.cosmos_visualization": "cosmos",
    "sensor.lidar.ray_cast": "lidar",
    "sensor.lidar.ray_cast_semantic": "lidar_semantic",
    "sensor.other.radar": "radar",
    "sensor.other.imu": "imu",
    "sensor.other.gnss": "gnss",
    "sensor.other.collision": "collision",
    "sensor.other.obstacle": "obstacle",
}
"""Blueprint -> family of the sensors that this server measures."""

ROLLED_OVER_M = 0.2
"""Props up to this height lie on the road and stop nobody: planks, tiles, debris."""

MEASURED_BY_CLIENT = "sensor.other.lane_invasion"


def blueprint_of(blueprint_id: str) -> Blueprint:
    """Look a blueprint up.

    Raises:
        InvalidArgument: there is none of that name; the message names similar ones.
    """
    blueprint = LIBRARY.get(blueprint_id)
    if blueprint is None:
        near = difflib.get_close_matches(blueprint_id, LIBRARY, 4, 0.5)
        hint = f"; similar names: {', '.join(near)}" if near else ""
        raise InvalidArgument(
            f"unknown blueprint {blueprint_id!r}{hint}. This server has {len(LIBRARY)} blueprints, "
            "world.get_blueprint_library() lists them"
        )
    return blueprint


def with_own_types(description: ActorDescription, type_base: int) -> ActorDescription:
    """The description with the types and the number that our library has, whatever the caller says they are.

    A client that gets an attribute whose value does not fit its type cannot read any list of actors any more, so what
    one client sends must not reach the others unchecked.

    Args:
        description: as received, or as an older version has recorded it.
        type_base: the layout's `attribute_type_base`.

    Raises:
        InvalidArgument: unknown blueprint, or a value that does not fit.
    """
    blueprint = blueprint_of(description.blueprint_id)
    types = {attribute.name: attribute.type for attribute in blueprint.attributes}
    attributes = []
    for name, _, value in description.attributes:
        kind = types.get(name, AttributeType.STRING)
        if kind is AttributeType.BOOL and value.lower() not in ("true", "false"):
            raise InvalidArgument(f"attribute {name} is {value!r}, it must be 'true' or 'false'")
        if kind is AttributeType.COLOR:
            _color(value)
        attributes.append((name, kind + type_base, value))
    return ActorDescription(blueprint.uid, description.blueprint_id, tuple(attributes))


def vehicle_spec(actor: Vehicle) -> VehicleSpec:
    """Mechanics that a vehicle has by its blueprint.

    Raises:
        InvalidArgument: the blueprint is no vehicle's.
    """
    blueprint = blueprint_of(actor.type_id).vehicle
    if blueprint is None:
        raise InvalidArgument(f"{actor.type_id} is not a vehicle")
    return blueprint.spec


def make_actor(
    actor_id: int, description: ActorDescription, pose: Pose, attachment: Attachment | None, stream_id: int
) -> Actor:
    """Make the object for a client's spawn request.

    Args:
        actor_id: id it will have.
        description: blueprint and attributes.
        pose: in the world.
        attachment: how it hangs on its parent, if it has one.
        stream_id: number to use if it turns out to be a sensor with a stream.

    Raises:
        InvalidArgument: unknown blueprint or an attribute that is no number.
    """
    blueprint = blueprint_of(description.blueprint_id)
    attributes = blueprint.defaults | {name: value for name, _, value in description.attributes}
    for attribute in blueprint.attributes:
        if attribute.type in (AttributeType.INT, AttributeType.FLOAT):
            number(attributes[attribute.name], attribute.name)
    common = (actor_id, description, pose)
    if blueprint.vehicle is not None:
        box = BoundingBox((0.0, 0.0, blueprint.extent_m[2]), blueprint.extent_m)
        return Vehicle(
            *common,
            box=box,
            semantic_tags=blueprint.vehicle.semantic_tags,
            attachment=attachment,
            attributes=attributes,
            color=_color(attributes["color"]),
            keeps_control=attributes["sticky_control"].lower() != "false",
        )
    kind = blueprint.blueprint_id.split(".")[0]
    if kind == "walker":
        box = BoundingBox(extent_m=blueprint.extent_m)
        tags = (int(SemanticTag.PEDESTRIANS),)
        return Walker(
            *common,
            box=box,
            semantic_tags=tags,
            attachment=attachment,
            attributes=attributes,
            invincible=attributes["is_invincible"].lower() != "false",
        )
    if blueprint.blueprint_id in SENSOR_FAMILIES:
        return Sensor(
            *common,
            attachment=attachment,
            attributes=attributes,
            stream_id=stream_id,
            collides=False,
            family=SENSOR_FAMILIES[blueprint.blueprint_id],
            tick_s=number(attributes.get("sensor_tick", "0"), "sensor_tick"),
        )
    if blueprint.blueprint_id.startswith("static.prop."):
        box = BoundingBox((0.0, 0.0, blueprint.extent_m[2]), blueprint.extent_m)
        return Actor(
            *common,
            box=box,
            semantic_tags=(int(SemanticTag.STATIC),),
            attachment=attachment,
            attributes=attributes,
            collides=2.0 * blueprint.extent_m[2] > ROLLED_OVER_M,
        )
    return Actor(*common, attachment=attachment, attributes=attributes, collides=False)


def make_furniture(town: Town) -> Iterator[Actor]:
    """Traffic lights, signs and the spectator of a town, with ids from 1."""
    actor_id = 0
    for index, light in enumerate(town.traffic_lights):
        actor_id += 1
        yield TrafficLight(
            actor_id,
            ActorDescription(0, "traffic.traffic_light", ()),
            _site_pose(light),
            box=_trigger(light),
            semantic_tags=(int(SemanticTag.TRAFFIC_LIGHT),),
            sign_id=light.opendrive_id,
            site=index,
            collides=False,
        )
    for index, sign in enumerate(town.signs):
        actor_id += 1
        yield TrafficSign(
            actor_id,
            ActorDescription(0, sign.type_id, ()),
            _site_pose(sign),
            box=_trigger(sign),
            semantic_tags=(int(SemanticTag.TRAFFIC_SIGNS),),
            sign_id=sign.opendrive_id,
            site=index,
            collides=False,
        )
    yield Actor(actor_id + 1, ActorDescription(0, "spectator", ()), SPECTATOR_POSE, collides=False)


def world_box(actor: Actor, pose: Pose) -> Box:
    """The actor's box, upright, where it would stand at a pose."""
    x, y, z = actor.box.center_m
    center = (pose[0] + x, pose[1] + y, pose[2] + z)
    return Box(center, actor.box.extent_m, pose[4] + actor.box.rotation_deg[1])


def number(text: str, name: str) -> float:
    """Value of a numeric attribute, which clients write in any notation ("64", "64.0").

    Raises:
        InvalidArgument: it is not a finite number.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1e12 < value < 1e12:
        raise InvalidArgument(f"attribute {name} is {text!r}, it must be a finite number")
    return value


def _site_pose(site: TrafficLightSite | SignSite) -> Pose:
    return (*site.position_m, 0.0, site.yaw_deg, 0.0)


def _trigger(site: TrafficLightSite | SignSite) -> BoundingBox:
    local = relative(_site_pose(site), (*site.trigger.center_m, 0.0, site.trigger.yaw_deg, 0.0))
    return BoundingBox(local[:3], site.trigger.extent_m, (0.0, local[4], 0.0))


def _color(text: str) -> tuple[int, int, int]:
    try:
        red, green, blue = (int(float(part)) for part in text.split(","))
    except (ValueError, OverflowError):
        red = green = blue = -1
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise InvalidArgument(f"attribute color is {text!r}, it must be 'r,g,b' with numbers 0..255")
    return red, green, blue
