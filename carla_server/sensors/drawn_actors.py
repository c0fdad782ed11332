"""The world's moving things as a renderer takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from carla_server.render.actors import ACTOR_DTYPE, VehicleLight
from carla_server.sensors.picture_source import PictureSource
from carla_server.world.actors import Actor, TrafficSign, Vehicle
from carla_server.world.pieces import Piece, pieces_of

if TYPE_CHECKING:
    from carla_server.world.world import World

_STRIDE_M = 1.4  # one full step cycle of a walking adult
_BRAKE_LIGHT_FROM = 0.02


class DrawnActors:
    """One array for all ticks, described anew when actors come and go."""

    def __init__(self) -> None:
        self._described_since = -1
        self._array = np.zeros(0, ACTOR_DTYPE)
        self._props: list[Actor] = []

    def forget(self) -> None:
        """Describe everything anew: the renderer, whose mesh numbers they are, is another one."""
        self._described_since = -1

    def of(self, world: World, renderer: PictureSource) -> np.ndarray:
        """Vehicles, walkers, visible props, then pieces of them that move by themselves, each with its owner's ids.

        Returns:
            (N,) ACTOR_DTYPE; the next call may write into the same array.
        """
        if self._described_since != world.actors_changed:
            self._described_since = world.actors_changed
            self._props = [actor for actor in world.other_actors if _is_prop(actor)]
            self._array = _described([*world.vehicle_actors, *world.walker_actors, *self._props], renderer)
        fleet, walkers = world.vehicles, world.walkers
        cars = self._array[: len(fleet)]
        cars["position_m"] = fleet.position_m
        cars["rotation_deg"] = np.degrees(fleet.rotation_rad)
        cars["steer_rad"] = fleet.steer_rad
        cars["wheel_turn_rad"] = fleet.wheel_turn_rad
        for vehicle in world.turned_by_hand.values():
            row = fleet.index_of(vehicle.actor_id)
            for angles_deg, shown in (
                (vehicle.wheel_steer_deg, "steer_rad"),
                (vehicle.wheel_pitch_deg, "wheel_turn_rad"),
            ):
                if angles_deg:  # a car is drawn with one angle for all its wheels
                    cars[shown][row] = np.radians(angles_deg[min(angles_deg)])
        lights = np.array([vehicle.light_state for vehicle in world.vehicle_actors], np.uint32)
        cars["lights"] = np.where(braking(world), lights | np.uint32(VehicleLight.BRAKE), lights)
        people = self._array[len(fleet) : len(fleet) + len(walkers)]
        people["position_m"] = walkers.position_m
        people["rotation_deg"] = np.degrees(walkers.rotation_rad)
        people["walk_phase"] = walkers.stride_m * (2.0 * np.pi / _STRIDE_M)
        for row, actor in enumerate(self._props, len(fleet) + len(walkers)):
            self._array["position_m"][row] = actor.pose[:3]
            self._array["rotation_deg"][row] = actor.pose[3:]
        return self._with_pieces(world, renderer) if world.in_pieces else self._array

    def _with_pieces(self, world: World, renderer: PictureSource) -> np.ndarray:
        owners: list[int] = []
        pieces: list[tuple[int, Piece]] = []
        roots: list[tuple[int, int, Piece]] = []
        for actor in world.in_pieces.values():
            is_vehicle = isinstance(actor, Vehicle)
            fleet = world.vehicles if is_vehicle else world.walkers
            owner = fleet.index_of(actor.actor_id) + (0 if is_vehicle else len(world.vehicles))
            for piece in pieces_of(world, actor):
                mesh = renderer.piece_id(actor.type_id, actor.box.extent_m, piece.name)
                if not is_vehicle and (not roots or roots[-1][0] != owner):
                    roots.append((owner, mesh, piece))  # a walker's first piece is drawn in place of its body
                    continue
                owners.append(owner)
                pieces.append((mesh, piece))
        array = np.concatenate((self._array, self._array[owners]))
        first = len(self._array)
        array["lights"][first:] = 0
        for row, mesh, piece in [*roots, *((first + row, *piece) for row, piece in enumerate(pieces))]:
            array["mesh"][row] = mesh
            array["position_m"][row] = piece.pose[:3]
            array["rotation_deg"][row] = piece.pose[3:]
        return array


def braking(world: World) -> np.ndarray:
    """(V,) bool: which vehicles show their brake lights."""
    return world.vehicles.control[:, 2] > _BRAKE_LIGHT_FROM


def _described(drawn: Sequence[Actor], renderer: PictureSource) -> np.ndarray:
    """What does not change of these actors while they live."""
    array = np.zeros(len(drawn), ACTOR_DTYPE)
    for row, actor in enumerate(drawn):
        array["mesh"][row] = renderer.mesh_id(actor.type_id, actor.box.extent_m)
        array["color"][row] = actor.color if isinstance(actor, Vehicle) else _cloth_color(actor.actor_id)
        array["tag"][row] = actor.semantic_tags[-1]
        array["instance"][row] = actor.actor_id & 0xFFFF
    return array


def _is_prop(actor: Actor) -> bool:
    """Whether an actor is drawn beside vehicles and walkers; signs and lights are part of the scenery."""
    return bool(actor.semantic_tags) and not isinstance(actor, TrafficSign)


def _cloth_color(actor_id: int) -> tuple[int, int, int]:
    """A muted colour that stays the same for an id."""
    mixed = (actor_id * 2654435761) & 0xFFFFFFFF
    return 50 + (mixed & 127), 50 + (mixed >> 8 & 127), 50 + (mixed >> 16 & 127)
