"""Town and actors together, as seen by rays from one point.

The town's triangles are prepared with the first ray of a map. An actor is not copied into the scene each tick: the
few rays that pass its bounding sphere are turned into its frame and asked there, against the one shape that all
actors of its blueprint share. A ray that starts inside an actor's box passes that actor, because CARLA's surfaces
are one-sided: a radar in a bumper looks out of its own car. From outside, the carrier of a sensor is hit like
anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from embreex.rtcore import EmbreeDevice

from carla_server.rays.caster import TriangleCaster
from carla_server.rays.triangles import blueprint_triangles, town_triangles
from carla_server.render.scenery import LIGHT_INSTANCE_OFFSET, SIGN_INSTANCE_OFFSET
from carla_server.render.shapes.pieces import DOORWAYS
from carla_server.world.actors import Actor, TrafficLight, TrafficSign, Walker
from carla_server.world.pieces import Piece, pieces_of
from carla_server.world.poses import rotation_matrix

if TYPE_CHECKING:
    from carla_server.roads.town import Town
    from carla_server.world.world import World

_INSTANCES = 1 << 16
_REACH_PER_EXTENT, _MARGIN_M = 2.0, 1.0
"""No shape reaches farther from its origin than this share of its box's half diagonal and a margin."""
_ROUNDING = 1e-3


@dataclass(frozen=True)
class RayHits:
    """What (N,) rays meet first.

    Attributes:
        distance_m: (N,) float32, inf where nothing is met within range.
        actor_id: (N,) uint32, 0 for the map.
        instance: (N,) uint16, which piece of scenery; 0 for the ground and for actors.
        tag: (N,) uint8 SemanticTag.
        normal: (N, 3) float32 unit vectors in the world, towards the side the ray comes from; zero without a hit.
    """

    distance_m: np.ndarray
    actor_id: np.ndarray
    instance: np.ndarray
    tag: np.ndarray
    normal: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(N,) bool."""
        return self.distance_m < np.inf


class RayScene:
    """The shapes of one map and of the blueprints that rays have met."""

    def __init__(self) -> None:
        self._device: EmbreeDevice | None = None
        self._town: Town | None = None
        self._static: TriangleCaster | None = None
        self._shapes: dict[tuple[str, tuple[float, float, float], str], TriangleCaster] = {}
        self._furniture_ids = np.zeros(_INSTANCES, np.uint32)
        self._furniture_of = -1

    def prepare(self, town: Town) -> TriangleCaster:
        """Make the shapes of a town ready now, which takes about a second, so that no later ray waits for them."""
        if self._device is None:
            self._device = EmbreeDevice()
        if self._static is None or self._town is not town:
            self._town = town
            self._static = TriangleCaster(self._device, town_triangles(town))
            self._static.first(
                np.zeros(3), np.array([[0.0, 0.0, 1.0]]), np.ones(1)
            )  # Embree sorts them when first asked
        return self._static

    def cast(self, world: World, origin_m: np.ndarray, directions: np.ndarray, range_m: float) -> RayHits:
        """Cast rays from one point.

        Args:
            world: its town and its actors where they are now.
            origin_m: (3,) start, world.
            directions: (N, 3) unit vectors, world.
            range_m: how far to look.
        """
        origin = np.asarray(origin_m, np.float64)
        directions = np.ascontiguousarray(directions, np.float32)
        static = self.prepare(world.town)
        count = len(directions)
        crossings = static.first(origin, directions, np.full(count, range_m, np.float32))
        row = crossings.triangle
        met = row >= 0
        hits = RayHits(
            np.where(met, crossings.distance, np.float32(np.inf)),
            np.zeros(count, np.uint32),
            static.instance[row],
            static.tag[row],
            np.where(met[:, None], crossings.normal, np.float32(0.0)),
        )
        hits.actor_id[:] = self._ids_of_furniture(world)[hits.instance]
        for actor, offset in _solid_ahead(world, origin, directions, range_m):
            self._cast_at(world, actor, offset, origin, directions, range_m, hits)
        length = np.linalg.norm(hits.normal, axis=1, keepdims=True)
        hits.normal[:] /= np.maximum(length, np.float32(1e-12))
        away = np.einsum("nk,nk->n", hits.normal, directions) > 0.0
        hits.normal[away] *= -1.0
        return hits

    def _cast_at(
        self,
        world: World,
        actor: Actor,
        offset: np.ndarray,
        origin: np.ndarray,
        directions: np.ndarray,
        range_m: float,
        hits: RayHits,
    ) -> None:
        """Let one actor, at an offset from the rays' start, stand in the way of the rays whose hits are given."""
        owner = world.in_pieces.get(actor.actor_id)
        if not isinstance(owner, Walker):  # whose pieces are drawn instead of the whole
            self._cast_at_shape(world, actor, None, offset, directions, range_m, hits)
        if owner is None:
            return
        for piece in pieces_of(world, owner):
            if piece.name not in DOORWAYS:  # they lie on the body's skin
                away = np.array(piece.pose[:3]) - origin
                self._cast_at_shape(world, actor, piece, away, directions, range_m, hits)

    def _cast_at_shape(
        self,
        world: World,
        actor: Actor,
        piece: Piece | None,
        offset: np.ndarray,
        directions: np.ndarray,
        range_m: float,
        hits: RayHits,
    ) -> None:
        shape = self._shape(actor, "" if piece is None else piece.name)
        radius_m, away_m = shape.radius_m, float(np.linalg.norm(offset))
        if away_m - radius_m > range_m:
            return
        rays = np.arange(len(directions))
        if away_m > radius_m:
            nearest_m = (away_m * away_m - radius_m * radius_m) ** 0.5  # along a ray that touches the sphere
            rays = np.flatnonzero(directions @ offset.astype(np.float32) > nearest_m)
            rays = rays[hits.distance_m[rays] > away_m - radius_m]
        if not len(rays):
            return
        pose = world.pose_of(actor) if piece is None else piece.pose
        turn = rotation_matrix(*pose[3:])
        local = -(turn.T @ offset)
        if piece is None and bool((np.abs(local - actor.box.center_m) < actor.box.extent_m).all()):
            return
        reach = np.minimum(hits.distance_m[rays], np.float32(range_m))
        crossings = shape.first(local, directions[rays] @ turn.astype(np.float32), reach)
        met = crossings.triangle >= 0
        rays, row = rays[met], crossings.triangle[met]
        hits.distance_m[rays] = crossings.distance[met]
        hits.actor_id[rays] = actor.actor_id
        hits.instance[rays] = 0
        own_tag = shape.tag[row]
        hits.tag[rays] = np.where(own_tag == 0, np.uint8(actor.semantic_tags[-1]), own_tag)
        hits.normal[rays] = crossings.normal[met] @ turn.T.astype(np.float32)

    def _shape(self, actor: Actor, piece: str = "") -> TriangleCaster:
        key = (actor.type_id, actor.box.extent_m, piece)
        if key not in self._shapes:
            self._shapes[key] = TriangleCaster(self._device, blueprint_triangles(*key))
        return self._shapes[key]

    def _ids_of_furniture(self, world: World) -> np.ndarray:
        """(65536,) actor id of each instance of scenery that is an actor: lights and signs."""
        if self._furniture_of != world.episode_id:
            self._furniture_of = world.episode_id
            self._furniture_ids[:] = 0
            for actor in world.actors.values():
                if isinstance(actor, TrafficLight):
                    self._furniture_ids[LIGHT_INSTANCE_OFFSET + actor.site] = actor.actor_id
                elif isinstance(actor, TrafficSign):
                    self._furniture_ids[SIGN_INSTANCE_OFFSET + actor.site] = actor.actor_id
        return self._furniture_ids


def _solid_ahead(
    world: World, origin_m: np.ndarray, directions: np.ndarray, range_m: float
) -> list[tuple[Actor, np.ndarray]]:
    """Actors with a shape of their own that rays may reach, and their offsets; lights and signs are scenery."""
    props = [actor for actor in world.other_actors if actor.semantic_tags and not isinstance(actor, TrafficSign)]
    solid: list[Actor] = [*world.vehicle_actors, *world.walker_actors, *props]
    if not solid or not len(directions):
        return []
    fixed_m = np.array([world.pose_of(actor)[:3] for actor in props]).reshape(-1, 3)
    offset_m = np.concatenate((world.vehicles.position_m, world.walkers.position_m, fixed_m)) - origin_m
    away_m = np.maximum(np.linalg.norm(offset_m, axis=1), 1e-9)
    reach_m = _REACH_PER_EXTENT * np.linalg.norm([actor.box.extent_m for actor in solid], axis=1) + _MARGIN_M
    # A fan of rays lies in a cone; whoever stands beside it is left out at once.
    axis = directions.sum(axis=0, dtype=np.float64)
    axis /= max(float(np.linalg.norm(axis)), 1e-9)
    half_angle = np.arccos(np.clip((directions @ axis).min(), -1.0, 1.0))
    angle = np.arccos(np.clip(offset_m @ axis / away_m, -1.0, 1.0))
    wide = np.arcsin(np.minimum(reach_m / away_m, 1.0))
    near = (away_m < range_m + reach_m) & ((angle < half_angle + wide + _ROUNDING) | (away_m < reach_m))
    return [(solid[row], offset_m[row]) for row in np.flatnonzero(near).tolist()]
