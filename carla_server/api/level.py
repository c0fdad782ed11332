"""Questions about what the level is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.semantics import ANY_TAG
from carla_server.wire.structs import pose_to_wire, read_int
from carla_server.world.level import LevelObject, level_objects


def get_environment_objects(simulator: Simulator, tag: Any) -> list:
    """Things of one label (255: any) with their boxes in the world."""
    has_id = simulator.world.layout.bounding_box_has_actor_id
    return [
        [pose_to_wire(thing.pose), thing.box_to_wire(has_id), thing.number, thing.name, int(thing.label)]
        for thing in _of_label(simulator, tag)
    ]


def get_all_level_BBs(simulator: Simulator, tag: Any) -> list:
    """World boxes of the things of one label (255: any)."""
    has_id = simulator.world.layout.bounding_box_has_actor_id
    return [thing.box_to_wire(has_id) for thing in _of_label(simulator, tag)]


def get_names_of_all_objects(simulator: Simulator) -> list[str]:
    return [thing.name for thing in level_objects(simulator.world.whole_town)]


def _of_label(simulator: Simulator, tag: Any) -> Iterator[LevelObject]:
    wanted = read_int(tag, "label", 0, 255)
    return (thing for thing in level_objects(simulator.world.whole_town) if wanted in (ANY_TAG, thing.label))


PROCEDURES = rows(Returns.VALUE, get_environment_objects, get_all_level_BBs, get_names_of_all_objects)
