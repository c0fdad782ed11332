"""Which sensors there are for whom."""

from __future__ import annotations

import pytest

from carla_server.wire.layouts import LAYOUTS
from carla_server.wire.structs import InvalidArgument
from carla_server.world.blueprints import SENSORS
from carla_server.world.spawning import MEASURED_BY_CLIENT, SENSOR_FAMILIES


def test_every_sensor_of_the_library_is_measured():
    assert set(SENSORS) == {*SENSOR_FAMILIES, MEASURED_BY_CLIENT}
    assert set(SENSOR_FAMILIES.values()) <= set(LAYOUTS["0.9.16"].sensor_type_ids)


def test_a_sensor_that_an_older_client_cannot_read_is_refused_by_version(make_stage):
    stage = make_stage(layout=LAYOUTS["0.9.15"])
    with pytest.raises(InvalidArgument, match=r"clients of version 0\.9\.15 cannot read .*cosmos"):
        stage.add("sensor.camera.cosmos_visualization", 0.0, 0.0, 2.0)


def test_cameras_without_a_renderer_are_refused_and_scanners_are_not(stage):
    with pytest.raises(InvalidArgument, match="--no-rendering"):
        stage.add("sensor.camera.normals", 0.0, 0.0, 2.0)
    assert len(stage.measured(stage.add("sensor.lidar.ray_cast", 0.0, 0.0, 2.0))) == 1
