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
from carla_server.world.actors import Actor, Sensor, TrafficSign, Vehicle
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

    def set_traffic_lights(self, states: np.ndarray, actor_ids: np.ndarray | None = None) -> None:
        """Take (n_sites,) uint8 states and ids for the instance camera."""

    def warm(self, weather: Sequence[float], cameras: Sequence[CameraView] = ()) -> None:
        """Compile what pictures of these views under this weather need."""

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
        self._drawn_since = -1
        self._array = np.zeros(0, ACTOR_DTYPE)

    def enter(self, town: Town) -> None:
        """Forget all cameras; keep the renderer if the map stays the same."""
        self._views = {}
        self._drawn_since = -1
        if self._renderer is not None and town is not self._town:
            self._renderer.close()
            self._renderer = None
        self._town = town

    def admit(self, world: World, sensor: Sensor) -> None:
        """Take a new camera, open the renderer if it is the first, and compile its shaders before the next tick.

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
        self._renderer.warm(world.weather, (view,))
        self._views[sensor.actor_id] = view

    def dismiss(self, sensor: Sensor) -> None:
        """Forget a destroyed camera."""
        self._views.pop(sensor.actor_id, None)

    def weather_changed(self, world: World) -> None:
        """Compile the shaders of a new weather for the cameras that there are."""
        if self._renderer is not None and self._views:
            self._renderer.warm(world.weather, tuple(set(self._views.values())))

    def render(self, world: World, sensors: Sequence[Sensor]) -> dict[int, list[Buffer]]:
        """Draw the pictures of these cameras.

        Returns:
            Actor id -> body of its measurement: 12-byte header and BGRA pixels.
        """
        if not sensors or self._renderer is None:
            return {}
        self._renderer.set_actors(self._actor_array(world))
        self._renderer.set_traffic_lights(world.lights.state, world.light_ids)
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
        """Everything that moves: vehicles, then walkers, then visible props."""
        if self._drawn_since != world.actors_changed:
            self._drawn_since = world.actors_changed
            self._props = [actor for actor in world.other_actors if _is_prop(actor)]
            self._array = self._describe([*world.vehicle_actors, *world.walker_actors, *self._props])
        fleet, walkers = world.vehicles, world.walkers
        cars = self._array[: len(fleet)]
        cars["position_m"] = fleet.position_m
        cars["rotation_deg"] = np.degrees(fleet.rotation_rad)
        cars["steer_rad"] = fleet.steer_rad
        cars["wheel_turn_rad"] = fleet.wheel_turn_rad
        lights = np.array([vehicle.light_state for vehicle in world.vehicle_actors], np.uint32)
        braking = fleet.control[:, 2] > _BRAKE_LIGHT_FROM
        cars["lights"] = np.where(braking, lights | np.uint32(VehicleLight.BRAKE), lights)
        people = self._array[len(fleet) : len(fleet) + len(walkers)]
        people["position_m"] = walkers.position_m
        people["rotation_deg"] = np.degrees(walkers.rotation_rad)
        people["walk_phase"] = walkers.stride_m * (2.0 * np.pi / _STRIDE_M)
        for row, actor in enumerate(self._props, len(fleet) + len(walkers)):
            self._array["position_m"][row] = actor.pose[:3]
            self._array["rotation_deg"][row] = actor.pose[3:]
        return self._array

    def _describe(self, drawn: Sequence[Actor]) -> np.ndarray:
        array = np.zeros(len(drawn), ACTOR_DTYPE)
        for row, actor in enumerate(drawn):
            if self._renderer is not None:
                array["mesh"][row] = self._renderer.mesh_id(actor.type_id, actor.box.extent_m)
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
