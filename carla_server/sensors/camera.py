"""Cameras: from the world's state to the pictures that the renderer draws of it.

Cameras at the same pose with the same size and field of view share one pass of the renderer, so colour, labels and
depth of one view agree by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from carla_server.render.actors import ACTOR_DTYPE, VehicleLight
from carla_server.render.camera import CameraView
from carla_server.wire.stream import Buffer, pack_image_header
from carla_server.wire.structs import InvalidArgument
from carla_server.world.actors import Actor, Sensor, TrafficSign, Vehicle, Walker
from carla_server.world.spawning import number

if TYPE_CHECKING:
    from carla_server.roads.town import Town
    from carla_server.world.world import World

OUTPUT_OF_FAMILY: Mapping[str, str] = {
    "rgb": "rgb",
    "depth": "depth",
    "semantic_segmentation": "semantic",
    "instance_segmentation": "instance",
}
_STRIDE_M = 1.4  # one full step cycle of a walking adult
_BRAKE_LIGHT_FROM = 0.02


class PictureSource(Protocol):
    """What this file needs of `carla_server.render.Renderer`."""

    def mesh_id(self, blueprint_id: str, extent_m: tuple[float, float, float]) -> int:
        """Number of the mesh for a blueprint."""

    def set_actors(self, actors: np.ndarray) -> None:
        """Take (N,) ACTOR_DTYPE."""

    def set_traffic_lights(self, states: np.ndarray) -> None:
        """Take (n_sites,) uint8 states."""

    def render(
        self,
        camera: CameraView,
        pose: Any,
        weather: Sequence[float],
        outputs: frozenset[str],
        elapsed_s: float,
        frame: int,
    ) -> dict[str, np.ndarray]:
        """Draw (H, W, 4) uint8 BGRA for each output."""

    def close(self) -> None:
        """Give the GL context back."""


class CameraRig:
    """All cameras of an episode and the renderer they share, opened with the first camera."""

    def __init__(self, open_renderer: Callable[[Town], PictureSource] | None) -> None:
        self._open_renderer = open_renderer
        self._renderer: PictureSource | None = None
        self._town: Town | None = None
        self._views: dict[int, CameraView] = {}
        self._drawn: list[Actor] | None = None
        self._array = np.zeros(0, ACTOR_DTYPE)

    def enter(self, town: Town) -> None:
        """Forget all cameras; keep the renderer if the map stays the same."""
        self._views = {}
        self._drawn = None
        self._array = np.zeros(0, ACTOR_DTYPE)
        if self._renderer is not None and town is not self._town:
            self._renderer.close()
            self._renderer = None
        self._town = town

    def admit(self, sensor: Sensor) -> None:
        """Take a new camera and open the renderer if it is the first.

        Raises:
            InvalidArgument: its attributes are out of range, or nothing can be rendered (with the reason).
        """
        attributes = sensor.attributes
        try:
            view = CameraView(
                int(number(attributes["image_size_x"], "image_size_x")),
                int(number(attributes["image_size_y"], "image_size_y")),
                number(attributes["fov"], "fov"),
            )
        except ValueError as error:
            raise InvalidArgument(f"{sensor.type_id}: {error}") from error
        if self._renderer is None:
            self._renderer = self._open()
        self._views[sensor.actor_id] = view

    def dismiss(self, sensor: Sensor) -> None:
        """Forget a destroyed camera."""
        self._views.pop(sensor.actor_id, None)

    def render(self, world: World, sensors: Sequence[Sensor]) -> dict[int, list[Buffer]]:
        """Draw the pictures of these cameras.

        Returns:
            Actor id -> body of its measurement: 12-byte header and BGRA pixels.
        """
        if not sensors or self._renderer is None:
            return {}
        self._renderer.set_actors(self._actor_array(world))
        self._renderer.set_traffic_lights(world.lights.state)
        groups: dict[tuple, list[Sensor]] = {}
        for sensor in sensors:
            groups.setdefault((sensor.pose, self._views[sensor.actor_id]), []).append(sensor)
        bodies: dict[int, list[Buffer]] = {}
        for (pose, view), members in groups.items():
            outputs = frozenset(OUTPUT_OF_FAMILY[sensor.family] for sensor in members)
            # Noise by the time in the episode, not by the frame number: a reloaded world looks the same again.
            noise_seed = round(world.elapsed_s * 1000.0)
            pictures = self._renderer.render(view, pose, world.weather, outputs, world.elapsed_s, noise_seed)
            header = pack_image_header(view.width_px, view.height_px, view.fov_deg)
            for sensor in members:
                pixels = np.ascontiguousarray(pictures[OUTPUT_OF_FAMILY[sensor.family]])
                bodies[sensor.actor_id] = [header, pixels.data.cast("B")]
        return bodies

    def _open(self) -> PictureSource:
        if self._open_renderer is None:
            raise InvalidArgument("this server was started with --no-rendering; restart it without to use cameras")
        if self._town is None:
            raise InvalidArgument("no map is loaded")
        try:
            return self._open_renderer(self._town)
        except RuntimeError as error:  # GLUnavailable: the text names the packages to install
            raise InvalidArgument(f"cameras cannot be rendered: {error}") from error

    def _actor_array(self, world: World) -> np.ndarray:
        drawn = [
            actor for actor in world.actors.values() if actor.semantic_tags and not isinstance(actor, TrafficSign)
        ]
        if drawn != self._drawn:
            self._drawn = drawn
            self._array = self._describe(drawn)
            self._vehicle_rows = np.array([i for i, a in enumerate(drawn) if isinstance(a, Vehicle)], np.int64)
            self._walker_rows = np.array([i for i, a in enumerate(drawn) if isinstance(a, Walker)], np.int64)
            self._other = [(i, a) for i, a in enumerate(drawn) if not isinstance(a, Vehicle | Walker)]
        array = self._array
        rows, fleet = self._vehicle_rows, world.vehicles
        array["position_m"][rows] = fleet.position_m
        array["rotation_deg"][rows] = np.degrees(fleet.rotation_rad)
        array["steer_rad"][rows] = fleet.steer_rad
        array["wheel_turn_rad"][rows] = fleet.wheel_turn_rad
        lights = np.array([vehicle.light_state for vehicle in world.vehicle_actors], np.uint32)
        braking = fleet.control[:, 2] > _BRAKE_LIGHT_FROM
        array["lights"][rows] = np.where(braking, lights | np.uint32(VehicleLight.BRAKE), lights)
        rows = self._walker_rows
        array["position_m"][rows] = world.walkers.position_m
        array["rotation_deg"][rows] = np.degrees(world.walkers.rotation_rad)
        array["walk_phase"][rows] = world.walkers.stride_m * (2.0 * np.pi / _STRIDE_M)
        for row, actor in self._other:
            array["position_m"][row] = actor.pose[:3]
            array["rotation_deg"][row] = actor.pose[3:]
        return array

    def _describe(self, drawn: Sequence[Actor]) -> np.ndarray:
        array = np.zeros(len(drawn), ACTOR_DTYPE)
        for row, actor in enumerate(drawn):
            if self._renderer is not None:
                array["mesh"][row] = self._renderer.mesh_id(actor.type_id, actor.box.extent_m)
            array["color"][row] = actor.color if isinstance(actor, Vehicle) else _cloth_color(actor.actor_id)
            array["tag"][row] = actor.semantic_tags[-1]
            array["instance"][row] = actor.actor_id & 0xFFFF
        return array


def _cloth_color(actor_id: int) -> tuple[int, int, int]:
    """A muted colour that stays the same for an id."""
    mixed = (actor_id * 2654435761) & 0xFFFFFFFF
    return 50 + (mixed & 127), 50 + (mixed >> 8 & 127), 50 + (mixed >> 16 & 127)
