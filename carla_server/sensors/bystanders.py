"""Who or what a sensor event names: an actor, or a part of the map dressed up as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carla_server.semantics import SemanticTag

if TYPE_CHECKING:
    from carla_server.world.world import World

_STATIC_TYPES = {
    SemanticTag.BUILDINGS: "static.building",
    SemanticTag.WALLS: "static.wall",
    SemanticTag.FENCES: "static.fence",
    SemanticTag.POLES: "static.pole",
    SemanticTag.TRAFFIC_LIGHT: "static.trafficlight",
    SemanticTag.TRAFFIC_SIGNS: "static.trafficsign",
    SemanticTag.VEGETATION: "static.vegetation",
    SemanticTag.CAR: "static.car",
    SemanticTag.GUARD_RAIL: "static.guardrail",
}


def actor_on_wire(world: World, actor_id: int, tag: int) -> list:
    """An rpc::Actor array for an event.

    Args:
        world: knows the actors.
        actor_id: an actor, or 0 for a part of the map.
        tag: SemanticTag of that part of the map.

    Returns:
        The actor as it is, or one with id 0 and a type such as `static.building`, which is how CARLA names
        things that are no actors.
    """
    actor = world.actors.get(actor_id)
    if actor is not None:
        return actor.to_wire(world.layout, b"")
    type_id = _STATIC_TYPES.get(SemanticTag(tag), "static.unknown")
    box: list = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    if world.layout.bounding_box_has_actor_id:
        box.append(0)
    return [0, 0, [0, type_id, []], box, bytes((tag,)), b""]
