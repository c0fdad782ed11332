"""Poses agree with CARLA's own transforms."""

import math

import carla
import numpy as np
import pytest

from carla_agents.simulator.vehicle_state import VehicleState


def state(x: float, y: float, z: float, pitch: float, yaw: float, roll: float) -> VehicleState:
    rotation = (math.radians(pitch), math.radians(yaw), math.radians(roll))
    return VehicleState(1, 0.0, x, y, z, *rotation, (3.0, 4.0, 0.0), 0.0, (0.0, 0.0, 0.0))


@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 90, 0), (5, -130, 3), (-12, 33, -7)])
def test_the_matrix_is_the_one_of_carla(angles: tuple[float, float, float]) -> None:
    pitch, yaw, roll = angles
    transform = carla.Transform(carla.Location(1, 2, 3), carla.Rotation(pitch=pitch, yaw=yaw, roll=roll))
    np.testing.assert_allclose(state(1, 2, 3, pitch, yaw, roll).ego_to_world, transform.get_matrix(), atol=1e-5)


def test_a_point_to_the_right_has_a_positive_second_coordinate() -> None:
    ego = state(10, 0, 0, 0, 90, 0)  # facing +y; its right is -x
    np.testing.assert_allclose(ego.to_ego(np.array([8.0, 5.0])), [5.0, 2.0], atol=1e-9)


def test_speed_is_the_forward_part_of_the_velocity() -> None:
    assert state(0, 0, 0, 0, 90, 0).speed_mps == pytest.approx(4.0)
    assert state(0, 0, 0, 0, 180, 0).speed_mps == pytest.approx(-3.0)
