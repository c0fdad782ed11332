"""Motion blur of a colour camera: what moves on the picture while the shutter is open becomes a streak.

CARLA's cameras blur by default (intensity 0.45, streaks of at most 0.35 % of the width, which is less than a pixel of
a picture 256 wide). Here the intensity is 0 until a client sets it: pictures then do not depend on the one before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import float32, float64, types, uint8

from carla_server.compiled import kernel
from carla_server.sensors.ranges import Range, read_ranges
from carla_server.world.actors import Sensor

_ATTRIBUTES = {
    "motion_blur_intensity": Range(0, 1),
    "motion_blur_max_distortion": Range(0, 100),
    "motion_blur_min_object_screen_size": Range(0, 100),
}
_SHORTEST_PX = 1.0
"""A shorter streak is not drawn."""


@dataclass(frozen=True)
class MotionBlur:
    """How long and how far a camera blurs.

    Attributes:
        shutter: share of the time since the camera's last picture that the shutter is open.
        longest: longest streak, as a share of the picture's width.
        least: actors narrower than this share of the width are blurred by the camera's motion only.
    """

    shutter: float
    longest: float
    least: float

    def blurred(self, picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """A picture with streaks along a flow; deterministic.

        Args:
            picture: (H, W, 4) uint8 BGRA.
            flow: (H, W, 2) float32 since the camera's last picture, by `optical_flow`.

        Returns:
            (H, W, 4) uint8 BGRA; the streak of a pixel has the mean of the light along it, its middle at the pixel.
        """
        return smeared(picture, flow, self.shutter, self.longest * picture.shape[1])


def motion_blur_of(sensor: Sensor) -> MotionBlur | None:
    """What a colour camera's attributes ask for; None where nothing is blurred.

    Raises:
        InvalidArgument: an attribute is out of range.
    """
    shutter, longest, least = read_ranges(sensor, _ATTRIBUTES).values()
    processed = sensor.attributes["enable_postprocess_effects"].lower() != "false"
    if not processed or shutter == 0.0 or longest == 0.0:
        return None
    return MotionBlur(shutter, longest / 100.0, least / 100.0)


_PICTURE = types.Array(uint8, 3, "C", readonly=True)


@kernel(uint8[:, :, ::1](_PICTURE, float32[:, :, ::1], float64, float64))
def smeared(picture, flow, shutter, longest_px):
    """Mean of each pixel along its flow.

    Args:
        picture: (H, W, 4) uint8.
        flow: (H, W, 2) x to the right and y upwards in halves of the picture.
        shutter: share of the flow that a streak covers.
        longest_px: longest streak.
    """
    height, width = picture.shape[0], picture.shape[1]
    out = np.empty((height, width, 4), np.uint8)
    for row in range(height):
        for column in range(width):
            right = 0.5 * width * shutter * flow[row, column, 0]
            down = -0.5 * height * shutter * flow[row, column, 1]
            length = np.sqrt(right * right + down * down)
            for channel in range(4):
                out[row, column, channel] = picture[row, column, channel]
            if min(length, longest_px) < _SHORTEST_PX:
                continue
            if length > longest_px:
                right, down, length = right * longest_px / length, down * longest_px / length, longest_px
            taps = int(length) + 2
            blue, green, red = 0.0, 0.0, 0.0
            for tap in range(taps):
                share = (tap + 0.5) / taps - 0.5
                x = min(max(int(np.floor(column + right * share + 0.5)), 0), width - 1)
                y = min(max(int(np.floor(row + down * share + 0.5)), 0), height - 1)
                # Squares of coded values are about light: a lamp leaves a bright streak.
                blue += float(picture[y, x, 0]) ** 2
                green += float(picture[y, x, 1]) ** 2
                red += float(picture[y, x, 2]) ** 2
            out[row, column, 0] = np.uint8(np.sqrt(blue / taps) + 0.5)
            out[row, column, 1] = np.uint8(np.sqrt(green / taps) + 0.5)
            out[row, column, 2] = np.uint8(np.sqrt(red / taps) + 0.5)
    return out
