"""Maps to plan on: the shipped town, and CARLA's own towns where their data is at hand."""

from importlib.resources import files
from pathlib import Path

import carla
import pytest

_REAL_TOWNS = Path(__file__).parents[4] / "shared" / "data" / "carla_towns"


@pytest.fixture(scope="session")
def town_grid() -> carla.Map:
    return carla.Map("TownGrid", (files("carla_server") / "towns" / "TownGrid.xodr").read_text())


@pytest.fixture(scope="session", params=["Town01", "Town10HD"])
def real_town(request: pytest.FixtureRequest) -> carla.Map:
    path = _REAL_TOWNS / f"{request.param}.xodr"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    return carla.Map(request.param, path.read_text())
