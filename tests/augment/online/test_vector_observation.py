"""One synthesizer behind many environments, in this process or in others, shows each what it would see alone."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import carla_agents  # noqa: F401 - registers the environment
from augment.online.augmenter import OnlineAugmenter
from augment.online.config import OnlineConfig
from augment.online.drive_augmenter import DriveAugmenter
from augment.online.schedule import Schedule
from augment.online.vector_observation import AugmentVectorObservation

from .conftest import CAMERA, Darken, darker
from .drawn_drive import DrawnDrive

CONDITIONS = ("rain-night", "fog-day", "clear-night")
STEPS = 7


def alone(seed):
    """What one environment sees through an augmenter of its own, next-step reset: pictures, conditions, outcomes."""
    drive = DriveAugmenter(OnlineAugmenter(Darken(), Schedule(CONDITIONS), OnlineConfig(every=2)), CAMERA)
    env = DrawnDrive()
    seen, ended, first = [], True, True
    for _ in range(STEPS):
        if ended:
            _, info = env.reset(seed=seed if first else None)
            drive.begin(seed=seed if first else None)
            ended, first = False, False
        else:
            _, _, ended, _, info = env.step(None)
        picture, account = drive.show({0: info["frame"]})[0]
        seen.append((picture, account.condition, account.outcome.value, account.seed))
    return seen


@pytest.mark.parametrize(
    "make",
    [SyncVectorEnv, partial(AsyncVectorEnv, context="spawn"), partial(AsyncVectorEnv, context="fork")],
    ids=["sync", "spawn", "fork"],
)
def test_each_environment_sees_what_it_would_see_alone(make):
    darken = Darken()
    envs = AugmentVectorObservation(make([DrawnDrive] * 3), CONDITIONS, darken, every=2)
    wanted = [alone(5 + k) for k in range(3)]
    observations, infos = envs.reset(seed=5)
    for step in range(STEPS):
        if step:
            observations, _, _, _, infos = envs.step(np.zeros((3, 1), np.float32))
        for k in range(3):
            picture, condition, outcome, seed = wanted[k][step]
            np.testing.assert_array_equal(observations["rgb"][k], picture)
            told = infos["augment"][k]
            assert (told["condition"], told["outcome"], told["seed"]) == (condition, outcome, seed)
    assert max(darken.calls) == 3, "due frames go through one batch"
    envs.close()


def test_with_same_step_resets_the_final_picture_belongs_to_the_episode_that_ends():
    made = SyncVectorEnv([DrawnDrive, partial(DrawnDrive, 2)], autoreset_mode=AutoresetMode.SAME_STEP)
    envs = AugmentVectorObservation(made, CONDITIONS, Darken())
    envs.reset(seed=1)
    envs.step(np.zeros((2, 1), np.float32))
    observations, _, terminated, _, infos = envs.step(np.zeros((2, 1), np.float32))
    assert terminated.tolist() == [False, True]
    final = infos["final_info"]["frame"][1]
    np.testing.assert_array_equal(infos["final_obs"][1]["rgb"], darker(final.rgb))
    assert infos["final_info"]["augment"][1]["outcome"] == "fresh"
    np.testing.assert_array_equal(observations["rgb"][1], darker(infos["frame"][1].rgb))
    assert infos["frame"][1].frame_id == 0
    envs.close()


def test_environments_that_are_reset_by_hand_begin_new_episodes_alone():
    made = SyncVectorEnv([DrawnDrive] * 2, autoreset_mode=AutoresetMode.DISABLED)
    envs = AugmentVectorObservation(made, CONDITIONS, Darken(), every=5)
    envs.reset(seed=1)
    envs.step(np.zeros((2, 1), np.float32))
    _, infos = envs.reset(options={"reset_mask": np.array([False, True])})
    assert infos["augment"][0] is None
    assert infos["augment"][1]["outcome"] == "fresh"
    _, _, _, _, infos = envs.step(np.zeros((2, 1), np.float32))
    assert [told["age_ticks"] for told in infos["augment"]] == [2, 1]
    envs.close()


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="shows no rgb"):
        AugmentVectorObservation(gymnasium.make_vec("CartPole-v1", 2))
    with pytest.raises(ValueError, match="wrap each environment in AugmentObservation"):
        AugmentVectorObservation(SyncVectorEnv([DrawnDrive]), synthesizer="relight")


@pytest.mark.slow
@pytest.mark.parametrize("context", ["spawn", "fork"])
def test_simulators_in_other_processes_share_one_synthesizer(context):
    small = {"width_px": 64, "height_px": 48, "seg": True, "depth": True, "action_type": "control"}
    made = gymnasium.make_vec("carla_agents:Drive-v0", 2, "async", vector_kwargs={"context": context}, **small)
    envs = AugmentVectorObservation(made, ("rain-night",), every=2)
    observations, infos = envs.reset(seed=3)
    for _ in range(3):
        observations, _, _, _, infos = envs.step(np.tile(np.array([0.0, 0.5, 0.0], np.float32), (2, 1)))
    assert [told["outcome"] for told in infos["augment"]] == ["warped"] * 2
    assert observations["rgb"].mean() < 0.7 * np.mean([frame.rgb for frame in infos["frame"]])
    envs.close()
