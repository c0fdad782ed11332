"""Planned drives are a function of the seed; steering noise pushes gently and leaves the record clean."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from carla_agents.data.drives import Drive, plan_drives
from carla_agents.data.steering_noise import SteeringNoise, SteeringNoiseConfig
from carla_agents.simulator.frame import Control

_WEATHERS = {"clear-day": [0.0] * 14, "rain-night": [1.0] * 14}


def test_drives_take_turns_over_conditions_and_have_different_seeds():
    drives = plan_drives({"clear-day": 3, "rain-night": 1}, _WEATHERS, seed=5)
    assert [d.route_id for d in drives] == [
        "train-0000-clear-day",
        "train-0000-rain-night",
        "train-0001-clear-day",
        "train-0002-clear-day",
    ]
    assert len({d.seed for d in drives}) == 4
    assert drives == plan_drives({"clear-day": 3, "rain-night": 1}, _WEATHERS, seed=5)
    assert drives[0].seed != plan_drives({"clear-day": 1}, _WEATHERS, seed=6)[0].seed
    assert drives[0].seed != plan_drives({"clear-day": 1}, _WEATHERS, seed=5, split="val")[0].seed


def test_more_drives_extend_a_plan_without_changing_its_beginning():
    few = plan_drives({"clear-day": 2}, _WEATHERS, seed=5)
    assert plan_drives({"clear-day": 4}, _WEATHERS, seed=5)[:2] == few


def test_paired_drives_share_their_seed_over_conditions():
    drives = plan_drives({"clear-day": 2, "rain-night": 2}, _WEATHERS, seed=5, paired=True)
    assert drives[0].seed == drives[1].seed != drives[2].seed == drives[3].seed


def test_impossible_drives_are_refused_by_name():
    with pytest.raises(ValueError, match="snow-day"):
        plan_drives({"snow-day": 1}, _WEATHERS, seed=0)
    with pytest.raises(ValueError, match="14"):
        Drive("r", "clear-day", (1.0,), 0)
    with pytest.raises(ValueError, match="at least 2"):
        Drive("r", "clear-day", (0.0,) * 14, 0, places_in_world_m=((0.0, 0.0, 0.0),))
    with pytest.raises(ValueError, match="route_id"):
        Drive("../r", "clear-day", (0.0,) * 14, 0)


def _pushes(config: SteeringNoiseConfig, seed: int, speed_mps: float = 8.0, ticks: int = 4000) -> np.ndarray:
    noise = SteeringNoise(config, seed, 0.05)
    return np.array([noise.push(Control(steer=0.1, throttle=0.3), speed_mps).steer - 0.1 for _ in range(ticks)])


def test_pushes_come_in_bursts_to_both_sides_and_are_a_function_of_the_seed():
    pushes = _pushes(SteeringNoiseConfig(mean_pause_s=3.0), seed=1)
    assert 0.05 < (pushes != 0).mean() < 0.5
    assert pushes.max() > 0.01
    assert pushes.min() < -0.01
    assert (pushes == _pushes(SteeringNoiseConfig(mean_pause_s=3.0), seed=1)).all()
    assert (pushes != _pushes(SteeringNoiseConfig(mean_pause_s=3.0), seed=2)).any()


def test_faster_cars_are_pushed_by_smaller_wheel_angles_and_standing_ones_not_at_all():
    config = SteeringNoiseConfig(mean_pause_s=3.0)
    assert np.abs(_pushes(config, 1, speed_mps=14.0)).max() < np.abs(_pushes(config, 1, speed_mps=6.0)).max()
    assert not _pushes(config, 1, speed_mps=0.5).any()
    assert not _pushes(SteeringNoiseConfig(mean_pause_s=0.0), 1).any()
    assert np.abs(_pushes(dataclasses.replace(config, lateral_mps2=(50.0, 50.0)), 1)).max() <= config.max_steer


def test_noise_settings_out_of_range_are_named():
    with pytest.raises(ValueError, match="duration_s"):
        SteeringNoiseConfig(duration_s=(2.0, 1.0))
