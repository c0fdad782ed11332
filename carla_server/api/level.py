"""Questions about what the level is made of."""

from __future__ import annotations

from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.semantics import ANY_TAG
from carla_server.wire.structs import pose_to_wire, read_int
from carla_server.world.actors import TrafficLight, TrafficSign
from carla_server.world.level import level_objects
from carla_server.world.poses import compose


def get_environment_objects(simulator: Simulator, tag: Any) -> list:
    """Scenery, lights and signs of one label (255: any) with their boxes in the world, hidden ones too."""
    wanted = read_int(tag, "label", 0, 255)
    has_id = simulator.world.layout.bounding_box_has_actor_id
    return [
        [pose_to_wire(thing.pose), thing.box_to_wire(has_id), thing.number, thing.name, int(thing.label)]
        for thing in level_objects(simulator.world.whole_town)
        if wanted in (ANY_TAG, thing.label)
    ]


def get_all_level_BBs(simulator: Simulator, tag: Any) -> list:
    """World boxes of what is there of one label (255: any): scenery that is not hidden, vehicles, walkers, props."""
    world = simulator.world
    wanted = read_int(tag, "label", 0, 255)
    has_id = world.layout.bounding_box_has_actor_id
    things = (thing for thing in level_objects(world.town) if wanted in (ANY_TAG, thing.label))
    boxes = [thing.box_to_wire(has_id) for thing in things]
    for actor in world.actors.values():
        if isinstance(actor, TrafficLight | TrafficSign) or not actor.semantic_tags:
            continue  # those two are in the level already
        if wanted in (ANY_TAG, actor.semantic_tags[-1]):
            x, y, z, *rotation = compose(world.pose_of(actor), (*actor.box.center_m, *actor.box.rotation_deg))
            box: list = [[x, y, z], list(actor.box.extent_m), rotation]
            boxes.append([*box, actor.actor_id] if has_id else box)
    return boxes


def get_names_of_all_objects(simulator: Simulator) -> list[str]:
    return [thing.name for thing in level_objects(simulator.world.whole_town)]


PROCEDURES = rows(Returns.VALUE, get_environment_objects, get_all_level_BBs, get_names_of_all_objects)
