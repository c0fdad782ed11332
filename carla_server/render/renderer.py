"""The renderer: a town, its actors and a camera pose in; CARLA-encoded pictures out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import moderngl
import numpy as np

from carla_server.render.atmosphere import Atmosphere, atmosphere_of
from carla_server.render.beams import NO_BEAMS
from carla_server.render.camera import CameraView, Viewpoint
from carla_server.render.context import open_context
from carla_server.render.debug_pass import DebugPass
from carla_server.render.failure import DrawingFailed
from carla_server.render.geometry import GeometryPass
from carla_server.render.lens import DEFAULT_LENS, Lens
from carla_server.render.light import LightPass
from carla_server.render.lines import LINE_DTYPE
from carla_server.render.moving import MovingThings
from carla_server.render.readout import depth_picture, normals_picture, read_picture, semantic_picture
from carla_server.render.scenery import Scenery, build_scenery
from carla_server.render.shadows import SunShadows
from carla_server.render.shapes.library import MeshLibrary
from carla_server.render.shot import Shot
from carla_server.render.style import check_style, styled
from carla_server.render.targets import Targets
from carla_server.roads.town import Town

OUTPUTS = frozenset({"rgb", "semantic", "instance", "depth", "normals"})
_DEFAULT_OUTPUTS = frozenset({"rgb", "semantic", "instance", "depth"})
_SIZES_KEPT = 8
_DEFAULT_VIEW = CameraView(256, 144)
_FATAL_GL_ERRORS = frozenset({"GL_CONTEXT_LOST", "GL_OUT_OF_MEMORY", "GL_UNKNOWN_ERROR"})
_GL_ERROR_FLAGS = 8  # more than GL has; a lost context may report its loss for ever


class Renderer:
    """Draws a town off screen.

    One thread must create and use it (an OpenGL context belongs to its thread); do not fork after creating it.
    Whatever draws raises `DrawingFailed` once the context is lost, out of memory or closed.

    Args:
        town: the map; its geometry is built and uploaded here.
        device_index: EGL device to draw on, None for EGL's default.
        style: one of `STYLES`; geometry, labels and depth are the same in all of them.
        made: library and scenery of the town, if somebody has made them already; the library is this renderer's from
            now on.

    Raises:
        ValueError: unknown style.
        GLUnavailable: no OpenGL on this machine; the message names the packages to install.
    """

    def __init__(
        self,
        town: Town,
        *,
        device_index: int | None = None,
        style: str = "default",
        made: tuple[MeshLibrary, Scenery] | None = None,
    ) -> None:
        check_style(style)
        self._style = style
        self._context, self.backend = open_context(device_index)
        self.device_name: str = self._context.info["GL_RENDERER"]
        self.driver = f"{self.device_name}, {self._context.info['GL_VERSION']}"
        if made is None:
            library = MeshLibrary()
            made = library, build_scenery(town, library)
        library, scenery = made
        self._geometry = GeometryPass(self._context, scenery, library)
        self._shadows = SunShadows(self._context, self._geometry)
        self._light = LightPass(self._context, scenery)
        self._debug = DebugPass(self._context)
        self._debug_lines = np.zeros(0, LINE_DTYPE)
        self._targets: dict[tuple[int, int], Targets] = {}
        self._moving = MovingThings(library, self._geometry.heads, scenery.head_site, len(town.traffic_lights))
        self._warmed: set[tuple] = set()
        self._warm_pose = (
            np.array([*town.spawn_points[0, :3], 0.0, 0.0, 0.0]) if len(town.spawn_points) else np.zeros(6)
        )

    def mesh_id(self, blueprint_id: str, extent_m: Sequence[float]) -> int:
        """Number of the mesh of a blueprint fitted to its bounding box; built on first use.

        Args:
            blueprint_id: e.g. `vehicle.tesla.model3`; unknown ids get a car, a person or a box by their first word.
            extent_m: half extents of the bounding box, metres.

        Raises:
            ValueError: extents that are not three positive finite numbers.
        """
        return self._moving.mesh_id(blueprint_id, extent_m)

    def piece_id(self, blueprint_id: str, extent_m: Sequence[float], piece: str) -> int:
        """Number of the mesh of a piece that moves by itself (see `shapes.pieces`); built on first use.

        Args:
            blueprint_id, extent_m: of the whole, as for `mesh_id`.
            piece: an open door's leaf or doorway, or a bone's limb.

        Raises:
            ValueError: extents as for `mesh_id`, or there is no such piece.
        """
        return self._moving.piece_id(blueprint_id, extent_m, piece)

    def set_actors(self, actors: np.ndarray) -> None:
        """Take the moving things of the next pictures, (N,) ACTOR_DTYPE.

        Raises:
            ValueError: wrong dtype, a pose that is not finite, or a mesh number this renderer never gave out.
        """
        self._moving.set_actors(actors)

    def set_traffic_lights(self, states: np.ndarray, actor_ids: np.ndarray | None = None) -> None:
        """Light the lamps.

        Args:
            states: (n_sites,) uint8 `carla.TrafficLightState`: 0 red, 1 yellow, 2 green, others dark.
            actor_ids: (n_sites,) ids for the instance camera; left as they are if None.

        Raises:
            ValueError: the count is not the town's.
        """
        self._moving.set_traffic_lights(states, actor_ids)

    def set_debug_lines(self, lines: np.ndarray) -> None:
        """Take the lines that the next colour pictures show over everything, (N,) LINE_DTYPE.

        Raises:
            ValueError: wrong dtype.
        """
        if lines.dtype != LINE_DTYPE:
            raise ValueError(f"debug lines must have LINE_DTYPE, got {lines.dtype}")
        self._debug_lines = lines

    def render(
        self,
        camera: CameraView,
        pose6: Sequence[float] | np.ndarray,
        weather: Sequence[float],
        outputs: frozenset[str] = _DEFAULT_OUTPUTS,
        elapsed_s: float = 0.0,
        frame: int = 0,
        lens: Lens = DEFAULT_LENS,
    ) -> dict[str, np.ndarray]:
        """Draw one pose.

        Args:
            pose6: camera pose in the world: x, y, z (m), pitch, yaw, roll (degrees), CARLA's frame.
            weather: 14 numbers in the order of `carla.WeatherParameters`.
            outputs: which pictures: rgb, semantic, instance, depth, normals.
            elapsed_s: simulation time; moves rain, clouds and blinkers.
            frame: frame number; seeds the sensor noise.
            lens: what the camera adds to the colour picture.

        Returns:
            For each output (H, W, 4) uint8 BGRA, top row first, as CARLA sends it. semantic: tag in R.
            instance: tag in R, id low byte in G, high byte in B.
            depth: metres = 1000 (R + 256 G + 65536 B) / (2^24 - 1), 1000 m where nothing is.
            normals: 127.5 (1 + x, y, z of the unit normal in the world) in R, G, B; black where nothing is.

        Raises:
            ValueError: unknown output, or a pose or weather that is not finite.
        """
        if not outputs <= OUTPUTS:
            raise ValueError(f"unknown outputs {sorted(outputs - OUTPUTS)}: choose from {sorted(OUTPUTS)}")
        with self._drawing():
            lit_by = [self._atmosphere(weather)] if "rgb" in outputs else []
            shot = self._draw_geometry(camera, pose6, lit_by, elapsed_s, frame, lens)
            out: dict[str, np.ndarray] = {}
            for atmosphere in lit_by:
                out["rgb"] = self._draw_light(shot, atmosphere)
            if "semantic" in outputs or "instance" in outputs:
                ids = read_picture(shot.targets.ids)
                if "instance" in outputs:
                    out["instance"] = ids
                if "semantic" in outputs:
                    out["semantic"] = semantic_picture(ids)
            if "depth" in outputs:
                out["depth"] = depth_picture(shot.targets)
            if "normals" in outputs:
                out["normals"] = normals_picture(shot.targets)
            return out

    def render_lines(self, camera: CameraView, pose6: Sequence[float] | np.ndarray, lines: np.ndarray) -> np.ndarray:
        """Draw lines and nothing else, on black.

        Args:
            camera, pose6: as for `render`.
            lines: (N,) LINE_DTYPE; nearer ones hide farther ones.

        Returns:
            (H, W, 4) uint8 BGRA.
        """
        view = Viewpoint.of(camera, np.asarray(pose6, np.float64))
        with self._drawing():
            targets = self._targets_for(camera)
            targets.gbuffer.clear(depth=1.0)
            targets.output.clear(0.0, 0.0, 0.0, 1.0)
            if len(lines):
                self._debug.draw(targets, view, lines, hide_each_other=True)
            return read_picture(targets.bgra)

    def relight(
        self,
        camera: CameraView,
        pose6: Sequence[float] | np.ndarray,
        weathers: Sequence[Sequence[float]],
        elapsed_s: float = 0.0,
        frame: int = 0,
        lens: Lens = DEFAULT_LENS,
    ) -> list[np.ndarray]:
        """The same instant under several weathers from one geometry pass; equal to `render` of each, bit by bit.

        Returns:
            One (H, W, 4) uint8 BGRA picture a weather.
        """
        atmospheres = [self._atmosphere(weather) for weather in weathers]
        with self._drawing():
            shot = self._draw_geometry(camera, pose6, atmospheres, elapsed_s, frame, lens)
            pictures: dict[int, np.ndarray] = {}
            # Weathers with the same sun one after the other: they share the shadows of what moves.
            for index in sorted(range(len(atmospheres)), key=lambda index: tuple(atmospheres[index].sun.tolist())):
                pictures[index] = self._draw_light(shot, atmospheres[index])
            return [pictures[index] for index in range(len(atmospheres))]

    def warm(
        self, weather: Sequence[float], cameras: Sequence[CameraView] = (), lenses: Sequence[Lens] = (DEFAULT_LENS,)
    ) -> None:
        """Compile the shaders of a weather now, so that no later picture waits for the compiler; free if done before.

        Args:
            weather: as for `render`.
            cameras: sizes to prepare for; the sizes drawn lately if empty. Software drivers compile anew for
                textures whose sides are powers of two, so the true sizes matter.
            lenses: what the cameras add; all of them are prepared at every size.
        """
        drawn = tuple(CameraView(*size) for size in self._targets)
        atmosphere = self._atmosphere(weather)
        for camera in tuple(cameras) or drawn or (_DEFAULT_VIEW,):
            for lens in lenses:
                post = (*atmosphere.post_switches, *lens.switches)
                variant = (atmosphere.switches, post, camera.width_px, camera.height_px)
                if variant not in self._warmed:
                    self.render(camera, self._warm_pose, weather, lens=lens)
                    with self._drawing():
                        self._geometry.compile(self._targets_for(camera).gbuffer)
                    self._warmed.add(variant)

    def close(self) -> None:
        """Free the context and everything in it; does nothing the second time."""
        if self._released:
            return
        self._make_current()
        for targets in self._targets.values():
            targets.release()
        self._targets.clear()
        self._context.release()

    def _make_current(self) -> None:
        """Draw into this renderer's context, whichever the thread has used before; nothing need be restored."""
        self._context.__enter__()

    @property
    def _released(self) -> bool:
        return isinstance(self._context.mglo, moderngl.InvalidObject)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Tell a driver's failure from a caller's mistake, at no more cost than asking GL for its error."""
        try:
            if self._released:
                raise moderngl.Error("its OpenGL context has been released")
            self._make_current()
            yield
        except moderngl.Error as error:
            raise DrawingFailed(f"{self.driver}: {error}") from error
        # Drivers may set flags for harmless things too: only these end a renderer.
        for _ in range(_GL_ERROR_FLAGS):
            flag = self._context.error
            if flag in _FATAL_GL_ERRORS:
                raise DrawingFailed(f"{self.driver}: {flag} while drawing")
            if flag == "GL_NO_ERROR":
                break

    def _atmosphere(self, weather: Sequence[float]) -> Atmosphere:
        return styled(atmosphere_of(weather), self._style)

    def _draw_geometry(
        self,
        camera: CameraView,
        pose6: Sequence[float] | np.ndarray,
        lit_by: Sequence[Atmosphere],
        elapsed_s: float,
        frame: int,
        lens: Lens,
    ) -> Shot:
        """Fill the G-buffer of a view; `lit_by` are the weathers it will be shown in."""
        view = Viewpoint.of(camera, np.asarray(pose6, np.float64))
        moving = self._moving.batch(elapsed_s)
        targets = self._targets_for(camera)
        targets.clear()
        targets.gbuffer.use()
        self._geometry.draw_view(view, moving)
        by_night = any(atmosphere.night > 0.0 for atmosphere in lit_by)
        beams = self._moving.beams(view) if by_night else NO_BEAMS
        return Shot(targets, camera, view, moving, beams, elapsed_s, frame, lens)

    def _draw_light(self, shot: Shot, atmosphere: Atmosphere) -> np.ndarray:
        shadow_projection = np.eye(4)
        if "SUN" in atmosphere.switches:
            shadow_projection = self._shadows.draw(shot.view.eye_m, atmosphere.sun, shot.moving)
        maps = (self._shadows.static_map, self._shadows.moving_map)
        self._light.draw(shot, atmosphere, shadow_projection, maps)
        if len(self._debug_lines):
            self._debug.draw(shot.targets, shot.view, self._debug_lines)
        return read_picture(shot.targets.bgra)

    def _targets_for(self, camera: CameraView) -> Targets:
        size = (camera.width_px, camera.height_px)
        targets = self._targets.pop(size, None) or Targets(self._context, *size)
        self._targets[size] = targets
        if len(self._targets) > _SIZES_KEPT:
            self._targets.pop(next(iter(self._targets))).release()
        return targets
