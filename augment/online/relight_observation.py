"""`RelightObservation`: a Gymnasium wrapper that lets a policy see the drive under true other weather."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from augment.conditions import Condition
from augment.online.live_relight import DriveTruth
from carla_agents.gym.env import DriveEnv
from carla_agents.simulator.frame import Frame


class RelightObservation(gymnasium.Wrapper):
    """Replaces `observation["rgb"]` by the same instant under another condition; nothing else changes.

    World, traffic and labels stay those of the environment's own weather, so episodes under several conditions are
    pixel by pixel the same. `info["frame"]` keeps the environment's own picture.

    Args:
        env: `carla_agents:Drive-v0` on the embedded simulator, with `rgb`.
        conditions: one is drawn for each episode, by the seeds given to `reset`.

    Raises:
        ValueError: no condition, or an environment without an rgb picture.
        ExtensionMissing: at the first `reset`, if the server cannot relight.
    """

    def __init__(self, env: gymnasium.Env, conditions: tuple[Condition, ...]) -> None:
        super().__init__(env)
        if not conditions:
            raise ValueError("conditions is empty; name at least one to be seen")
        if not isinstance(env.unwrapped, DriveEnv) or "rgb" not in env.observation_space.spaces:  # type: ignore[attr-defined]
            raise ValueError(f"{env} is no carla_agents:Drive-v0 with rgb=True")
        self._conditions = conditions
        self._truth = DriveTruth(env.unwrapped)
        self._rng = np.random.default_rng(0)
        self.condition = conditions[0]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begins an episode under one of the conditions, which `info["condition"]` names."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self.condition = self._conditions[int(self._rng.integers(len(self._conditions)))]
        self._truth.begin()
        return self._shown(observation, info["frame"]), {**info, "condition": self.condition.name}

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:  # type: ignore[override]
        """One tick; the picture is relit before the next one."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        shown = self._shown(observation, info["frame"])
        return shown, float(reward), terminated, truncated, {**info, "condition": self.condition.name}

    def close(self) -> None:
        """Closes the connection and the environment."""
        self._truth.close()
        self.env.close()

    def _shown(self, observation: dict[str, np.ndarray], frame: Frame) -> dict[str, np.ndarray]:
        (picture,) = self._truth.pictures(self._truth.key_of(frame), [self.condition])
        return {**observation, "rgb": picture}
