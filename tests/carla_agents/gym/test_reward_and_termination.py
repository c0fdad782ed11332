"""Reward terms and ends of episodes are pure and named."""

import numpy as np
import pytest

from carla_agents.gym.reward import RewardConfig, StepFacts, reward_terms
from carla_agents.gym.spaces import action_space, control_from, observation_space, plan_from
from carla_agents.gym.termination import Termination, TerminationConfig


def facts(**changes) -> StepFacts:
    usual = {
        "progress_m": 0.4,
        "lateral_m": -0.5,
        "speed_mps": 8.0,
        "wanted_mps": 10.0,
        "steer_change": 0.0,
        "collisions": 0,
        "red_lights": 0,
        "finished": False,
    }
    return StepFacts(**{**usual, **changes})


def test_every_term_has_the_sign_of_its_meaning() -> None:
    terms = reward_terms(
        facts(collisions=2, red_lights=1, finished=True, speed_mps=12.0, steer_change=-0.3), RewardConfig()
    )
    assert {name for name, value in terms.items() if value > 0} == {"progress", "finished"}
    assert {name for name, value in terms.items() if value < 0} == {
        "lateral",
        "speeding",
        "jerk",
        "collision",
        "red_light",
    }


def test_a_calm_step_is_rewarded_for_its_progress_only() -> None:
    terms = reward_terms(facts(lateral_m=0.0), RewardConfig())
    assert sum(terms.values()) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("collision", {"collided": True}),
        ("finished", {"remaining_m": 1.0}),
        ("off_route", {"lateral_m": -5.0}),
        (None, {}),
        (None, {"ran_red": True}),
    ],
)
def test_the_reason_of_an_end_is_named(reason: str | None, changes: dict) -> None:
    usual = {"speed_mps": 5.0, "lateral_m": 0.0, "remaining_m": 90.0, "collided": False, "ran_red": False}
    assert Termination(TerminationConfig()).check(0.05, **{**usual, **changes}) == reason


def test_standing_too_long_ends_the_episode_but_moving_resets_the_clock() -> None:
    termination = Termination(TerminationConfig(blocked_s=1.0))
    standing = {"speed_mps": 0.0, "lateral_m": 0.0, "remaining_m": 90.0, "collided": False, "ran_red": False}
    for _ in range(19):
        assert termination.check(0.05, **standing) is None
    assert termination.check(0.05, **{**standing, "speed_mps": 3.0}) is None
    reasons = [termination.check(0.05, **standing) for _ in range(21)]
    assert reasons[-1] == "blocked"


def test_spaces_hold_what_was_asked_for() -> None:
    space = observation_space(32, 16, rgb=True, seg=True)
    assert space["rgb"].shape == (16, 32, 3)
    assert space["seg"].shape == (16, 32, 1)
    assert "seg" not in observation_space(32, 16, rgb=True, seg=False).spaces
    with pytest.raises(ValueError, match="'joystick'"):
        action_space("joystick")


def test_actions_become_controls_and_plans() -> None:
    control = control_from(np.array([2.0, -1.0, 0.5], np.float32))
    assert (control.steer, control.throttle, control.brake) == (1.0, 0.0, 0.5)
    plan = plan_from(np.array([[2, 0], [4, 0], [6, 0], [8, 0]], np.float32))
    assert plan.target_speed_mps == pytest.approx(4.0)
