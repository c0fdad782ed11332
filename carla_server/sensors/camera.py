"""Cameras: from the world's state to the pictures that the renderer draws of it.

Cameras at the same pose with the same size and field of view share one pass of the renderer, so colour, labels,
depth, normals and flow of one view agree by construction.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from carla_server.render.actors import ACTOR_DTYPE, VehicleLight
from carla_server.render.camera import FAR_M, CameraView
from carla_server.render.captions import write_captions
from carla_server.render.failure import DrawingFailed
from carla_server.render.lens import DEFAULT_LENS, Lens
from carla_server.sensors.cosmos import road_user_lines, town_lines
from carla_server.sensors.dvs import EventCamera
from carla_server.sensors.exposure import expose, exposure_curve, lens_of
from carla_server.sensors.optical_flow import Instant, optical_flow
from carla_server.sensors.relighting import DrawnInstant, RelightSource, RelitCondition, check_size, relit_pictures
from carla_server.wire.stream import Buffer, pack_image_header
from carla_server.wire.structs import InvalidArgument, Pose
from carla_server.world.actors import Actor, Sensor, TrafficSign, Vehicle
from carla_server.world.spawning import number

if TYPE_CHECKING:
    from carla_server.roads.town import Town
    from carla_server.world.world import World

OUTPUTS_OF_FAMILY: Mapping[str, frozenset[str]] = {
    "rgb": frozenset({"rgb"}),
    "depth": frozenset({"depth"}),
    "semantic_segmentation": frozenset({"semantic"}),
    "instance_segmentation": frozenset({"instance"}),
    "normals": frozenset({"normals"}),
    "optical_flow": frozenset({"depth", "instance"}),
    "dvs": frozenset(),  # draws for itself, without the noise of a colour camera
    "cosmos": frozenset(),  # draws for itself, lines only
}
"""Family of camera -> pictures of the renderer that it is made of."""
_Drawn = TypeVar("_Drawn")
_STRIDE_M = 1.4  # one full step cycle of a walking adult
_BRAKE_LIGHT_FROM = 0.02


class PictureSource(RelightSource, Protocol):
    """What this file needs of `carla_server.render.Renderer`; what draws may raise `DrawingFailed`."""

    def mesh_id(self, blueprint_id: str, extent_m: tuple[float, float, float]) -> int:
        """Number of the mesh for a blueprint."""

    def set_traffic_lights(self, states: np.ndarray, actor_ids: np.ndarray | None = None) -> None:
        """Take (n_sites,) uint8 states and ids for the instance camera."""

    def set_debug_lines(self, lines: np.ndarray) -> None:
        """Take (N,) LINE_DTYPE that the next colour pictures show."""

    def warm(
        self, weather: Sequence[float], cameras: Sequence[CameraView] = (), lenses: Sequence[Lens] = (DEFAULT_LENS,)
    ) -> None:
        """Compile what pictures of these views under this weather need."""

    def render(
        self,
        camera: CameraView,
        pose: Any,
        weather: Sequence[float],
        outputs: frozenset[str],
        elapsed_s: float,
        frame: int,
        lens: Lens = DEFAULT_LENS,
    ) -> dict[str, np.ndarray]:
        """Draw (H, W, 4) uint8 BGRA for each output: rgb, semantic, instance, depth, normals."""

    def render_lines(self, camera: CameraView, pose: Any, lines: np.ndarray) -> np.ndarray:
        """Draw (N,) LINE_DTYPE alone, on black; (H, W, 4) uint8 BGRA."""

    def close(self) -> None:
        """Give the GL context back."""


class CameraRig:
    """All cameras of an episode and the renderer they share, opened with the first camera.

    If the driver fails while drawing, the renderer is opened anew, once, and the picture drawn again. If that fails
    too, the cameras send nothing and say so until another camera is spawned, which tries the driver again.
    """

    def __init__(self, open_renderer: Callable[[Town], PictureSource] | None) -> None:
        self._open_renderer = open_renderer
        self._renderer: PictureSource | None = None
        self._town: Town | None = None
        self._views: dict[int, CameraView] = {}
        self._event_cameras: dict[int, EventCamera] = {}
        self._instants: dict[int, Instant] = {}
        self._curves: dict[int, np.ndarray] = {}
        self._lenses: dict[int, Lens] = {}
        self._town_lines: np.ndarray | None = None
        self._shows_lines = False
        self._drawn_since = -1
        self._array = np.zeros(0, ACTOR_DTYPE)
        self._drawn: DrawnInstant | None = None
        self._failure = ""

    def enter(self, town: Town) -> None:
        """Forget all cameras; keep the renderer if the map stays the same."""
        self._views = {}
        self._event_cameras = {}
        self._instants = {}
        self._curves = {}
        self._lenses = {}
        self._drawn_since = -1
        self._drawn = None
        self._failure = ""
        if self._renderer is not None and town is not self._town:
            self._renderer.close()
            self._renderer = None
            self._shows_lines = False
        if town is not self._town:
            self._town_lines = None
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
        curve = exposure_curve(sensor) if sensor.family in ("rgb", "dvs") else None
        lens = lens_of(sensor) if sensor.family in ("rgb", "dvs") else DEFAULT_LENS
        if sensor.family == "dvs":
            self._event_cameras[sensor.actor_id] = EventCamera(sensor)
        if self._renderer is None:
            self._renderer = self._open()
            self._failure = ""
            self._drawn_since = -1  # mesh numbers are the renderer's
        self._draw(world, lambda renderer: renderer.warm(world.weather, (view,), (lens,)))
        self._views[sensor.actor_id] = view
        self._lenses[sensor.actor_id] = lens
        if curve is not None:
            self._curves[sensor.actor_id] = curve

    def scenery_changed(self, world: World) -> None:
        """Draw another set of scenery of the same map for the cameras that there are."""
        self._town = world.town
        self._town_lines = None
        self._drawn_since = -1
        self._drawn = None
        if self._renderer is not None:
            self._renderer.close()
            self._shows_lines = False
            self._renderer = None
            self._renderer = self._open()
            self._warm(world)

    def dismiss(self, sensor: Sensor) -> None:
        """Forget a destroyed camera."""
        for memory in (self._views, self._event_cameras, self._instants, self._curves, self._lenses):
            memory.pop(sensor.actor_id, None)

    def weather_changed(self, world: World) -> None:
        """Compile the shaders of a new weather for the cameras that there are."""
        if self._renderer is not None and self._views:
            self._warm(world)

    def render(self, world: World, sensors: Sequence[Sensor]) -> dict[int, list[Buffer]]:
        """Draw the pictures of these cameras.

        Returns:
            Actor id -> body of its measurement: 12-byte header and BGRA pixels, flow vectors or events. An event
            camera without events has none.

        Raises:
            InvalidArgument: the driver has failed and a new renderer could not be opened or failed as well.
        """
        if sensors and self._failure:
            raise InvalidArgument(self._failure)
        if not sensors or self._renderer is None:
            return {}
        shapes = world.sensors.debug_shapes
        actors = self._show(world, self._renderer)
        self._drawn = None
        # Noise by the time in the episode, not by the frame number: a reloaded world looks the same again.
        noise_seed = round(world.elapsed_s * 1000.0)
        groups: dict[tuple, list[Sensor]] = {}
        for sensor in sensors:
            groups.setdefault((sensor.pose, self._views[sensor.actor_id]), []).append(sensor)
        bodies: dict[int, list[Buffer]] = {}
        for (pose, view), members in groups.items():
            outputs = frozenset[str]().union(*(OUTPUTS_OF_FAMILY[sensor.family] for sensor in members))
            pictures: dict[str, np.ndarray] = {}
            lenses = {self._lenses[sensor.actor_id] for sensor in members if sensor.family == "rgb"} or {DEFAULT_LENS}
            by_lens = {}
            for lens in lenses:
                if outputs:
                    made = self._pictures(world, view, pose, outputs, noise_seed, lens)
                    pictures |= made
                    by_lens[lens] = made.get("rgb")
                    outputs = frozenset({"rgb"})  # the labels are the same through every lens
            header = pack_image_header(view.width_px, view.height_px, view.fov_deg)
            for sensor in members:
                if sensor.family == "dvs":
                    pixels = self._events(world, sensor, view)
                elif sensor.family == "optical_flow":
                    pixels = self._flow(sensor, view, pictures, actors)
                elif sensor.family == "cosmos":
                    pixels = self._road_map(world, sensor, view)
                else:
                    (output,) = OUTPUTS_OF_FAMILY[sensor.family]
                    drawn = by_lens[self._lenses[sensor.actor_id]] if output == "rgb" else pictures[output]
                    pixels = np.ascontiguousarray(drawn)
                    if output == "rgb":
                        pixels = self._developed(sensor, view, pose, pixels, shapes.captions)
                if pixels.size:
                    bodies[sensor.actor_id] = [header, pixels.data.cast("B")]
        self._drawn = DrawnInstant(
            world.frame,
            world.elapsed_s,
            noise_seed,
            self._array,  # not `actors`: a renderer opened meanwhile has numbered the meshes anew
            [vehicle.actor_id for vehicle in world.vehicle_actors],
            world.vehicles.control[:, 2] > _BRAKE_LIGHT_FROM,
            {sensor.actor_id: sensor.pose for sensor in sensors},
            tuple(shapes.captions),
        )
        return bodies

    def relight(self, sensor: Sensor, frame: int, conditions: Sequence[RelitCondition]) -> list[np.ndarray]:
        """The picture that a colour camera sent last, under other conditions.

        Args:
            sensor: the camera.
            frame: which of its pictures is meant; only the last drawn instant can be shown again.
            conditions: 1 to `MAX_CONDITIONS`.

        Returns:
            One (H, W, 4) uint8 BGRA picture a condition, with the camera's exposure and texts; bit by bit what the
            camera would have sent in that weather with those lamps.

        Raises:
            InvalidArgument: no colour camera, no picture of that frame, too much for one call, or the driver failed;
                the next tick's pictures are then drawn by a new renderer.
        """
        if sensor.family != "rgb":
            raise InvalidArgument(f"actor {sensor.actor_id} is {sensor.type_id}; only sensor.camera.rgb can be relit")
        view = self._views[sensor.actor_id]
        check_size(view, len(conditions))
        drawn = self._drawn
        if self._renderer is None or drawn is None or drawn.frame != frame or sensor.actor_id not in drawn.poses:
            last = "none yet" if drawn is None else f"of frame {drawn.frame}"
            raise InvalidArgument(
                f"camera {sensor.actor_id} has sent no picture of frame {frame} that could be relit (the last "
                f"pictures of all cameras are {last}); listen to it, tick, and ask before the next tick"
            )
        pose, lens = drawn.poses[sensor.actor_id], self._lenses[sensor.actor_id]
        try:
            pictures = relit_pictures(self._renderer, drawn, view, pose, conditions, lens)
        except DrawingFailed as error:
            # The world may have moved on since the instant: only a tick can draw with a new renderer.
            self._drawn = None
            raise InvalidArgument(f"the renderer failed while relighting ({error}); tick and ask again") from error
        return [self._developed(sensor, view, pose, picture, drawn.captions) for picture in pictures]

    def _show(self, world: World, renderer: PictureSource) -> np.ndarray:
        """Tell a renderer what the world looks like now; returns the actors, (N,) ACTOR_DTYPE."""
        actors = self._actor_array(world)
        lines = world.sensors.debug_shapes.lines
        if len(lines) or self._shows_lines:
            renderer.set_debug_lines(lines)
            self._shows_lines = len(lines) > 0
        renderer.set_actors(actors)
        renderer.set_traffic_lights(world.lights.state, world.light_ids)
        return actors

    def _warm(self, world: World) -> None:
        views, lenses = tuple(set(self._views.values())), tuple(set(self._lenses.values()))
        self._draw(world, lambda renderer: renderer.warm(world.weather, views, lenses))

    def _draw(self, world: World, draw: Callable[[PictureSource], _Drawn]) -> _Drawn:
        """Let the renderer draw, and a new one if its driver fails.

        Raises:
            InvalidArgument: the new one could not be opened or failed as well.
        """
        if self._renderer is None:
            raise InvalidArgument(self._failure or "no renderer is open: spawn a camera")
        try:
            return draw(self._renderer)
        except DrawingFailed as error:
            print(f"carla_server: the renderer failed ({error}); opening a new one", file=sys.stderr, flush=True)
            reason = str(error)
        try:
            self._drop_renderer()
            self._renderer = self._open()
            self._show(world, self._renderer)
            return draw(self._renderer)
        except (InvalidArgument, DrawingFailed) as error:
            self._drop_renderer()
            self._failure = (
                f"no camera can draw: the renderer failed ({reason}), and a new one did not help ({error}). Free "
                "GPU memory or restart the server; a newly spawned camera tries the driver again, and ticks without "
                "cameras go on"
            )
            raise InvalidArgument(self._failure) from error

    def _pictures(
        self, world: World, view: CameraView, pose: Pose, outputs: frozenset[str], noise_seed: int, lens: Lens
    ) -> dict[str, np.ndarray]:
        """One view of the world as it is now."""
        return self._draw(
            world,
            lambda renderer: renderer.render(view, pose, world.weather, outputs, world.elapsed_s, noise_seed, lens),
        )

    def _drop_renderer(self) -> None:
        """Close the renderer, and forget what only it understood."""
        renderer, self._renderer = self._renderer, None
        self._shows_lines = False
        self._drawn_since = -1
        self._drawn = None
        if renderer is not None:
            renderer.close()

    def _developed(
        self, sensor: Sensor, view: CameraView, pose: Pose, picture: np.ndarray, captions: Sequence
    ) -> np.ndarray:
        """A drawn colour picture as its camera sends it."""
        pixels = self._exposed(sensor, picture)
        if captions:
            pixels = pixels.copy()
            write_captions(pixels, view, pose, captions)
        return pixels

    def _events(self, world: World, sensor: Sensor, view: CameraView) -> np.ndarray:
        """Events of one event camera as bytes; its noise stands still, so that a still scene has no events."""
        drawn = self._pictures(world, view, sensor.pose, frozenset({"rgb"}), 0, self._lenses[sensor.actor_id])
        picture = self._exposed(sensor, drawn["rgb"])
        return self._event_cameras[sensor.actor_id].events(world, sensor, picture).view(np.uint8)

    def _road_map(self, world: World, sensor: Sensor, view: CameraView) -> np.ndarray:
        if self._town_lines is None:
            self._town_lines = town_lines(world.town)
        lines = np.concatenate((self._town_lines, road_user_lines(world, sensor)))
        return self._draw(world, lambda renderer: renderer.render_lines(view, sensor.pose, lines))

    def _exposed(self, sensor: Sensor, picture: np.ndarray) -> np.ndarray:
        curve = self._curves.get(sensor.actor_id)
        return picture if curve is None else expose(picture, curve)

    def _flow(
        self, sensor: Sensor, view: CameraView, pictures: Mapping[str, np.ndarray], actors: np.ndarray
    ) -> np.ndarray:
        """(H, W, 2) flow since the camera's last picture; zero in the first."""
        now = Instant(sensor.pose, actors.copy())
        before = self._instants.get(sensor.actor_id, now)
        self._instants[sensor.actor_id] = now
        ids = pictures["instance"]
        instance = ids[..., 1] | ids[..., 0].astype(np.uint16) << np.uint16(8)
        return optical_flow(view, now, before, _depth_m(pictures["depth"]), instance)

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
        for vehicle in world.turned_by_hand.values():
            row = fleet.index_of(vehicle.actor_id)
            for angles_deg, shown in (
                (vehicle.wheel_steer_deg, "steer_rad"),
                (vehicle.wheel_pitch_deg, "wheel_turn_rad"),
            ):
                if angles_deg:  # a car is drawn with one angle for all its wheels
                    cars[shown][row] = np.radians(angles_deg[min(angles_deg)])
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


def _depth_m(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 metres of a depth picture, (H, W, 4) BGRA."""
    blue, green, red = (picture[..., channel].astype(np.uint32) for channel in range(3))
    return ((red | green << np.uint32(8) | blue << np.uint32(16)) * (FAR_M / ((1 << 24) - 1))).astype(np.float32)


def _is_prop(actor: Actor) -> bool:
    """Whether an actor is drawn beside vehicles and walkers; signs and lights are part of the scenery."""
    return bool(actor.semantic_tags) and not isinstance(actor, TrafficSign)


def _cloth_color(actor_id: int) -> tuple[int, int, int]:
    """A muted colour that stays the same for an id."""
    mixed = (actor_id * 2654435761) & 0xFFFFFFFF
    return 50 + (mixed & 127), 50 + (mixed >> 8 & 127), 50 + (mixed >> 16 & 127)
