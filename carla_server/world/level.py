"""What the level is made of: scenery, traffic lights and signs with their names and boxes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from carla_server.render.scenery import BRIDGE_INSTANCE_OFFSET, LIGHT_INSTANCE_OFFSET, SIGN_INSTANCE_OFFSET
from carla_server.render.shapes import signals
from carla_server.roads.bridges import DECK_M, EDGE_M, RAIL_M
from carla_server.roads.mesh import Mesh
from carla_server.roads.town import BridgeSite, PropKind, Town
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import Pose, Vector

_TAG_OF_PROP = {
    PropKind.BUILDING: SemanticTag.BUILDINGS,
    PropKind.TREE: SemanticTag.VEGETATION,
    PropKind.STREET_LAMP: SemanticTag.POLES,
    PropKind.BENCH: SemanticTag.STATIC,
    PropKind.BIN: SemanticTag.STATIC,
    PropKind.HYDRANT: SemanticTag.STATIC,
    PropKind.PARKED_CAR: SemanticTag.CAR,
    PropKind.FENCE: SemanticTag.FENCES,
}

_DETAIL = 2
"""Level of detail whose shapes are measured: round enough to be as wide as they are high."""


@dataclass(frozen=True)
class LevelObject:
    """One thing of the level.

    Attributes:
        number: unique in the town.
        label: its SemanticTag.
        pose: of its foot, or of a lamp housing's middle, in the world.
        center_m, extent_m: of its box, upright and turned by the pose's yaw, in the world.
    """

    number: int
    name: str
    label: SemanticTag
    pose: Pose
    center_m: Vector
    extent_m: Vector

    def box_to_wire(self, has_actor_id: bool) -> list:
        """carla.BoundingBox as an array."""
        box: list = [list(self.center_m), list(self.extent_m), [0.0, self.pose[4], 0.0]]
        return [*box, 0] if has_actor_id else box


def level_objects(town: Town) -> Iterator[LevelObject]:
    """Scenery, each lamp housing of each traffic light, the face of each sign."""
    for placement in town.placements:
        x, y, z = placement.position_m
        length, width, height = placement.size_m
        yield LevelObject(
            placement.instance,
            f"{placement.kind.value}_{placement.instance}",
            _TAG_OF_PROP[placement.kind],
            (x, y, z, 0.0, placement.yaw_deg, 0.0),
            (x, y, z + height / 2),
            (length / 2, width / 2, height / 2),
        )
    for index, site in enumerate(town.bridges):
        yield _bridge(site, BRIDGE_INSTANCE_OFFSET + index, f"bridge_{index}")
    housing = _bounds(signals.signal_head_mesh(_DETAIL), SemanticTag.TRAFFIC_LIGHT)
    for index, light in enumerate(town.traffic_lights):
        for part, (x, y, z, yaw_deg) in enumerate(light.heads):
            # Housings of one light share its number in the instance camera; here each is a thing of its own.
            number = LIGHT_INSTANCE_OFFSET + index + part * (1 << 16)
            pose = (x, y, z, 0.0, yaw_deg, 0.0)
            yield LevelObject(
                number, f"traffic_light_{index}_{part}", SemanticTag.TRAFFIC_LIGHT, pose, *_at(pose, housing)
            )
    faces = {
        sign.type_id: _bounds(signals.sign_mesh(sign.type_id, _DETAIL), SemanticTag.TRAFFIC_SIGNS)
        for sign in town.signs
    }
    for index, sign in enumerate(town.signs):
        pose = (*sign.position_m, 0.0, sign.yaw_deg, 0.0)
        name = f"{sign.type_id.replace('.', '_')}_{index}"
        number = SIGN_INSTANCE_OFFSET + index
        yield LevelObject(number, name, SemanticTag.TRAFFIC_SIGNS, pose, *_at(pose, faces[sign.type_id]))


def _bounds(mesh: Mesh, tag: SemanticTag) -> tuple[np.ndarray, np.ndarray]:
    """Middle and half lengths of what carries a tag in a mesh (of everything, if nothing does)."""
    own = mesh.vertices["ids"][:, 0] == tag
    points = mesh.vertices["position_m"][own if own.any() else slice(None)].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2.0, (high - low) / 2.0


def _bridge(site: BridgeSite, number: int, name: str) -> LevelObject:
    """A stretch of a bridge from its girders to its rails, in the direction of its chord."""
    corners = np.concatenate([site.left_m, site.right_m])
    chord = site.left_m[-1] + site.right_m[-1] - site.left_m[0] - site.right_m[0]
    yaw = math.atan2(chord[1], chord[0])
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    flat = corners[:, :2] @ turn.T
    low, high = flat.min(axis=0) - EDGE_M, flat.max(axis=0) + EDGE_M
    x, y = ((low + high) / 2.0 @ turn).tolist()
    bottom, top = float(corners[:, 2].min()) - DECK_M, float(corners[:, 2].max()) + RAIL_M
    extent = (float(high[0] - low[0]) / 2.0, float(high[1] - low[1]) / 2.0, (top - bottom) / 2.0)
    pose = (x, y, bottom, 0.0, math.degrees(yaw), 0.0)
    return LevelObject(number, name, SemanticTag.BRIDGE, pose, (x, y, (bottom + top) / 2.0), extent)


def _at(pose: Pose, bounds: tuple[np.ndarray, np.ndarray]) -> tuple[Vector, Vector]:
    """Centre and extent of local bounds at an upright pose."""
    (x, y, z), (length, width, height) = bounds[0].tolist(), bounds[1].tolist()
    yaw = math.radians(pose[4])
    across, along = x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw)
    return (pose[0] + across, pose[1] + along, pose[2] + z), (length, width, height)
