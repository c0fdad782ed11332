"""`Scenario`: what every scenario type is: it begins, has ticks, and ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from carla_agents.simulator.frame import Control
from scenarios.parameters import Parameter, Place, Values
from scenarios.scene import Moment, Scene

Command = Any
"""One of `carla.command`; the package has no common type for them."""

PlaceKind = Literal["road", "left", "right", "straight", "turn", "exit", "bay"]


class Scenario(ABC):
    """Base of all types; a type fills in `begin` and `tick`.

    Args:
        values: the parameters from the route file, checked.

    Attributes:
        summary: what happens, in one sentence.
        parameters: what a route file may say.
        place: where it happens: on a stretch of road, or at a junction that the ego passes in some direction; before
            an `exit` it first changes into the lane on its right, from a `bay` it begins its drive.
        stands_in_lane: True if something stands in the ego's own lane, where the parameters leave a choice.
        oncoming_lane_allowed: True if passing needs the lane of the oncoming traffic; driving there is then no
            infraction while the scenario runs.
        end_m: where along the ego's route the scenario is behind it; set by `begin`.
    """

    summary: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    place: ClassVar[PlaceKind] = "road"
    stands_in_lane: ClassVar[bool] = False
    oncoming_lane_allowed: ClassVar[bool] = False

    def __init__(self, values: Values) -> None:
        self.values = values
        self.scene: Scene
        self.end_m = 0.0

    @abstractmethod
    def begin(self, scene: Scene) -> None:
        """Puts the scenario's actors into the world, some time before the ego reaches the trigger.

        Raises:
            ScenarioError: the place has not what the scenario needs, or is taken.
        """

    def places(self) -> dict[str, Place]:
        """The places that `begin` found on the map, by the names that route files have for them; few types have any.

        CARLA's ScenarioRunner does not look for them: there the route file has to name them.
        """
        return {}

    def tick(self, moment: Moment) -> list[Command]:
        """What the scenario's actors do next; called every tick from `begin` on."""
        return []

    def disturb(self, control: Control, moment: Moment) -> Control:
        """The ego's control as the road makes it; called every tick after the trigger."""
        return control

    def over(self, moment: Moment) -> bool:
        """Whether the ego is past it."""
        return moment.ego_m > self.end_m

    def failed_to_yield(self) -> bool:
        """Asked once when it is over: whether the ego blocked an emergency vehicle."""
        return False

    def end(self) -> None:
        """Takes the scenario's actors out of the world and undoes what it changed."""
        self.scene.clear()
