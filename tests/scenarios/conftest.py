"""Maps to find places on, and one simulator without cameras."""

from collections.abc import Iterator
from importlib.resources import files

import carla
import pytest

from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.session import Session, SimulatorConfig


@pytest.fixture(scope="session")
def grid_map() -> carla.Map:
    return carla.Map("TownGrid", (files("carla_server") / "towns" / "TownGrid.xodr").read_text())


@pytest.fixture(scope="session")
def grid_planner(grid_map: carla.Map) -> RoutePlanner:
    return RoutePlanner(grid_map)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session.embedded(SimulatorConfig(map_name="TownGrid", rendering=False)) as opened:
        yield opened
