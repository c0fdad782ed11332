"""Cameras: from the world's state to the pictures that the renderer draws of it.

Cameras at the same pose with the same size and field of view share one pass of the renderer, so colour, labels,
depth, normals and flow of one view agree by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carla_server.render.camera import FAR_M, MAX_FOV_DEG, MAX_SIDE_PX, CameraView
from carla_server.render.captions import write_captions
from carla_server.render.failure import DrawingFailed
from carla_server.render.lens import DEFAULT_LENS, Lens
from carla_server.sensors.cosmos import road_user_lines, town_lines
from carla_server.sensors.drawn_actors import braking
from carla_server.sensors.dvs import EventCamera
from carla_server.sensors.exposure import expose, exposure_curve, lens_of
from carla_server.sensors.motion_blur import MotionBlur, motion_blur_of
from carla_server.sensors.optical_flow import Instant, optical_flow
from carla_server.sensors.picture_source import PictureSource
from carla_server.sensors.ranges import Range, read_ranges
from carla_server.sensors.relighting import DrawnInstant, RelitCondition, check_size, relit_pictures
from carla_server.sensors.shared_renderer import SharedRenderer
from carla_server.wire.stream import Buffer, pack_image_header
from carla_server.wire.structs import InvalidArgument, Pose
from carla_server.world.actors import Sensor

if TYPE_CHECKING:
    from carla_server.roads.town import Town
    from carla_server.world.world import World

_FLOW_OUTPUTS = frozenset({"depth", "instance"})
OUTPUTS_OF_FAMILY: Mapping[str, frozenset[str]] = {
    "rgb": frozenset({"rgb"}),
    "depth": frozenset({"depth"}),
    "semantic_segmentation": frozenset({"semantic"}),
    "instance_segmentation": frozenset({"instance"}),
    "normals": frozenset({"normals"}),
    "optical_flow": _FLOW_OUTPUTS,
    "dvs": frozenset(),  # draws for itself, without the noise of a colour camera
    "cosmos": frozenset(),  # draws for itself, lines only
}
"""Family of camera -> pictures of the renderer that it is made of."""
_MEASURING_LIGHT = ("rgb", "dvs")
_VIEW_RANGES = {
    "image_size_x": Range(1.0, MAX_SIDE_PX),
    "image_size_y": Range(1.0, MAX_SIDE_PX),
    "fov": Range(1.0, MAX_FOV_DEG),
}


@dataclass
class _Camera:
    """A camera and what it remembers.

    Attributes:
        curve: its exposure and gamma; None where they change nothing.
        events, blur: of an event camera, and of a colour camera that blurs.
        before: the instant of its last picture, for those that need it.
    """

    view: CameraView
    lens: Lens
    curve: np.ndarray | None
    events: EventCamera | None
    blur: MotionBlur | None
    before: Instant | None = None

    @classmethod
    def of(cls, sensor: Sensor) -> _Camera:
        """Read a sensor's attributes.

        Raises:
            InvalidArgument: one is out of range.
        """
        lit = sensor.family in _MEASURING_LIGHT
        of_view = read_ranges(sensor, _VIEW_RANGES)
        return cls(
            CameraView(int(of_view["image_size_x"]), int(of_view["image_size_y"]), of_view["fov"]),
            lens_of(sensor) if lit else DEFAULT_LENS,
            exposure_curve(sensor) if lit else None,
            EventCamera(sensor) if sensor.family == "dvs" else None,
            motion_blur_of(sensor) if sensor.family == "rgb" else None,
        )


class CameraRig:
    """All cameras of an episode and the renderer they share, opened with the first camera.

    If the driver fails, see `SharedRenderer`; the cameras then send nothing until another camera is spawned.
    """

    def __init__(self, open_renderer: Callable[[Town], PictureSource] | None) -> None:
        self._shared = SharedRenderer(open_renderer)
        self._cameras: dict[int, _Camera] = {}
        self._town: Town | None = None
        self._town_lines: np.ndarray | None = None
        self._drawn: DrawnInstant | None = None
        self._drawn_by = 0

    def enter(self, town: Town) -> None:
        """Forget all cameras; keep the renderer if the map stays the same."""
        self._cameras = {}
        self._drawn = None
        if town is not self._town:
            self._town_lines = None
        self._town = town
        self._shared.enter(town)

    def admit(self, world: World, sensor: Sensor) -> None:
        """Take a new camera, open the renderer if it is the first, and compile its shaders before the next tick.

        Raises:
            InvalidArgument: its attributes are out of range, or nothing can be rendered (with the reason).
        """
        camera = _Camera.of(sensor)
        self._shared.open()
        self._shared.draw(world, lambda renderer: renderer.warm(world.weather, (camera.view,), (camera.lens,)))
        self._cameras[sensor.actor_id] = camera

    def scenery_changed(self, world: World) -> None:
        """Draw another set of scenery of the same map for the cameras that there are."""
        self._town, self._town_lines, self._drawn = world.town, None, None
        self._shared.scenery_changed(world.town)
        self.weather_changed(world)

    def dismiss(self, sensor: Sensor) -> None:
        """Forget a destroyed camera."""
        self._cameras.pop(sensor.actor_id, None)

    def weather_changed(self, world: World) -> None:
        """Compile the shaders of a new weather for the cameras that there are."""
        if self._shared.renderer is None or not self._cameras:
            return
        views = tuple({camera.view for camera in self._cameras.values()})
        lenses = tuple({camera.lens for camera in self._cameras.values()})
        self._shared.draw(world, lambda renderer: renderer.warm(world.weather, views, lenses))

    def render(self, world: World, sensors: Sequence[Sensor]) -> dict[int, list[Buffer]]:
        """Draw the pictures of these cameras.

        Returns:
            Actor id -> body of its measurement: 12-byte header and BGRA pixels, flow vectors or events. An event
            camera without events has none.

        Raises:
            InvalidArgument: the driver has failed and a new renderer could not be opened or failed as well.
        """
        if sensors and self._shared.failure:
            raise InvalidArgument(self._shared.failure)
        if not sensors or self._shared.renderer is None:
            return {}
        captions = world.sensors.debug_shapes.captions
        actors = self._shared.show(world)
        self._drawn = None
        # Noise by the time in the episode, not by the frame number: a reloaded world looks the same again.
        noise_seed = round(world.elapsed_s * 1000.0)
        groups: dict[tuple[Pose, CameraView], list[Sensor]] = {}
        for sensor in sensors:
            groups.setdefault((sensor.pose, self._cameras[sensor.actor_id].view), []).append(sensor)
        bodies: dict[int, list[Buffer]] = {}
        flows: dict[int, np.ndarray] = {}
        for (pose, view), members in groups.items():
            pictures, by_lens = self._views_of(world, pose, view, members, noise_seed)
            header = pack_image_header(view.width_px, view.height_px, view.fov_deg)
            for sensor in members:
                camera = self._cameras[sensor.actor_id]
                if camera.events is not None:
                    pixels = self._events(world, sensor, camera, camera.events)
                elif sensor.family == "optical_flow":
                    pixels = _flow(camera, pose, pictures, actors)
                elif sensor.family == "cosmos":
                    pixels = self._road_map(world, sensor, view)
                elif sensor.family == "rgb":
                    if camera.blur is not None:
                        flows[sensor.actor_id] = _flow(camera, pose, pictures, actors)
                    flow = flows.get(sensor.actor_id)
                    pixels = _developed(camera, pose, by_lens[camera.lens], flow, captions)
                else:
                    (output,) = OUTPUTS_OF_FAMILY[sensor.family]
                    pixels = pictures[output]
                if pixels.size:
                    bodies[sensor.actor_id] = [header, np.ascontiguousarray(pixels).data.cast("B")]
        self._drawn_by = self._shared.generation
        self._drawn = DrawnInstant(
            world.frame,
            world.elapsed_s,
            noise_seed,
            self._shared.actors,  # not `actors`: a renderer opened meanwhile has numbered the meshes anew
            [vehicle.actor_id for vehicle in world.vehicle_actors],
            braking(world),
            {sensor.actor_id: sensor.pose for sensor in sensors},
            tuple(captions),
            flows,
        )
        return bodies

    def relight(self, sensor: Sensor, frame: int, conditions: Sequence[RelitCondition]) -> list[np.ndarray]:
        """The picture that a colour camera sent last, under other conditions.

        Args:
            sensor: the camera.
            frame: which of its pictures is meant; only the last drawn instant can be shown again.
            conditions: 1 to `MAX_CONDITIONS`.

        Returns:
            One (H, W, 4) uint8 BGRA picture a condition, with the camera's blur, exposure and texts; bit by bit what
            the camera would have sent in that weather with those lamps.

        Raises:
            InvalidArgument: no colour camera, no picture of that frame, too much for one call, or the driver failed;
                the next tick's pictures are then drawn by a new renderer.
        """
        if sensor.family != "rgb":
            raise InvalidArgument(f"actor {sensor.actor_id} is {sensor.type_id}; only sensor.camera.rgb can be relit")
        camera = self._cameras[sensor.actor_id]
        check_size(camera.view, len(conditions))
        drawn = self._drawn if self._drawn_by == self._shared.generation else None
        renderer = self._shared.renderer
        if renderer is None or drawn is None or drawn.frame != frame or sensor.actor_id not in drawn.poses:
            last = "none yet" if drawn is None else f"of frame {drawn.frame}"
            raise InvalidArgument(
                f"camera {sensor.actor_id} has sent no picture of frame {frame} that could be relit (the last "
                f"pictures of all cameras are {last}); listen to it, tick, and ask before the next tick"
            )
        pose, flow = drawn.poses[sensor.actor_id], drawn.flows.get(sensor.actor_id)
        try:
            pictures = relit_pictures(renderer, drawn, camera.view, pose, conditions, camera.lens)
        except DrawingFailed as error:
            # The world may have moved on since the instant: only a tick can draw with a new renderer.
            self._drawn = None
            raise InvalidArgument(f"the renderer failed while relighting ({error}); tick and ask again") from error
        return [_developed(camera, pose, picture, flow, drawn.captions) for picture in pictures]

    def _views_of(
        self, world: World, pose: Pose, view: CameraView, members: Sequence[Sensor], noise_seed: int
    ) -> tuple[dict[str, np.ndarray], dict[Lens, np.ndarray]]:
        """Pictures by name, and colour pictures by lens, that cameras at one pose need."""
        outputs: frozenset[str] = frozenset()
        lenses = set()
        for sensor in members:
            camera = self._cameras[sensor.actor_id]
            outputs |= OUTPUTS_OF_FAMILY[sensor.family] | (_FLOW_OUTPUTS if camera.blur else frozenset())
            if sensor.family == "rgb":
                lenses.add(camera.lens)
        pictures: dict[str, np.ndarray] = {}
        by_lens: dict[Lens, np.ndarray] = {}
        for lens in lenses or {DEFAULT_LENS}:
            if outputs:
                made = self._pictures(world, view, pose, outputs, noise_seed, lens)
                pictures |= made
                if "rgb" in made:
                    by_lens[lens] = made["rgb"]
                outputs = frozenset({"rgb"})  # the labels are the same through every lens
        return pictures, by_lens

    def _pictures(
        self, world: World, view: CameraView, pose: Pose, outputs: frozenset[str], noise_seed: int, lens: Lens
    ) -> dict[str, np.ndarray]:
        """One view of the world as it is now."""
        return self._shared.draw(
            world,
            lambda renderer: renderer.render(view, pose, world.weather, outputs, world.elapsed_s, noise_seed, lens),
        )

    def _events(self, world: World, sensor: Sensor, camera: _Camera, events: EventCamera) -> np.ndarray:
        """Events of one event camera as bytes; its noise stands still, so that a still scene has no events."""
        drawn = self._pictures(world, camera.view, sensor.pose, frozenset({"rgb"}), 0, camera.lens)
        return events.events(world, sensor, _exposed(camera, drawn["rgb"])).view(np.uint8)

    def _road_map(self, world: World, sensor: Sensor, view: CameraView) -> np.ndarray:
        if self._town_lines is None:
            self._town_lines = town_lines(world.town)
        lines = np.concatenate((self._town_lines, road_user_lines(world, sensor)))
        return self._shared.draw(world, lambda renderer: renderer.render_lines(view, sensor.pose, lines))


def _developed(
    camera: _Camera, pose: Pose, picture: np.ndarray, flow: np.ndarray | None, captions: Sequence
) -> np.ndarray:
    """A drawn colour picture as its camera sends it; `flow` of those that blur."""
    if camera.blur is not None and flow is not None:
        picture = camera.blur.blurred(np.ascontiguousarray(picture), flow)
    pixels = _exposed(camera, picture)
    if captions:
        pixels = pixels.copy()
        write_captions(pixels, camera.view, pose, captions)
    return pixels


def _exposed(camera: _Camera, picture: np.ndarray) -> np.ndarray:
    return picture if camera.curve is None else expose(picture, camera.curve)


def _flow(camera: _Camera, pose: Pose, pictures: Mapping[str, np.ndarray], actors: np.ndarray) -> np.ndarray:
    """(H, W, 2) flow since the camera's last picture; zero in the first."""
    now = Instant(pose, actors.copy())
    before, camera.before = camera.before or now, now
    ids = pictures["instance"]
    instance = ids[..., 1] | ids[..., 0].astype(np.uint16) << np.uint16(8)
    least_px = 0.0 if camera.blur is None else camera.blur.least * camera.view.width_px
    return optical_flow(camera.view, now, before, _depth_m(pictures["depth"]), instance, least_px)


def _depth_m(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 metres of a depth picture, (H, W, 4) BGRA."""
    blue, green, red = (picture[..., channel].astype(np.uint32) for channel in range(3))
    return ((red | green << np.uint32(8) | blue << np.uint32(16)) * (FAR_M / ((1 << 24) - 1))).astype(np.float32)
