"""From CARLA's weather numbers to light: sun, sky, fog, wetness and exposure, all in linear units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from carla_server.world.weather import WEATHER_FIELDS

_NOON_SUN, _LOW_SUN = np.array([3.4, 3.15, 2.75]), np.array([3.6, 1.35, 0.42])
_DUST = np.array([0.58, 0.42, 0.25])
_USUAL_RAYLEIGH, _USUAL_MIE = 0.0331, 0.03
_LEAST_FALLOFF = 0.004
"""Even fog as light as air thins out upwards, 1/m."""


@dataclass(frozen=True)
class Atmosphere:
    """What the shaders need to know of a weather.

    Attributes:
        switches: compile-time variant of the light pass: a subset of SUN, NIGHT, WET, CLOUD, DUSK, AIRLIGHT.
        post_switches: variant of the last pass: a subset of NIGHT, RAIN.
        sun: (3,) unit vector towards the sun.
        fog: density on the ground (1/m), soft start (m), falloff with height (1/m), glow of the sun in haze.
        uniforms, post_uniforms: values by name.
        night: 0 by day, 1 in the dark.
        bloom_gain: how far lamps glow.
        key: mean brightness (0..1) of an ordinary picture.
    """

    switches: tuple[str, ...]
    post_switches: tuple[str, ...]
    sun: np.ndarray
    fog: tuple[float, float, float, float]
    uniforms: dict[str, object]
    post_uniforms: dict[str, object]
    night: float
    bloom_gain: float
    key: float


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
    twilight = float(np.clip(1.0 - (height / 0.34 if height > 0.0 else height / -0.21), 0.0, 1.0))
    golden = float(np.clip(1.0 - (height / 0.50 if height > 0.0 else height / -0.21), 0.0, 1.0))
    night = float(np.clip((0.11 - height) / 0.19, 0.0, 1.0))
    clear = 1.0 - cloud
    # Air that scatters blue (rayleigh) and haze that scatters white (mie), as shares of CARLA's usual ones.
    blue = float(np.clip(w["rayleigh_scattering_scale"] / _USUAL_RAYLEIGH, 0.0, 1.0))
    deep = float(np.clip(np.log2(max(w["rayleigh_scattering_scale"] / _USUAL_RAYLEIGH, 1.0)) / 3.0, 0.0, 1.0))
    mie = float(np.clip(w["mie_scattering_scale"], 0.0, 5.0))
    murk = float(np.clip((mie - _USUAL_MIE) / 0.97, 0.0, 1.0))
    scattering = float(np.clip(w["scattering_intensity"], 0.0, 20.0))

    low = float(np.clip(1.0 - height / 0.50, 0.0, 1.0)) ** 0.65
    sun_color = _mix(_NOON_SUN, _LOW_SUN, low) * np.clip((height + 0.02) / 0.09, 0.0, 1.0)
    sun_color = sun_color * (1.0 - np.array([0.0, 0.14, 0.34]) * deep) * (1.0 - 0.45 * murk)
    sun_color = sun_color * (1.0 - 0.97 * cloud**1.6) * (1.0 - 0.8 * fog_share**0.8) * (1.0 - 0.7 * dust)

    zenith_day = _mix((0.16, 0.34, 0.78), (0.56, 0.60, 0.66), cloud**0.8)
    horizon_day = _mix((0.60, 0.74, 0.92), (0.66, 0.69, 0.73), cloud**0.7)
    zenith_day = _mix(_mix((0.40, 0.40, 0.41), zenith_day, blue), (0.05, 0.17, 0.86), 0.8 * deep * clear)
    horizon_day = _mix(_mix((0.76, 0.75, 0.73), horizon_day, blue), (0.40, 0.60, 1.05), 0.7 * deep * clear)
    zenith = _mix(_mix((0.004, 0.007, 0.020), (0.016, 0.014, 0.016), cloud), zenith_day, day)
    horizon = _mix(_mix((0.008, 0.012, 0.030), (0.030, 0.024, 0.023), cloud), horizon_day, day)
    # The sky of dusk is blue; what glows is the side where the sun is.
    zenith = _mix(zenith, _mix((0.060, 0.105, 0.30), (0.070, 0.090, 0.16), cloud), 0.9 * twilight)
    horizon = _mix(horizon, _mix((0.25, 0.22, 0.36), (0.15, 0.175, 0.25), cloud**0.5), 0.9 * twilight)
    afterglow = np.array([1.15, 0.43, 0.10]) * golden * (1.0 - 0.84 * cloud**0.7) * (1.0 - 0.55 * rain)
    zenith, horizon = zenith * (1.0 - 0.38 * rain), horizon * (1.0 - 0.34 * rain)
    horizon = _mix(horizon, np.array([1.0, 0.98, 0.93]) * max(0.02, float(horizon.mean())) * 1.25, 0.8 * murk)
    zenith = _mix(zenith, horizon * 0.8, 0.65 * murk)
    level = max(0.05, float(horizon.mean()))
    zenith, horizon = _mix(zenith, _DUST * level, 0.6 * dust), _mix(horizon, _DUST * level * 1.3, 0.85 * dust)
    afterglow = afterglow * (1.0 - 0.7 * dust)
    bounce = (horizon + 0.2 * afterglow) * 0.26 + sun_color * 0.045 * max(height, 0.0)

    haze_density = 0.0007 * min(1.0, mie / _USUAL_MIE) + 0.007 * murk
    density = 0.060 * fog_share**2 + haze_density + 0.0055 * rain + 0.02 * dust
    start = float(np.clip(w["fog_distance"], 0.0, 500.0)) * (0.4 + 0.6 * fog_share)
    falloff = max(_LEAST_FALLOFF, 0.05 * float(np.clip(w["fog_falloff"], 0.0, 50.0)))
    haze = float(np.clip(0.6 + 8.0 * mie * scattering, 0.3, 2.5))
    fog_color = horizon * (1.0 - 0.12 * cloud) + night * np.array([0.012, 0.011, 0.011]) * (
        0.4 + fog_share + 0.6 * rain
    )
    # More scattering: what floats in the air shows more of the light that falls on it.
    fog_color = fog_color * (0.5 + 0.5 * min(scattering, 1.0) + 0.30 * np.log2(max(scattering, 1.0)))

    wet = max(wetness, min(1.0, deposits * 1.2), 0.8 * rain)
    weather_shares = (wet, deposits, rain, cloud)
    lamps_on = float(np.clip(night * 1.6, 0.0, 1.0))
    # Lamps light up the air only where there is something in it.
    airlight = lamps_on * min(1.0, scattering) if density > 0.008 else 0.0
    switches = _chosen(
        SUN=sun_color.sum() > 0.03,
        NIGHT=night > 0.0,
        WET=wet > 0.02,
        CLOUD=cloud > 0.02,
        DUSK=golden > 0.0,
        AIRLIGHT=airlight > 0.0,
    )
    exposure = 0.62 + 0.16 * cloud * day * (1.0 - twilight) + 0.30 * twilight + 1.05 * night * (1.0 - 0.75 * twilight)
    moon_azimuth, moon_height = azimuth + np.pi + 0.5, np.radians(np.clip(-w["sun_altitude_angle"], 24.0, 42.0))
    moon = (
        float(np.cos(moon_height) * np.cos(moon_azimuth)),
        float(np.cos(moon_height) * np.sin(moon_azimuth)),
        float(np.sin(moon_height)),
    )
    uniforms: dict[str, object] = {
        "sun_direction": tuple(sun),
        "sun_color": tuple(sun_color),
        "sky_zenith": tuple(zenith),
        "sky_horizon": tuple(horizon),
        "sky_light": tuple(0.5 * zenith + 0.5 * horizon + 0.14 * afterglow),
        "afterglow": tuple(afterglow),
        "moon_direction": moon,
        "moon_color": tuple(np.array([0.021, 0.027, 0.042]) * night * clear**2 * (1.0 - fog_share)),
        "fog_color": tuple(fog_color),
        "bounce": tuple(bounce),
        "weather": weather_shares,
        "wind": wind,
        "night": night,
        "lamps_on": lamps_on,
        "airlight": airlight,
        "city_glow": 0.026 * night * (0.3 + 1.7 * cloud) * (1.0 - twilight),
        "exposure": exposure,
        "dust": dust,
    }
    rain_color = np.clip(horizon * 0.95 + 0.14 + 0.06 * night, 0.0, 1.0) ** (1 / 2.2)
    post_uniforms: dict[str, object] = {
        "rain": rain,
        "wind": wind,
        "noise_gain": 0.008 + 0.014 * night,
        "rain_color": tuple(rain_color * (1.0 - 0.12 * night)),
    }
    post_switches = _chosen(NIGHT=night > 0.0, RAIN=rain > 0.02)
    fog = (density, start, falloff, haze * (0.4 + 0.6 * clear))
    bloom_gain = 1.2 + 2.6 * fog_share + 0.6 * rain
    key = 0.44 - 0.24 * night * (1.0 - twilight) - 0.17 * twilight + 0.15 * fog_share - 0.04 * rain
    return Atmosphere(switches, post_switches, sun, fog, uniforms, post_uniforms, night, bloom_gain, key)


def _mix(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, share: float) -> np.ndarray:
    return np.asarray(a) * (1.0 - share) + np.asarray(b) * share


def _chosen(**conditions: bool) -> tuple[str, ...]:
    return tuple(name for name, condition in conditions.items() if condition)
