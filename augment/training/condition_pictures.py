"""Pictures whose condition is known: free cameras in a town's streets, among traffic with the lamps of that hour.

Every picture stands at another place and moment. Weather and light are drawn around the centre of the condition, so
that what is learned is the condition and not one setting of fourteen numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import carla
import numpy as np

import carla_server.render
from augment.conditions import CORE12, Condition
from augment.seeds import derive_seed, generator
from carla_agents.driving.headlights import switch_lamps
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.images import rgb_from_bgra, view_bgra
from carla_agents.simulator.rig import FrameStream
from carla_agents.simulator.session import WEATHER_FIELDS, Session

SIZE_PX = (256, 144)
_JITTER: dict[str, float] = {
    "cloudiness": 5.0,
    "precipitation": 10.0,
    "precipitation_deposits": 15.0,
    "wind_intensity": 20.0,
    "fog_density": 10.0,
    "fog_distance": 1.0,
    "fog_falloff": 0.05,
    "wetness": 15.0,
}
"""Half width of the spread of each number, where the condition has some of it; light see `_SUN_ALTITUDE_DEG`."""
_SUN_ALTITUDE_DEG = {"day": (35.0, 75.0), "dusk": (2.0, 6.0), "night": (-75.0, -40.0)}
_SETTLING_TICKS = 40
"""Until cars have begun to drive and people to walk."""
_CLEAR_M = 4.0
"""A camera nearer to the middle of a car would look out of it."""


class Part(StrEnum):
    """Where in a town the cameras stand."""

    ALL = "all"
    WEST = "west"
    """The half of the driving lanes with the lower x."""
    EAST = "east"


@dataclass(frozen=True)
class PictureConfig:
    """Which pictures to take."""

    per_condition: int
    """Pictures of each condition."""
    part: Part = Part.ALL
    """Half of the town."""
    scenes: int = 3
    """How often traffic is made anew; the field of view changes with it."""
    vehicles: int = 50
    """Cars in town."""
    walkers: int = 40
    """People in town."""
    spread: float = 1.0
    """How far weather and light stray from the condition's centre, 0 to 1."""
    seed: int = 0
    """Decides places, moments, traffic and weather."""

    def __post_init__(self) -> None:
        for name in ("per_condition", "scenes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0.0 <= self.spread <= 1.0:
            raise ValueError(f"spread is {self.spread}; expected 0 to 1")


@dataclass(frozen=True)
class ConditionPictures:
    """Pictures and what they show.

    Attributes:
        rgb: (N, H, W, 3) uint8.
        label: (N,) int64 index into `CORE12`.
    """

    rgb: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def fingerprint(self) -> str:
        """First 16 hex digits of the hash of pixels and labels."""
        return sha256(self.rgb.tobytes() + self.label.astype("<i8").tobytes()).hexdigest()[:16]

    @classmethod
    def join(cls, parts: Sequence[ConditionPictures]) -> ConditionPictures:
        return cls(np.concatenate([part.rgb for part in parts]), np.concatenate([part.label for part in parts]))


def take_condition_pictures(
    session: Session, config: PictureConfig, on_picture: Callable[[int], None] | None = None
) -> ConditionPictures:
    """Take pictures of every condition of `CORE12` in the session's town.

    Args:
        session: on the town to show; its world is reset.
        config: which pictures.
        on_picture: called with the number of pictures so far.

    Returns:
        `12 * per_condition` pictures, conditions taking turns.
    """
    pictures: list[np.ndarray] = []
    labels: list[int] = []
    total = len(CORE12) * config.per_condition
    for scene in range(config.scenes):
        count = total * (scene + 1) // config.scenes - len(labels)
        for label, rgb in _scene(session, config, scene, range(len(labels), len(labels) + count)):
            pictures.append(rgb)
            labels.append(label)
            if on_picture is not None:
                on_picture(len(labels))
    return ConditionPictures(np.stack(pictures), np.array(labels, np.int64))


def look_fingerprint() -> str:
    """First 16 hex digits of the hash of the renderer's shaders and code, default style and others."""
    folder = Path(carla_server.render.__file__).parent
    files = sorted(path for ending in ("*.py", "*.glsl") for path in folder.rglob(ending))
    return sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:16]


def weather_near(condition: Condition, spread: float, rng: np.random.Generator) -> tuple[float, ...]:
    """A weather of a condition: its centre at spread 0, up to `_JITTER` away from it at spread 1; any sun azimuth."""
    named = dict(zip(WEATHER_FIELDS, condition.to_weather().as_tuple(), strict=True))
    for name, half_width in _JITTER.items():
        if named[name] > 0.0:
            shift = spread * half_width * rng.uniform(-1.0, 1.0)
            named[name] = float(np.clip(named[name] + shift, 0.0, 100.0))
    low, high = _SUN_ALTITUDE_DEG[condition.light]
    centre = named["sun_altitude_angle"]
    named["sun_altitude_angle"] = float(centre + spread * (rng.uniform(low, high) - centre))
    if spread > 0.0:
        named["sun_azimuth_angle"] = float(rng.uniform(0.0, 360.0))
    return tuple(named.values())


def _scene(session: Session, config: PictureConfig, scene: int, numbers: range) -> Iterator[tuple[int, np.ndarray]]:
    session.reset()
    rng = generator(config.seed, "condition pictures", scene)
    lanes = _lanes(session.map, config.part)
    traffic_seed = derive_seed(config.seed, "traffic", scene) % 2**31
    with Traffic(session, TrafficConfig(config.vehicles, config.walkers, traffic_seed)) as traffic:
        for _ in range(_SETTLING_TICKS):
            session.tick()
        fov_deg = float(rng.uniform(80.0, 110.0))
        size = {"image_size_x": str(SIZE_PX[0]), "image_size_y": str(SIZE_PX[1]), "fov": repr(fov_deg)}
        camera = session.spawn("sensor.camera.rgb", lanes[0].transform, size)
        stream = FrameStream("rgb")
        camera.listen(lambda image: stream.put(image.frame, image))
        for number in numbers:
            label = number % len(CORE12)
            weather = weather_near(CORE12[label], config.spread, rng)
            session.set_weather(weather)
            switch_lamps(session, traffic.vehicles, weather)
            camera.set_transform(_pose(lanes, traffic.vehicles, rng))
            image = stream.take(session.tick(), time.monotonic() + session.config.timeout_s)
            yield label, rgb_from_bgra(view_bgra(image))
        session.destroy([camera])


def _lanes(town: carla.Map, part: Part) -> list[carla.Waypoint]:
    """Places on the driving lanes, two metres apart."""
    lanes = town.generate_waypoints(2.0)
    x_m = np.array([place.transform.location.x for place in lanes])
    if part is Part.ALL:
        return lanes
    west = x_m < np.median(x_m)
    return [place for place, is_west in zip(lanes, west) if is_west == (part is Part.WEST)]


def _pose(lanes: list[carla.Waypoint], vehicles: Sequence[carla.Actor], rng: np.random.Generator) -> carla.Transform:
    """A driver's eye, more or less: on or beside a lane, mostly along it, sometimes anywhere."""
    taken_m = np.array([(place.x, place.y) for place in (car.get_location() for car in vehicles)]).reshape(-1, 2)
    while True:
        base = lanes[int(rng.integers(len(lanes)))].transform
        aside_m, yaw_rad = float(rng.uniform(-2.5, 2.5)), math.radians(base.rotation.yaw)
        x = base.location.x - aside_m * math.sin(yaw_rad)
        y = base.location.y + aside_m * math.cos(yaw_rad)
        if np.hypot(*(taken_m - (x, y)).T).min(initial=np.inf) > _CLEAR_M:
            break
    turn_deg = float(rng.uniform(-180.0, 180.0) if rng.random() < 0.25 else rng.normal(0.0, 12.0))
    return carla.Transform(
        carla.Location(x=x, y=y, z=base.location.z + float(rng.uniform(1.2, 2.4))),
        carla.Rotation(
            pitch=float(rng.uniform(-12.0, 4.0)), yaw=base.rotation.yaw + turn_deg, roll=float(rng.normal(0.0, 1.0))
        ),
    )
