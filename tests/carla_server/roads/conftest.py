from __future__ import annotations

import pytest

from carla_server.roads.lane_strips import lane_strips
from carla_server.roads.read_opendrive import parse_opendrive
from carla_server.roads.towns import load_town


@pytest.fixture(scope="session")
def town():
    return load_town("TownGrid")


@pytest.fixture(scope="session")
def parsed(town):
    return parse_opendrive(town.opendrive)


@pytest.fixture(scope="session")
def strips(parsed):
    return lane_strips(parsed)
