"""The last drawn instant, shown again under other weathers: what `syndiff.relight` answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from carla_server.render.actors import VehicleLight
from carla_server.render.camera import CameraView
from carla_server.render.lens import Lens
from carla_server.wire.structs import InvalidArgument, Pose

MAX_CONDITIONS = 64
"""Most weathers in one call."""
MAX_PICTURE_BYTES = 32 << 20
"""Most bytes of pictures in one call; a reader may leave 40 MiB waiting."""


@dataclass(frozen=True)
class RelitCondition:
    """One condition to show an instant under.

    Attributes:
        weather: 14 numbers in the order of `carla.WeatherParameters`.
        light_states: actor id -> `carla.VehicleLightState` bits that vehicle has in this condition, as if
            `set_light_state` had been called before the tick; the others keep what they have. Brake lights follow the
            pedal in any case.
    """

    weather: Sequence[float]
    light_states: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DrawnInstant:
    """What cameras drew last.

    Attributes:
        frame: world frame of the tick.
        elapsed_s: seconds in the episode.
        noise_seed: of the pictures.
        actors: (N,) ACTOR_DTYPE as drawn; vehicles come first.
        vehicle_ids: actor ids of the first rows.
        braking: (V,) bool, which vehicles had their foot on the brake.
        poses: actor id of each camera that sent a picture -> where it stood.
        captions: texts that colour pictures show.
        flows: actor id of each colour camera that blurs -> (H, W, 2) flow since its last picture.
    """

    frame: int
    elapsed_s: float
    noise_seed: int
    actors: np.ndarray
    vehicle_ids: Sequence[int]
    braking: np.ndarray
    poses: Mapping[int, Pose]
    captions: Sequence
    flows: Mapping[int, np.ndarray]

    def actors_with(self, light_states: Mapping[int, int]) -> np.ndarray:
        """(N,) ACTOR_DTYPE with other lamps.

        Raises:
            InvalidArgument: an id is no vehicle of this instant.
        """
        actors = self.actors.copy()
        row_of = {actor_id: row for row, actor_id in enumerate(self.vehicle_ids)}
        for actor_id, bits in light_states.items():
            row = row_of.get(actor_id)
            if row is None:
                raise InvalidArgument(f"actor {actor_id} was no vehicle of frame {self.frame}: it has no lamps")
            actors["lights"][row] = bits | int(VehicleLight.BRAKE) if self.braking[row] else bits
        return actors


class RelightSource(Protocol):
    """What this file needs of `carla_server.render.Renderer`."""

    def set_actors(self, actors: np.ndarray) -> None:
        """Take (N,) ACTOR_DTYPE."""

    def relight(
        self,
        camera: CameraView,
        pose6: Sequence[float],
        weathers: Sequence[Sequence[float]],
        elapsed_s: float,
        frame: int,
        lens: Lens,
    ) -> list[np.ndarray]:
        """Draw (H, W, 4) uint8 BGRA for each weather."""


def check_size(view: CameraView, count: int) -> None:
    """Refuse what would not fit into one answer.

    Raises:
        InvalidArgument: too many conditions, or too many bytes.
    """
    if not 1 <= count <= MAX_CONDITIONS:
        raise InvalidArgument(f"relight was asked for {count} conditions, it makes 1 .. {MAX_CONDITIONS} in one call")
    wanted = count * view.width_px * view.height_px * 4
    if wanted > MAX_PICTURE_BYTES:
        raise InvalidArgument(
            f"{count} pictures of {view.width_px}x{view.height_px} are {wanted} bytes, one call answers with at most "
            f"{MAX_PICTURE_BYTES}: ask for fewer conditions at a time"
        )


def relit_pictures(
    renderer: RelightSource,
    drawn: DrawnInstant,
    view: CameraView,
    pose: Pose,
    conditions: Sequence[RelitCondition],
    lens: Lens,
) -> list[np.ndarray]:
    """One (H, W, 4) uint8 BGRA picture a condition; conditions with equal lamps share one geometry pass.

    Raises:
        InvalidArgument: a condition gives lamps to something that is no vehicle.
    """
    groups: dict[tuple, list[int]] = {}
    for index, condition in enumerate(conditions):
        groups.setdefault(tuple(sorted(condition.light_states.items())), []).append(index)
    lit = {lamps: drawn.actors_with(dict(lamps)) for lamps in groups}
    pictures: dict[int, np.ndarray] = {}
    try:
        for lamps, members in groups.items():
            renderer.set_actors(lit[lamps])
            weathers = [conditions[index].weather for index in members]
            made = renderer.relight(view, pose, weathers, drawn.elapsed_s, drawn.noise_seed, lens)
            pictures.update(zip(members, made, strict=True))
    finally:
        renderer.set_actors(drawn.actors)
    return [pictures[index] for index in range(len(conditions))]
