"""The textures one picture size needs."""

from __future__ import annotations

import moderngl

from carla_server.semantics import SemanticTag

_BLOOM_NEAR, _BLOOM_FAR = 4, 12


class Targets:
    """G-buffer, light and bloom textures for one width and height."""

    def __init__(self, context: moderngl.Context, width_px: int, height_px: int) -> None:
        self.size = (width_px, height_px)
        self.albedo, self.normal, self.ids = (context.texture(self.size, 4) for _ in range(3))
        self.depth_m = context.texture(self.size, 1, dtype="f4")
        for texture in (self.albedo, self.normal, self.ids, self.depth_m):
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            texture.repeat_x = texture.repeat_y = False
        attachments = [self.albedo, self.normal, self.ids, self.depth_m]
        self._depth = context.depth_renderbuffer(self.size)
        self.gbuffer = context.framebuffer(attachments, self._depth)
        self._depth_clear = context.framebuffer([self.depth_m])
        self.picture, self.shine = self._smooth(context, self.size), self._smooth(context, self.size)
        self.survey = context.texture(self.size, 4, dtype="f4")
        self.survey.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.survey.repeat_x = self.survey.repeat_y = False
        # With the geometry's depth, which tells sky from surface.
        self.survey_frame = context.framebuffer([self.survey], self._depth)
        self.light_by_day = context.framebuffer([self.picture], self._depth)
        self.light_by_night = context.framebuffer([self.picture, self.shine], self._depth)
        for frame in (self.survey_frame, self.light_by_day, self.light_by_night):
            frame.depth_mask = False
        near, far = self._fraction(_BLOOM_NEAR), self._fraction(_BLOOM_FAR)
        self.near = [self._smooth(context, near) for _ in range(2)]
        self.far = [self._smooth(context, far) for _ in range(2)]
        self.near_frames = [context.framebuffer([texture]) for texture in self.near]
        self.far_frames = [context.framebuffer([texture]) for texture in self.far]
        self.meter = context.texture((1, 1), 1, dtype="f2")
        self.meter.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.meter_frame = context.framebuffer([self.meter])
        self.bgra = context.texture(self.size, 4)
        self.output = context.framebuffer([self.bgra])
        self.overlay = context.framebuffer([self.bgra], self._depth)

    def clear(self) -> None:
        """Sky everywhere: tag SKY, id 0, depth 0 (which stands for "nothing there")."""
        self.gbuffer.clear(0.0, 0.0, int(SemanticTag.SKY) / 255.0, 1.0)
        self._depth_clear.clear(0.0, 0.0, 0.0, 0.0)

    def release(self) -> None:
        frames = [
            self.gbuffer,
            self._depth_clear,
            self.survey_frame,
            self.light_by_day,
            self.light_by_night,
            *self.near_frames,
            *self.far_frames,
            self.meter_frame,
            self.output,
            self.overlay,
        ]
        textures = [self.albedo, self.normal, self.ids, self.depth_m, self.survey, self.picture, self.shine]
        for frame in frames:
            frame.release()
        for texture in (*textures, *self.near, *self.far, self.meter, self.bgra):
            texture.release()
        self._depth.release()

    def _fraction(self, divisor: int) -> tuple[int, int]:
        return max(1, self.size[0] // divisor), max(1, self.size[1] // divisor)

    @staticmethod
    def _smooth(context: moderngl.Context, size: tuple[int, int]) -> moderngl.Texture:
        texture = context.texture(size, 4)
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture
