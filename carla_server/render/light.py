"""Light pass, bloom and the last pass: from a G-buffer to BGRA under one weather."""

from __future__ import annotations

import moderngl
import numpy as np

from carla_server.render.atmosphere import Atmosphere
from carla_server.render.camera import Viewpoint
from carla_server.render.lens import USUAL_BLOOM
from carla_server.render.program import link, matrix_bytes, set_uniforms
from carla_server.render.scenery import Scenery
from carla_server.render.shot import Shot
from carla_server.render.targets import Targets

_BEAM_SLOTS = 16
_TEXTURE_UNITS = {
    name: unit
    for unit, name in enumerate(
        ("albedo_map", "normal_map", "depth_map", "static_shadow", "actor_shadow", "lamp_map", "survey_map")
    )
}
_SURFACE, _SKY = ">", "<="
"""The screen lies at the far plane: not before the sky's cleared depth, behind every surface."""


class LightPass:
    """Shader variants are compiled when first used; `Renderer.warm` uses them early."""

    def __init__(self, context: moderngl.Context, scenery: Scenery) -> None:
        self._context = context
        self._variants: dict[tuple[str, tuple[str, ...]], tuple[moderngl.Program, moderngl.VertexArray]] = {}
        side = scenery.lamp_map.shape[0]
        self._lamp_map = context.texture((side, side), 2, scenery.lamp_map.tobytes(), dtype="f2")
        self._lamp_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._lamp_map.repeat_x = self._lamp_map.repeat_y = False
        self._lamp_frame = scenery.lamp_frame
        self._ground_m = scenery.lamp_map[..., 1]

    def draw(
        self,
        shot: Shot,
        atmosphere: Atmosphere,
        shadow_projection: np.ndarray,
        shadow_maps: tuple[moderngl.Texture, moderngl.Texture],
    ) -> None:
        """Leave the picture of a shot under one weather in `targets.bgra`."""
        targets, view, camera, switches = shot.targets, shot.view, shot.camera, atmosphere.switches
        textures = (targets.albedo, targets.normal, targets.depth_m, *shadow_maps, self._lamp_map, targets.survey)
        slots = np.zeros((2, _BEAM_SLOTS, 4), np.float32)
        lamps = shot.beams.lamps
        slots[0, : len(lamps)], slots[1, : len(lamps)] = lamps[:, :4], lamps[:, 4:]
        values: dict[str, object] = {
            **atmosphere.uniforms,
            **_TEXTURE_UNITS,
            "fog": self._fog_at(view.eye_m, atmosphere),
            "view_projection": matrix_bytes(view.view_projection),
            "shadow_projection": matrix_bytes(shadow_projection),
            "eye": tuple(view.eye_m),
            "axes": matrix_bytes(view.axes),
            "half_size": (camera.half_width, camera.half_height),
            "resolution": targets.size,
            "lamp_frame": self._lamp_frame,
            "elapsed_s": shot.elapsed_s % 1000.0,
            "beam_count": len(lamps),
            "beams_in_air": shot.beams.in_air,
            "glints": shot.beams.glints,
            "beam_position": slots[0].tobytes(),
            "beam_direction": slots[1].tobytes(),
        }
        for index, texture in enumerate(textures):
            texture.use(index)
        by_night = "NIGHT" in switches
        self._context.enable_only(moderngl.DEPTH_TEST)
        if by_night and not shot.surveyed:
            targets.survey_frame.use()
            self._cover("survey_frag", ("NIGHT",), values, _SURFACE)
            shot.surveyed = True
        (targets.light_by_night if by_night else targets.light_by_day).use()
        self._cover("light_frag", switches, values, _SURFACE)
        self._cover("sky_frag", switches, values, _SKY)
        self._context.depth_func = "<"
        self._context.enable_only(moderngl.NOTHING)
        if "NIGHT" in atmosphere.post_switches:
            self._bloom(targets)
        self._finish(shot, atmosphere)

    def _cover(self, name: str, switches: tuple[str, ...], values: dict[str, object], depth_func: str) -> None:
        """Draw those pixels of the bound frame that the depth test lets through."""
        program, array = self._variant(name, switches)
        set_uniforms(program, values)
        self._context.depth_func = depth_func
        array.render(vertices=3)

    def _fog_at(self, eye_m: np.ndarray, atmosphere: Atmosphere) -> tuple[float, ...]:
        """Fog as the eye has it around itself: the higher above the ground, the thinner."""
        density, start, falloff, glow = atmosphere.fog
        x0, y0, per_width, per_height = self._lamp_frame
        rows, columns = self._ground_m.shape
        row = int(np.clip((eye_m[1] - y0) * per_height * rows, 0, rows - 1))
        column = int(np.clip((eye_m[0] - x0) * per_width * columns, 0, columns - 1))
        height_m = max(0.0, float(eye_m[2]) - float(self._ground_m[row, column]))
        return density * float(np.exp(-min(30.0, falloff * height_m))), start, falloff, glow

    def _bloom(self, targets: Targets) -> None:
        program, array = self._variant("blur_frag", ())
        steps = (
            (targets.shine, targets.near_frames[0], (1.0, 0.0)),
            (targets.near[0], targets.near_frames[1], (0.0, 1.0)),
            (targets.near[1], targets.far_frames[0], (1.0, 0.0)),
            (targets.far[0], targets.far_frames[1], (0.0, 1.0)),
        )
        for source, frame, (x, y) in steps:
            width, height = frame.size
            source.use(0)
            frame.use()
            values = {"source": 0, "target_size": (width, height), "step_uv": (x / width, y / height)}
            set_uniforms(program, values)
            array.render(vertices=3)

    def _finish(self, shot: Shot, atmosphere: Atmosphere) -> None:
        targets, lens = shot.targets, shot.lens
        if lens.metered:
            program, array = self._variant("meter_frag", ())
            set_uniforms(program, {"picture": 0, "key": atmosphere.key})
            targets.picture.use(0)
            targets.meter_frame.use()
            array.render(vertices=3)
        program, array = self._variant("post_frag", (*atmosphere.post_switches, *lens.switches))
        set_uniforms(
            program,
            {
                **atmosphere.post_uniforms,
                "bloom_gain": atmosphere.bloom_gain * lens.bloom / USUAL_BLOOM,
                **lens.uniforms,
                "sun_on_picture": _place_of_sun(shot.view, atmosphere),
                "meter": 3,
                "picture": 0,
                "bloom_near": 1,
                "bloom_far": 2,
                "resolution": targets.size,
                "elapsed_s": shot.elapsed_s % 1000.0,
                "frame_seed": shot.frame % 1021 * 0.618,
            },
        )
        for index, texture in enumerate((targets.picture, targets.near[1], targets.far[1], targets.meter)):
            texture.use(index)
        targets.output.use()
        array.render(vertices=3)

    def _variant(self, name: str, switches: tuple[str, ...]) -> tuple[moderngl.Program, moderngl.VertexArray]:
        if (name, switches) not in self._variants:
            program = link(self._context, "screen_vert", name, switches)
            self._variants[name, switches] = (program, self._context.vertex_array(program, []))
        return self._variants[name, switches]


def _place_of_sun(view: Viewpoint, atmosphere: Atmosphere) -> tuple[float, float]:
    """Where the sun stands on the picture, 0..1 to the right and down; far outside where it does not."""
    clip = view.view_projection @ np.append(atmosphere.sun, 0.0)
    if clip[3] <= 1e-6 or "SUN" not in atmosphere.switches:
        return -9.0, -9.0
    return float(clip[0] / clip[3] * 0.5 + 0.5), float(clip[1] / clip[3] * 0.5 + 0.5)
