"""The controller brings a simple car onto its path and to its speed, on the correct side."""

import math

import numpy as np
import pytest

from carla_agents.driving.control import ControllerConfig, WaypointController, aim_point
from carla_agents.policies.base import Plan


def straight_plan(lateral_m: float, speed_mps: float = 5.0) -> Plan:
    forward = np.arange(1, 5) * speed_mps * 0.5
    return Plan(np.stack((forward, np.full(4, lateral_m)), axis=-1).astype(np.float32), speed_mps)


def test_waypoints_to_the_right_steer_right_and_to_the_left_left() -> None:
    controller = WaypointController()
    assert controller.control(straight_plan(1.0), 5.0).steer > 0.01
    assert controller.control(straight_plan(-1.0), 5.0).steer < -0.01
    assert controller.control(straight_plan(0.0), 5.0).steer == pytest.approx(0.0, abs=1e-6)


def test_steering_mirrors_exactly() -> None:
    left = WaypointController().control(straight_plan(-1.5), 4.0)
    right = WaypointController().control(straight_plan(1.5), 4.0)
    assert left.steer == pytest.approx(-right.steer)


def test_throttle_and_brake_are_never_pressed_together() -> None:
    controller = WaypointController()
    for speed in np.linspace(0.0, 12.0, 25):
        control = controller.control(straight_plan(0.0, 5.0), float(speed))
        assert control.throttle == 0.0 or control.brake == 0.0
        assert 0.0 <= control.throttle <= 1.0
        assert 0.0 <= control.brake <= 1.0


def test_a_plan_to_stand_holds_the_brake() -> None:
    plan = Plan(np.zeros((4, 2), np.float32), 0.0)
    assert WaypointController().control(plan, 0.0).brake > 0.3
    assert WaypointController().control(plan, 6.0).brake > 0.5


def test_the_aim_point_of_a_short_path_lies_straight_on() -> None:
    x, y = aim_point(np.array([[0.0, 0.0], [1.0, 1.0]]), 4.0 * math.sqrt(2.0))
    assert (x, y) == pytest.approx((4.0, 4.0), abs=0.01)


def test_a_kinematic_car_converges_onto_a_line_and_to_its_speed() -> None:
    config = ControllerConfig()
    controller = WaypointController(0.05, config)
    x, y, yaw, speed = 0.0, 2.0, 0.3, 0.0
    for _ in range(300):
        ahead = np.arange(0.0, 16.0)
        dx, dy = ahead, np.full(16, -y)
        path = np.stack((dx * math.cos(yaw) + dy * math.sin(yaw), dy * math.cos(yaw) - dx * math.sin(yaw)), axis=-1)
        control = controller.follow(path, 7.0, speed)
        speed = max(speed + 0.05 * (4.0 * control.throttle - 8.0 * control.brake - 0.02 * speed), 0.0)
        slip = math.atan(0.5 * math.tan(control.steer * config.max_steer_rad))
        yaw += 0.05 * speed * math.sin(slip) / (config.wheelbase_m / 2)
        x += 0.05 * speed * math.cos(yaw + slip)
        y += 0.05 * speed * math.sin(yaw + slip)
    assert abs(y) < 0.05
    assert abs(yaw) < 0.02
    assert speed == pytest.approx(7.0, abs=0.2)


def test_bad_settings_name_the_field() -> None:
    with pytest.raises(ValueError, match="wheelbase_m is 0"):
        ControllerConfig(wheelbase_m=0.0)
