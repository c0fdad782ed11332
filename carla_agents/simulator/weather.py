"""CARLA's weather by name and by place on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import carla

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
"""Names of `carla.WeatherParameters` in wire order."""


def change_weather(world: carla.World, weather: Sequence[float] | Mapping[str, float]) -> None:
    """Sets the weather from 14 numbers in CARLA's order, or changes the named fields of the present one.

    Raises:
        ValueError: wrong count or unknown field.
    """
    parameters = world.get_weather()
    if isinstance(weather, Mapping):
        unknown = sorted(set(weather) - set(WEATHER_FIELDS))
        if unknown:
            raise ValueError(f"unknown weather field {unknown[0]!r}; fields are {', '.join(WEATHER_FIELDS)}")
        named: Mapping[str, float] = weather
    else:
        if len(weather) != len(WEATHER_FIELDS):
            raise ValueError(f"weather has {len(weather)} numbers, CARLA has {len(WEATHER_FIELDS)}")
        named = dict(zip(WEATHER_FIELDS, weather))
    for name, value in named.items():
        setattr(parameters, name, float(value))
    world.set_weather(parameters)
