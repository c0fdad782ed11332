"""Event camera: `sensor.camera.dvs`, which tells where the picture became brighter or darker and when.

Between two pictures each pixel's brightness is taken to change evenly. Whenever it has moved by a threshold from the
level of its last event, there is an event at the moment of the crossing. As in CARLA, a picture without events sends
no measurement, and the first picture only sets the levels. Source: CARLA's documentation, "DVS camera", and
`DVSCamera.cpp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carla_server.sensors.noise import generator
from carla_server.sensors.ranges import Range, read_ranges
from carla_server.wire.point_clouds import DVS_EVENT_DTYPE
from carla_server.world.actors import Sensor

if TYPE_CHECKING:
    from carla_server.world.world import World

_ATTRIBUTES = {
    "positive_threshold": Range(0.01, 1e3),
    "negative_threshold": Range(0.01, 1e3),
    "sigma_positive_threshold": Range(0, 1e3),
    "sigma_negative_threshold": Range(0, 1e3),
    "log_eps": Range(1e-9, 1e3),
    "refractory_period_ns": Range(0, 1e18),
}
_GREY_OF_BGR = np.outer((0.114, 0.587, 0.2989), np.arange(256)).astype(np.float32)
"""(3, 256) share of each channel's byte in the grey level."""
_FILTER_SHARE = 0.999
_LEAST_CHANGE = 1e-6
_LEAST_THRESHOLD = 0.01
_MOST_EVENTS = 4_000_000
"""Events of one picture; crossings beyond are left out."""
_NEVER = np.iinfo(np.int64).min


class EventCamera:
    """One event camera and what each of its pixels remembers.

    Args:
        sensor: its attributes are read here, once.

    Raises:
        InvalidArgument: an attribute is out of range.
    """

    def __init__(self, sensor: Sensor) -> None:
        values = read_ranges(sensor, _ATTRIBUTES)
        self._thresholds = values["negative_threshold"], values["positive_threshold"]
        self._sigmas = values["sigma_negative_threshold"], values["sigma_positive_threshold"]
        self._refractory_ns = int(values["refractory_period_ns"])
        self._use_log = sensor.attributes["use_log"].lower() in ("true", "1")
        self._log_eps = values["log_eps"]
        self._level: np.ndarray | None = None
        self._before: np.ndarray | None = None
        self._before_ns = 0
        self._last_ns: np.ndarray | None = None

    def events(self, world: World, sensor: Sensor, picture: np.ndarray) -> np.ndarray:
        """Events since the picture before.

        Args:
            picture: (H, W, 4) uint8 BGRA.

        Returns:
            (N,) of `DVS_EVENT_DTYPE`, in the order of time; empty for the first picture.
        """
        now_ns = round(world.elapsed_s * 1e9)
        brightness = self._brightness(picture)
        if self._level is None or self._before is None or self._last_ns is None:
            self._level = brightness.copy()
            self._last_ns = np.full(brightness.shape, _NEVER, np.int64)
            events = np.zeros(0, DVS_EVENT_DTYPE)
        else:
            events = self._crossings(world, sensor, brightness, now_ns, self._level, self._before, self._last_ns)
        self._before, self._before_ns = brightness, now_ns
        return events

    def _brightness(self, picture: np.ndarray) -> np.ndarray:
        """(H * W,) float32: 0 .. 255, or the logarithm of the share of white."""
        blue, green, red = (_GREY_OF_BGR[channel][picture[..., channel].ravel()] for channel in range(3))
        grey = blue + green + red
        return np.log(np.float32(self._log_eps) + grey / np.float32(255.0)) if self._use_log else grey

    def _crossings(
        self,
        world: World,
        sensor: Sensor,
        brightness: np.ndarray,
        now_ns: int,
        level: np.ndarray,
        before: np.ndarray,
        last_ns: np.ndarray,
    ) -> np.ndarray:
        """Events of this picture; moves `level` and `last_ns` on."""
        change = brightness - before
        moved = np.abs(change) > _LEAST_CHANGE
        if not any(self._sigmas):
            # Most pixels are far from their next event; a generous comparison spares them the exact one.
            way = brightness - level
            least, most = (_FILTER_SHARE * threshold for threshold in self._thresholds)
            moved &= (way <= -least) | (way >= most)
        pixel = np.flatnonzero(moved)
        rises = change[pixel] > 0.0
        threshold = np.where(rises, self._thresholds[1], self._thresholds[0])
        sigma = np.where(rises, self._sigmas[1], self._sigmas[0])
        if sigma.any():
            noise = generator(world, sensor).normal(0.0, 1.0, len(brightness))[pixel]
            threshold = np.maximum(threshold + sigma * noise, _LEAST_THRESHOLD)
        step = np.where(rises, threshold, -threshold)
        crossed = level[pixel].astype(np.float64)
        start, end = before[pixel].astype(np.float64), brightness[pixel].astype(np.float64)
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        count = 0
        while len(pixel) and count < _MOST_EVENTS:
            crossed = crossed + step
            hit = np.where(rises, (crossed > start) & (crossed <= end), (crossed < start) & (crossed >= end))
            pixel, rises, step = pixel[hit], rises[hit], step[hit]
            crossed, start, end = crossed[hit], start[hit], end[hit]
            share = (crossed - start) / (end - start)
            time_ns = self._before_ns + (share * (now_ns - self._before_ns)).astype(np.int64)
            level[pixel] = crossed
            last = last_ns[pixel]
            rested = (last == _NEVER) | (time_ns - np.maximum(last, 0) >= self._refractory_ns)
            last_ns[pixel[rested]] = time_ns[rested]
            found.append((pixel[rested], time_ns[rested], rises[rested]))
            count += len(found[-1][0])
        if not count:
            return np.zeros(0, DVS_EVENT_DTYPE)
        pixels, times_ns, signs = (np.concatenate(columns) for columns in zip(*found, strict=True))
        order = np.lexsort((pixels, times_ns))
        width = int(float(sensor.attributes["image_size_x"]))
        events = np.zeros(count, DVS_EVENT_DTYPE)
        events["x"], events["y"] = pixels[order] % width, pixels[order] // width
        events["t_ns"], events["positive"] = times_ns[order], signs[order]
        return events
