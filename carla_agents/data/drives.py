"""`Drive`: one recording to be made, and how many drives are planned over conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carla_agents.data.records import check_id
from carla_agents.driving.traffic import derive_seed


@dataclass(frozen=True)
class PairedCondition:
    """A condition whose true variants are kept beside every frame of a drive: its name and 14 numbers of weather."""

    condition: str
    weather: tuple[float, ...]

    def __post_init__(self) -> None:
        check_id(self.condition, "condition")
        if len(self.weather) != 14:
            raise ValueError(f"weather of {self.condition} has {len(self.weather)} numbers, CARLA has 14")


@dataclass(frozen=True)
class Drive:
    """One drive: where, in which weather, with which traffic.

    Attributes:
        route_id: name in the store.
        condition: name of the weather and light.
        weather: 14 numbers in CARLA's order.
        seed: decides the route (where no places are given), the traffic and the steering noise.
        split: e.g. `train`.
        places_in_world_m: (x, y, z) to drive through in order, at least two; None drives a random route.
        pairs: conditions that every frame is shown under too; the drive's own is left out.
    """

    route_id: str
    condition: str
    weather: tuple[float, ...]
    seed: int
    split: str = "train"
    places_in_world_m: tuple[tuple[float, float, float], ...] | None = None
    pairs: tuple[PairedCondition, ...] = ()

    def __post_init__(self) -> None:
        for name in ("route_id", "condition", "split"):
            check_id(getattr(self, name), name)
        if len(self.weather) != 14:
            raise ValueError(f"weather of drive {self.route_id} has {len(self.weather)} numbers, CARLA has 14")
        if self.places_in_world_m is not None and len(self.places_in_world_m) < 2:
            raise ValueError(
                f"drive {self.route_id} has {len(self.places_in_world_m)} place(s), at least 2 are needed"
            )
        names = [pair.condition for pair in self.pairs]
        if len(set(names)) != len(names):
            raise ValueError(f"pairs of drive {self.route_id} are {names}; each condition may be named once")

    @property
    def other_pairs(self) -> tuple[PairedCondition, ...]:
        """The paired conditions without the drive's own, whose true picture is the frame itself."""
        return tuple(pair for pair in self.pairs if pair.condition != self.condition)


def plan_drives(
    counts: Mapping[str, int],
    weathers: Mapping[str, Sequence[float]],
    seed: int,
    *,
    split: str = "train",
    paired: bool = False,
    pairs: Sequence[PairedCondition] = (),
) -> list[Drive]:
    """Random drives over conditions.

    Args:
        counts: condition -> number of drives.
        weathers: condition -> 14 numbers in CARLA's order.
        seed: of the run.
        split: recorded with every drive; another split gives other routes.
        paired: the n-th drives of all conditions have the same route and traffic, so that on the embedded server
            their frames show the same instants under different weather.
        pairs: conditions that every frame is shown under too.

    Returns:
        drives in a fixed order, conditions taking turns.

    Raises:
        ValueError: a condition without weather, or a negative count.
    """
    for condition, count in counts.items():
        if condition not in weathers or count < 0:
            raise ValueError(f"{count} drives in condition {condition!r}: known conditions are {sorted(weathers)}")
    drives = []
    for number in range(max(counts.values(), default=0)):
        for condition, count in counts.items():
            if number < count:
                purpose = f"drive/{split}/{number}" if paired else f"drive/{split}/{condition}/{number}"
                drives.append(
                    Drive(
                        route_id=f"{split}-{number:04d}-{condition}",
                        condition=condition,
                        weather=tuple(float(v) for v in weathers[condition]),
                        seed=derive_seed(seed, purpose),
                        split=split,
                        pairs=tuple(pairs),
                    )
                )
    return drives
