"""stable-baselines3's vector environments: one batch, terminal pictures of the episode that ends, seeds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra: pip install 'syndiff-ad[rl]'")

from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

from augment.online.stable_baselines import AugmentVecEnv

from .conftest import Darken, darker
from .drawn_drive import DrawnDrive

ACTIONS = np.zeros((2, 1), np.float32)


@pytest.mark.parametrize(
    "make",
    [DummyVecEnv, pytest.param(partial(SubprocVecEnv, start_method="spawn"), marks=pytest.mark.slow)],
    ids=["dummy", "spawn"],
)
def test_variants_reach_the_learner_and_terminal_pictures_too(make):
    darken = Darken()
    venv = AugmentVecEnv(VecMonitor(make([DrawnDrive, partial(DrawnDrive, 2)])), ("rain-night",), darken)
    runs = []
    for _ in range(2):
        venv.seed(7)
        pictures = [venv.reset()["rgb"]]
        for _ in range(3):
            observations, _, dones, infos = venv.step(ACTIONS)
            for k in range(2):
                assert infos[k]["augment"]["outcome"] == "fresh"
                frame = infos[k]["frame"]
                shown = infos[k]["terminal_observation"] if dones[k] else {"rgb": observations["rgb"][k]}
                np.testing.assert_array_equal(shown["rgb"], darker(frame.rgb))
                if dones[k]:
                    first = venv.reset_infos[k]
                    np.testing.assert_array_equal(observations["rgb"][k], darker(first["frame"].rgb))
                    assert first["augment"]["seed"] != infos[k]["augment"]["seed"]
            pictures.append(observations["rgb"])
        runs.append((pictures, darken.seeds))
        darken.seeds = []
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert darken.calls[0] == 2
    venv.close()
