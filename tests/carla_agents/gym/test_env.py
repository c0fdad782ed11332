"""`Drive-v0` keeps Gymnasium's promises: checkers, seeds, vectors, ends of episodes."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from carla_agents.simulator.embedded import EmbeddedServer

ID = "carla_agents:Drive-v0"
SMALL = {"route_length_m": 120.0, "max_steps": 40, "width_px": 64, "height_px": 36}
BLIND = {**SMALL, "rgb": False}


def straight_on() -> np.ndarray:
    return np.stack((np.arange(1, 5) * 3.0, np.zeros(4)), axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def port():
    server = EmbeddedServer(["--no-rendering"], timeout_s=60.0)
    yield server.rpc_port
    server.stop()


@pytest.fixture
def blind_env(port: int):
    env = gymnasium.make(ID, port=port, **BLIND)
    yield env
    env.close()


def test_the_spec_survives_a_json_round_trip() -> None:
    env = gymnasium.make(ID, weather=[0.0] * 14, **SMALL)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space


@pytest.mark.parametrize("action_type", ["waypoints", "control"])
def test_gymnasiums_checker_is_satisfied(port: int, action_type: str) -> None:
    env = gymnasium.make(ID, port=port, action_type=action_type, **BLIND)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_stable_baselines3s_checker_is_satisfied(blind_env: gymnasium.Env) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*symmetric and normalized.*")
        checker.check_env(blind_env.unwrapped)


def test_the_same_seed_gives_the_same_episode_and_another_seed_another(blind_env: gymnasium.Env) -> None:
    def episode(seed: int) -> np.ndarray:
        observation, _ = blind_env.reset(seed=seed)
        rows = [observation["target_point"]]
        for _ in range(20):
            observation, reward, *_ = blind_env.step(straight_on())
            rows.append(np.array([observation["speed"][0], reward]))
        return np.array(rows)

    first = episode(3)
    np.testing.assert_array_equal(first, episode(3))
    assert not np.array_equal(first, episode(4))


def test_the_first_episode_of_an_environment_shows_the_pixels_of_every_later_one() -> None:
    env = gymnasium.make(ID, traffic_vehicles=3, traffic_walkers=3, **SMALL)
    try:

        def episode() -> list[np.ndarray]:
            observation, info = env.reset(seed=5)
            shown, clock_s = [observation["rgb"]], [info["frame"].elapsed_s]
            for _ in range(5):
                observation, _, _, _, info = env.step(straight_on())
                shown.append(observation["rgb"])
                clock_s.append(info["frame"].elapsed_s)
            return [np.stack(shown), np.array(clock_s)]

        for first, later in zip(episode(), episode(), strict=True):
            np.testing.assert_array_equal(first, later)
    finally:
        env.close()


def test_driving_on_makes_progress_and_the_terms_add_up(blind_env: gymnasium.Env) -> None:
    blind_env.reset(seed=1)
    total_m = 0.0
    for _ in range(39):
        _, reward, terminated, truncated, info = blind_env.step(straight_on())
        assert reward == pytest.approx(sum(info["reward_terms"].values()))
        assert not terminated
        assert not truncated
        total_m += info["reward_terms"]["progress"]
    assert total_m > 3.0
    assert info["completion"] > 0.02
    assert info["frame"].speed_mps > 2.0
    *_, truncated, info = blind_env.step(straight_on())
    assert truncated
    assert info["termination"] is None


def test_leaving_the_route_ends_the_episode(port: int) -> None:
    env = gymnasium.make(ID, port=port, action_type="control", **{**BLIND, "max_steps": 400})
    env.reset(seed=2)
    terminated = False
    for _ in range(300):
        *_, terminated, _, info = env.step(np.array([0.6, 0.6, 0.0], np.float32))
        if terminated:
            break
    env.close()
    assert terminated
    assert info["termination"] in ("off_route", "collision")


def test_a_bad_argument_is_refused_with_its_value() -> None:
    with pytest.raises(ValueError, match="action_type is 'telepathy'"):
        gymnasium.make(ID, action_type="telepathy", **SMALL)


def test_stepping_before_reset_is_refused() -> None:
    env = gymnasium.make(ID, **BLIND)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.unwrapped.step(straight_on())


@pytest.mark.slow
def test_vector_environments_work_under_spawn() -> None:
    env = gymnasium.make_vec(ID, num_envs=2, vectorization_mode="async", vector_kwargs={"context": "spawn"}, **BLIND)
    observation, _ = env.reset(seed=[1, 2])
    assert observation["speed"].shape == (2, 1)
    for _ in range(3):
        observation, reward, *_ = env.step(np.stack([straight_on()] * 2))
    assert reward.shape == (2,)
    env.close()
