"""Wrapped environments: variants in the observation, the account in `info`, the simulator usable whatever happens."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import carla_agents  # noqa: F401 - registers the environment
from augment.conditions import HELD_OUT
from augment.online.observation import AugmentObservation
from augment.online.synthesis import SynthesisFailed
from augment.synthesizers.relight import LiveTruth, live_frame_key
from carla_agents.simulator.relighter import Relighter

from .conftest import Darken, darker

GAS = np.array([0.0, 0.6, 0.0], np.float32)
SMALL = {"width_px": 64, "height_px": 48, "seg": True, "depth": True, "action_type": "control", "max_steps": 50}


def make(**options):
    return AugmentObservation(gymnasium.make("carla_agents:Drive-v0", disable_env_checker=True, **SMALL), **options)


@pytest.fixture(scope="module")
def shared():
    """One environment for several wrappers; starting a simulator is what costs."""
    env = gymnasium.make("carla_agents:Drive-v0", disable_env_checker=True, **SMALL)
    env.reset(seed=0)  # the clock of a server's first episode is another one, and so are its clouds
    yield env
    env.close()


def test_a_drive_is_shown_under_another_condition_and_the_same_seed_shows_the_same(shared):
    seen = []
    for _ in range(2):
        env = AugmentObservation(shared, ("rain-night", "fog-day"), every=2)
        observation, info = env.reset(seed=4)
        pictures, told = [observation["rgb"]], [info["augment"]]
        for _ in range(3):
            observation, _, _, _, info = env.step(GAS)
            pictures.append(observation["rgb"])
            told.append(info["augment"])
        assert env.observation_space.contains(observation)
        assert not np.array_equal(observation["rgb"], info["frame"].rgb)
        seen.append((np.stack(pictures), told))
    assert [t["outcome"] for t in seen[0][1]] == ["fresh", "warped", "fresh", "warped"]
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    assert [t["seed"] for t in seen[0][1]] == [t["seed"] for t in seen[1][1]]


def test_relight_runs_through_the_same_wrapper_and_is_the_simulators_answer(shared):
    env = AugmentObservation(shared, ("rain-night",), synthesizer="relight")
    env.reset(seed=2)
    observation, _, _, _, info = env.step(GAS)
    assert info["augment"]["outcome"] == "fresh"
    assert info["augment"]["synthesizer"] == "relight"
    drive = shared.unwrapped
    with Relighter(drive.session) as relighter:
        truth = LiveTruth(relighter, drive.camera_id, drive.camera_size_px, drive.vehicle_ids)
        (wanted,) = truth.pictures(live_frame_key(info["frame"].frame_id), [HELD_OUT])
    np.testing.assert_array_equal(observation["rgb"], wanted)
    with pytest.raises(ValueError, match="relight shows the frame that the simulator has just sent"):
        AugmentObservation(shared, synthesizer="relight", overlap="warp")


def test_a_synthesizer_that_cannot_be_copied_is_used_as_it_is(shared):
    class Engine(Darken):
        def __deepcopy__(self, memo):
            raise TypeError("a session of the engine cannot be copied")

    engine = Engine()
    env = AugmentObservation(shared, synthesizer=engine)
    env.reset(seed=1)
    env.step(GAS)
    assert len(engine.calls) == 2


@pytest.mark.parametrize("trouble", ["raise", "nan"])
def test_a_synthesizer_that_fails_mid_episode_leaves_the_simulator_usable(shared, trouble):
    env = AugmentObservation(shared, synthesizer=Darken(trouble={2: trouble}))
    env.reset(seed=1)
    env.step(GAS)
    with pytest.raises(SynthesisFailed, match="the simulator is unharmed"):
        env.step(GAS)
    observation, _, _, _, info = env.step(GAS)
    np.testing.assert_array_equal(observation["rgb"], darker(info["frame"].rgb))
    env.reset(seed=1)
    assert env.step(GAS)[4]["augment"]["outcome"] == "fresh"


def test_the_spec_of_a_wrapped_environment_can_be_written_down_and_made_again():
    env = make(conditions=("fog-day",), every=3, budget_ms=30.0, on_miss="warp-last", starts=(0.0,))
    text = env.spec.to_json()
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(text))
    assert isinstance(again, AugmentObservation)
    assert again.augmenter.config == env.augmenter.config
    assert again.augmenter.schedule == env.augmenter.schedule
    for closing in (env, again):
        closing.close()


def test_wrong_wrappings_are_refused_before_anything_starts():
    with pytest.raises(ValueError, match=r"no carla_agents:Drive-v0 with rgb=True"):
        AugmentObservation(gymnasium.make("CartPole-v1"))
    with pytest.raises(
        ValueError, match="synthesizer is 'magic', allowed procedural, embedded, embedded-m, translator, relight"
    ):
        make(synthesizer="magic")
    with pytest.raises(ValueError, match="unknown condition"):
        make(conditions=("rain-noon",))
    env = gymnasium.make("carla_agents:Drive-v0", **{**SMALL, "seg": False})
    with pytest.raises(ValueError, match="seg=True"):
        AugmentObservation(env)
