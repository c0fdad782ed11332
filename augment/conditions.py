"""Conditions: the product of weather and light that the project audits, synthesizes and scores."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Weather:
    """CARLA `WeatherParameters` by value, without importing `carla`; same names, units and order.

    Percentages are in [0, 100], angles in degrees, `fog_distance` in metres.
    Source: CARLA Python API reference, carla.WeatherParameters.
    """

    cloudiness: float = 0.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 0.0
    sun_azimuth_angle: float = 0.0
    sun_altitude_angle: float = 0.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    fog_falloff: float = 0.0
    wetness: float = 0.0
    scattering_intensity: float = 0.0
    mie_scattering_scale: float = 0.0
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0

    def as_tuple(self) -> tuple[float, ...]:
        """The 14 numbers in wire order."""
        return tuple(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True)
class Condition:
    """A weather word and a light word, e.g. `Condition("rain", "night")`, named `rain-night`."""

    weather: str
    light: str

    def __post_init__(self) -> None:
        if self.weather not in _WEATHER or self.light not in _LIGHT:
            raise ValueError(
                f"unknown condition {self.weather}-{self.light}: weather is one of {sorted(_WEATHER)}, "
                f"light one of {sorted(_LIGHT)}"
            )

    @property
    def name(self) -> str:
        return f"{self.weather}-{self.light}"

    def to_weather(self) -> Weather:
        """The CARLA weather that shows this condition."""
        return Weather(**{**_BASE, **_WEATHER[self.weather], **_LIGHT[self.light]})

    @classmethod
    def of_weather(cls, weather: Weather) -> Condition:
        """The condition that a weather shows; every weather shows one.

        The strongest of dust, rain and fog names it, else the clouds. CARLA's weather has no snow: what
        `snow-day` asks for reads as `cloudy-day`.
        """
        if weather.dust_storm >= _DUSTY_PERCENT:
            word = "dust"
        elif weather.precipitation >= _RAINY_PERCENT:
            word = "rain"
        elif weather.fog_density >= _FOGGY_PERCENT:
            word = "fog"
        else:
            word = "cloudy" if weather.cloudiness >= _CLOUDY_PERCENT else "clear"
        altitude_deg = weather.sun_altitude_angle
        light = "night" if altitude_deg < _NIGHT_DEG else "dusk" if altitude_deg < _DUSK_DEG else "day"
        return cls(word, light)

    @classmethod
    def parse(cls, name: str) -> Condition:
        """`"rain-night"` -> Condition.

        Raises:
            ValueError: the name is not `weather-light` with known words.
        """
        weather, _, light = name.partition("-")
        return cls(weather, light)


_DUSTY_PERCENT, _RAINY_PERCENT, _FOGGY_PERCENT, _CLOUDY_PERCENT = 50.0, 20.0, 35.0, 50.0
_NIGHT_DEG, _DUSK_DEG = -5.0, 15.0
"""Sun altitudes: below the first it is night, below the second dusk (or dawn)."""

_BASE: dict[str, float] = {
    "wind_intensity": 10.0,
    "sun_azimuth_angle": -60.0,
    "scattering_intensity": 1.0,
    "mie_scattering_scale": 0.03,
}
_WEATHER: dict[str, dict[str, float]] = {
    "clear": {"cloudiness": 5.0, "fog_density": 2.0, "fog_distance": 0.75, "fog_falloff": 0.1},
    "cloudy": {"cloudiness": 85.0, "fog_density": 3.0, "fog_distance": 0.75, "fog_falloff": 0.1},
    "rain": {
        "cloudiness": 95.0,
        "precipitation": 85.0,
        "precipitation_deposits": 75.0,
        "wetness": 100.0,
        "wind_intensity": 60.0,
        "fog_density": 9.0,
        "fog_distance": 8.0,
        "fog_falloff": 0.2,
    },
    "fog": {"cloudiness": 60.0, "fog_density": 65.0, "fog_distance": 3.0, "fog_falloff": 0.2},
    "snow": {"cloudiness": 90.0, "fog_density": 12.0, "fog_distance": 5.0, "fog_falloff": 0.2},
    "dust": {"cloudiness": 40.0, "dust_storm": 100.0, "fog_density": 20.0, "fog_distance": 2.0},
}
_LIGHT: dict[str, dict[str, float]] = {
    "day": {"sun_altitude_angle": 55.0},
    "dusk": {"sun_altitude_angle": 4.0, "sun_azimuth_angle": 20.0},
    "night": {"sun_altitude_angle": -60.0},
}

CORE12: tuple[Condition, ...] = tuple(
    Condition(weather, light) for weather in ("clear", "cloudy", "rain", "fog") for light in ("day", "dusk", "night")
)
"""{clear, cloudy, rain, fog} x {day, dusk, night}."""

PAPER9: tuple[Condition, ...] = tuple(c for c in CORE12 if c.weather != "fog")
"""The nine subgroups of the SynDiff-AD paper (arXiv 2411.16776)."""

DOMINANT = Condition("clear", "day")
SEEN_RARE: tuple[Condition, ...] = (Condition("rain", "day"), Condition("clear", "night"), Condition("fog", "day"))
HELD_OUT = Condition("rain", "night")
EXTRA: tuple[Condition, ...] = (Condition("snow", "day"), Condition("dust", "day"))
"""Synthesis only; no driving claim is made for them."""

CONDITIONS: dict[str, Condition] = {c.name: c for c in (*CORE12, *EXTRA)}
"""Every condition by name."""
