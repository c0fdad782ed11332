"""From CARLA's weather numbers to light: sun, sky, fog, wetness and exposure, all in linear units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from carla_server.world.weather import WEATHER_FIELDS

_NOON_SUN, _LOW_SUN = np.array([3.4, 3.15, 2.75]), np.array([3.6, 1.35, 0.42])
_DUST = np.array([0.58, 0.42, 0.25])


@dataclass(frozen=True)
class Atmosphere:
    """What the shaders need to know of a weather.

    Attributes:
        switches: compile-time variant of the light pass: a subset of SUN, NIGHT, WET, CLOUD.
        post_switches: variant of the last pass: a subset of NIGHT, RAIN.
        sun: (3,) unit vector towards the sun.
        uniforms, post_uniforms: values by name.
        night: 0 by day, 1 in the dark.
    """

    switches: tuple[str, ...]
    post_switches: tuple[str, ...]
    sun: np.ndarray
    uniforms: dict[str, object]
    post_uniforms: dict[str, object]
    night: float


def atmosphere_of(weather: Sequence[float]) -> Atmosphere:
    """Light of a weather.

    Args:
        weather: 14 finite numbers in the order of `WEATHER_FIELDS` (percent, degrees, metres).

    Raises:
        ValueError: wrong count or a number that is not finite.
    """
    values = np.asarray(weather, np.float64)
    if values.shape != (len(WEATHER_FIELDS),) or not np.isfinite(values).all():
        raise ValueError(
            f"weather must be {len(WEATHER_FIELDS)} finite numbers {WEATHER_FIELDS}, got {tuple(weather)}"
        )
    return _atmosphere(tuple(values.tolist()))


@lru_cache(maxsize=64)
def _atmosphere(values: tuple[float, ...]) -> Atmosphere:
    w = dict(zip(WEATHER_FIELDS, values))
    cloud, rain, deposits, wetness, dust, wind, fog_share = (
        float(np.clip(w[name] / 100.0, 0.0, 1.0))
        for name in (
            "cloudiness",
            "precipitation",
            "precipitation_deposits",
            "wetness",
            "dust_storm",
            "wind_intensity",
            "fog_density",
        )
    )
    azimuth, altitude = np.radians(w["sun_azimuth_angle"]), np.radians(w["sun_altitude_angle"])
    sun = np.array([np.cos(altitude) * np.cos(azimuth), np.cos(altitude) * np.sin(azimuth), np.sin(altitude)])
    height = float(sun[2])
    day = float(np.clip((height + 0.08) / 0.34, 0.0, 1.0))
    twilight = float(np.clip(1.0 - abs(height) / 0.30, 0.0, 1.0)) * float(height > -0.2)
    night = float(np.clip((0.11 - height) / 0.19, 0.0, 1.0))
    clear = 1.0 - cloud

    low = float(np.clip(1.0 - height / 0.45, 0.0, 1.0)) ** 1.3
    sun_color = _mix(_NOON_SUN, _LOW_SUN, low) * np.clip((height + 0.02) / 0.11, 0.0, 1.0)
    sun_color = sun_color * (1.0 - 0.97 * cloud**1.6) * (1.0 - 0.8 * fog_share**0.8) * (1.0 - 0.7 * dust)

    zenith_day = _mix((0.16, 0.34, 0.78), (0.56, 0.60, 0.66), cloud**0.8)
    horizon_day = _mix((0.60, 0.74, 0.92), (0.66, 0.69, 0.73), cloud**0.7)
    zenith = _mix(_mix((0.005, 0.008, 0.022), (0.030, 0.026, 0.028), cloud), zenith_day, day)
    horizon = _mix(_mix((0.010, 0.014, 0.032), (0.050, 0.040, 0.036), cloud), horizon_day, day)
    zenith = _mix(zenith, _mix((0.085, 0.11, 0.27), (0.085, 0.095, 0.15), cloud), 0.85 * twilight)
    horizon = _mix(horizon, _mix((0.80, 0.36, 0.15), (0.17, 0.16, 0.20), cloud**0.5), 0.85 * twilight)
    zenith, horizon = zenith * (1.0 - 0.38 * rain), horizon * (1.0 - 0.34 * rain)
    level = max(0.05, float(horizon.mean()))
    zenith, horizon = _mix(zenith, _DUST * level, 0.6 * dust), _mix(horizon, _DUST * level * 1.3, 0.85 * dust)
    bounce = horizon * 0.26 + sun_color * 0.045 * max(height, 0.0)

    density = 0.060 * fog_share**2 + 0.0007 + 0.0055 * rain + 0.02 * dust
    start = float(np.clip(w["fog_distance"], 0.0, 500.0)) * (0.4 + 0.6 * fog_share)
    falloff = 0.02 * float(np.clip(w["fog_falloff"], 0.0, 10.0))
    haze = float(np.clip(0.6 + 8.0 * w["mie_scattering_scale"] * w["scattering_intensity"], 0.3, 2.5))
    fog_color = horizon * (1.0 - 0.12 * cloud) + night * np.array([0.030, 0.025, 0.020]) * (
        0.4 + fog_share + 0.6 * rain
    )

    wet = max(wetness, min(1.0, deposits * 1.2), 0.8 * rain)
    weather_shares = (wet, deposits, rain, cloud)
    switches = _chosen(SUN=sun_color.sum() > 0.03, NIGHT=night > 0.0, WET=wet > 0.02, CLOUD=cloud > 0.02)
    exposure = 0.62 + 0.16 * cloud * day * (1.0 - twilight) + 1.05 * night * (1.0 - 0.75 * twilight)
    uniforms: dict[str, object] = {
        "sun_direction": tuple(sun),
        "sun_color": tuple(sun_color),
        "sky_zenith": tuple(zenith),
        "sky_horizon": tuple(horizon),
        "fog_color": tuple(fog_color),
        "bounce": tuple(bounce),
        "fog": (density, start, falloff, haze * (0.4 + 0.6 * clear)),
        "weather": weather_shares,
        "night": night,
        "lamps_on": float(np.clip(night * 1.6, 0.0, 1.0)),
        "city_glow": 0.028 * night * (0.4 + 1.6 * cloud),
        "exposure": exposure,
        "dust": dust,
    }
    rain_color = np.clip(horizon * 0.85 + 0.10 + 0.08 * night, 0.0, 1.0) ** (1 / 2.2)
    post_uniforms: dict[str, object] = {
        "bloom_gain": 1.2 + 1.2 * fog_share + 0.5 * rain,
        "rain": rain,
        "wind": wind,
        "noise_gain": 0.008 + 0.018 * night,
        "rain_color": tuple(rain_color * (1.0 - 0.12 * night)),
    }
    post_switches = _chosen(NIGHT=night > 0.0, RAIN=rain > 0.02)
    return Atmosphere(switches, post_switches, sun, uniforms, post_uniforms, night)


def _mix(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, share: float) -> np.ndarray:
    return np.asarray(a) * (1.0 - share) + np.asarray(b) * share


def _chosen(**conditions: bool) -> tuple[str, ...]:
    return tuple(name for name, condition in conditions.items() if condition)
