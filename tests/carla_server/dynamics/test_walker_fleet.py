"""Walkers walk where they are told, stay on the ground, and follow CARLA's navigation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_fields import FLAT, Plane

from carla_server.dynamics import WalkerFleet

PERSON = (0.19, 0.19, 0.93)


def one_walker(z_m: float = 0.93) -> WalkerFleet:
    fleet = WalkerFleet()
    fleet.add(1, PERSON, (0.0, 0.0, z_m, 0.0, 0.0, 0.0))
    return fleet


def test_a_walker_walks_at_its_speed_and_turns_into_its_direction() -> None:
    fleet = one_walker()
    fleet.set_control(1, (0.0, 2.0, 0.0, 1.4, 0.0))
    for _ in range(40):
        fleet.step(0.05, FLAT)
    assert fleet.position_m[0] == pytest.approx([0.0, 2.8, 0.93], abs=1e-9)
    assert fleet.velocity_mps[0] == pytest.approx([0.0, 1.4, 0.0], abs=1e-9)
    assert fleet.rotation_rad[0, 1] == pytest.approx(math.pi / 2)
    assert fleet.stride_m[0] == pytest.approx(2.8)


def test_a_walker_keeps_its_feet_on_a_hill() -> None:
    fleet = one_walker()
    fleet.set_control(1, (1.0, 0.0, 0.0, 2.0, 0.0))
    for _ in range(40):
        fleet.step(0.05, Plane(rise_x=0.1))
    assert fleet.position_m[0, 2] == pytest.approx(0.1 * fleet.position_m[0, 0] + 0.93)


def test_a_walker_spawned_in_the_air_falls_to_the_ground_and_a_jump_comes_down_again() -> None:
    fleet = one_walker(z_m=2.5)
    for _ in range(40):
        fleet.step(0.05, FLAT)
    assert fleet.position_m[0, 2] == pytest.approx(0.93)
    fleet.set_control(1, (0.0, 0.0, 0.0, 0.0, 1.0))
    heights = []
    for _ in range(40):
        fleet.step(0.05, FLAT)
        heights.append(fleet.position_m[0, 2])
    assert 1.4 < max(heights) < 2.2
    assert heights[-1] == pytest.approx(0.93)


def test_navigation_sets_the_feet_and_the_speed_and_control_stops_being_obeyed() -> None:
    fleet = one_walker()
    fleet.set_control(1, (0.0, 1.0, 0.0, 3.0, 0.0))
    for tick in range(10):
        fleet.set_state(1, (0.07 * (tick + 1), 0.0, 2.0, 0.0, 0.0, 0.0), 1.4)
        fleet.step(0.05, FLAT)
    assert fleet.position_m[0] == pytest.approx([0.7, 0.0, 2.0 + 0.93])
    assert fleet.velocity_mps[0] == pytest.approx([1.4, 0.0, 0.0], abs=1e-6)
    assert fleet.control[0, 3] == pytest.approx(1.4)
    fleet.set_control(1, (0.0, 1.0, 0.0, 2.0, 0.0))
    fleet.step(0.05, FLAT)
    assert fleet.position_m[0, 1] == pytest.approx(0.1)


def test_navigation_that_is_a_little_off_still_puts_the_feet_on_the_ground() -> None:
    fleet = one_walker()
    for foot_m in (0.2, -0.3):
        fleet.set_state(1, (1.0, 0.0, foot_m, 0.0, 0.0, 0.0), 1.4)
        fleet.step(0.05, FLAT)
        assert fleet.position_m[0, 2] == pytest.approx(0.93)


def test_a_fallen_walker_lies_on_the_ground_and_obeys_nobody() -> None:
    fleet = one_walker()
    fleet.step(0.05, FLAT)
    fleet.fall(1)
    fleet.set_control(1, (0.0, 1.0, 0.0, 3.0, 0.0))
    fleet.set_state(1, (5.0, 5.0, 0.0, 0.0, 0.0, 0.0), 1.4)
    for _ in range(10):
        fleet.step(0.05, FLAT)
    assert fleet.position_m[0] == pytest.approx([0.0, 0.0, fleet.extent_m[0, 0]])
    assert abs(fleet.rotation_rad[0, 0]) == pytest.approx(np.pi / 2)
    assert (fleet.velocity_mps[0] == 0.0).all()


def test_a_teleport_is_no_velocity() -> None:
    fleet = one_walker()
    fleet.step(0.05, FLAT)
    fleet.set_pose(1, (50.0, 0.0, 0.93, 0.0, 0.0, 0.0))
    fleet.step(0.05, FLAT)
    assert (fleet.velocity_mps[0] == 0.0).all()


def test_bad_walker_commands_are_refused() -> None:
    fleet = one_walker()
    with pytest.raises(ValueError, match="walker control"):
        fleet.set_control(1, (math.nan, 0.0, 0.0, 1.0, 0.0))
    with pytest.raises(KeyError, match="9"):
        fleet.set_control(9, (1.0, 0.0, 0.0, 1.0, 0.0))
    with pytest.raises(ValueError, match="this actor already"):
        fleet.add(1, PERSON, (0.0,) * 6)
    assert np.isfinite(fleet.position_m).all()
