"""carla.WeatherParameters: fourteen numbers, checked."""

from __future__ import annotations

from typing import Any

from carla_server.wire.structs import InvalidArgument, read_array, read_float

WEATHER_FIELDS = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "fog_distance",
    "fog_falloff",
    "wetness",
    "scattering_intensity",
    "mie_scattering_scale",
    "rayleigh_scattering_scale",
    "dust_storm",
)
"""In the order of the wire."""

SUN_ALTITUDE = WEATHER_FIELDS.index("sun_altitude_angle")
"""Place of the sun's height above the horizon (deg) in `WeatherValues`."""

WeatherValues = tuple[float, ...]
"""Fourteen floats in the order of `WEATHER_FIELDS`."""

DEFAULT_WEATHER: WeatherValues = (5.0, 0.0, 0.0, 10.0, -1.0, 45.0, 2.0, 0.75, 0.1, 0.0, 1.0, 0.03, 0.0331, 0.0)
"""The weather a CARLA 0.9.16 server starts with (carla.WeatherParameters.Default resolved)."""


def read_weather(value: Any) -> WeatherValues:
    """Check a call's weather.

    Raises:
        InvalidArgument: not fourteen finite numbers.
    """
    parts = read_array(value, "weather")
    if len(parts) != len(WEATHER_FIELDS):
        raise InvalidArgument(f"weather has {len(parts)} values, CARLA's weather has {len(WEATHER_FIELDS)}")
    return tuple(read_float(part, f"weather {name}") for name, part in zip(WEATHER_FIELDS, parts))
