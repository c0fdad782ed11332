"""`AugmentVecEnv`: `AugmentVectorObservation` for stable-baselines3, which has vector environments of its own.

    venv = make_vec_env("carla_agents:Drive-v0", 4, env_kwargs={"seg": True, "depth": True},
                        vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": "spawn"})
    venv = AugmentVecEnv(venv, conditions=("rain-night",), synthesizer="embedded", every=3)

Importing this module needs the extra `rl`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvWrapper

from augment.online.augmenter import OnlineAugmenter
from augment.online.choice import OnlineBackend, OnlineSynthesizer, make_online_synthesizer
from augment.online.config import OnError, OnlineConfig, OnMiss, Overlap, SeedPer
from augment.online.drive_augmenter import DriveAugmenter
from augment.online.schedule import Schedule
from augment.synthesizers.base import Synthesizer
from carla_agents.simulator.frame import Frame


class AugmentVecEnv(VecEnvWrapper):
    """Replaces `observations["rgb"]` and the terminal observations; `infos[k]["augment"]` holds the account.

    Args:
        venv: of `carla_agents:Drive-v0` with `rgb` and `seg`, and `depth=True`.
        conditions, synthesizer, backend, weights, every, budget_ms, on_miss, on_error, overlap, seed_per, starts,
            unit, seed, threads: as `AugmentObservation`; `relight` only works there.

    Raises:
        ValueError: environments without rgb and seg, or options that do not go together.
    """

    def __init__(
        self,
        venv: VecEnv,
        conditions: tuple[str, ...] = ("rain-night",),
        synthesizer: OnlineSynthesizer | Synthesizer = "procedural",
        backend: OnlineBackend = "onnxruntime",
        weights: str | None = None,
        every: int = 1,
        budget_ms: float | None = None,
        on_miss: OnMiss = "wait",
        on_error: OnError = "raise",
        overlap: Overlap = "off",
        seed_per: SeedPer = "frame",
        starts: tuple[float, ...] | None = None,
        unit: str = "s",
        seed: int = 0,
        threads: int = 2,
    ) -> None:
        super().__init__(venv)
        if "rgb" not in getattr(venv.observation_space, "spaces", {}):
            raise ValueError(f"{venv} shows no rgb; wrap environments of carla_agents:Drive-v0 with rgb=True")
        recorded = venv.get_attr("modalities")
        if any("seg" not in names for names in recorded):
            raise ValueError(f"the environments record {recorded[0]}: make them with seg=True and depth=True")
        config = OnlineConfig(every, budget_ms, on_miss, on_error, overlap, seed_per)
        schedule = Schedule(tuple(conditions), None if starts is None else tuple(starts), unit)  # type: ignore[arg-type]
        if isinstance(synthesizer, str):
            synthesizer = make_online_synthesizer(synthesizer, backend, weights, threads=threads, lanes=venv.num_envs)
        self.augmenter = OnlineAugmenter(synthesizer, schedule, config, venv.num_envs)
        self._drives = DriveAugmenter(self.augmenter, venv.get_attr("camera")[0], venv.num_envs, seed)
        self._next_seeds: list[int | None] = [None] * venv.num_envs

    def seed(self, seed: int | None = None) -> Any:
        """Seeds of the next `reset`: environment k gets `seed + k`, and so do its conditions and variants."""
        seeds = self.venv.seed(seed)
        self._next_seeds = list(seeds)
        return seeds

    def reset(self) -> Any:
        """Begins an episode in every environment."""
        observations: Any = self.venv.reset()
        for k, seed in enumerate(self._next_seeds):
            self._drives.begin(k, seed)
        self._next_seeds = [None] * self.num_envs
        frames = {k: self._first_frame(k) for k in range(self.num_envs)}
        rgb = np.array(observations["rgb"])
        for k, (picture, account) in self._drives.show(frames).items():
            rgb[k] = picture
            self.reset_infos[k] = {**self.unwrapped.reset_infos[k], "augment": account.as_info()}
        return {**observations, "rgb": rgb}

    def step_wait(self) -> Any:
        """One tick of every environment; those that end begin their next episode at once.

        Raises:
            SynthesisFailed: the ticks were made, but a picture was not, and `on_error` is `raise`.
        """
        observations: Any
        observations, rewards, dones, infos = self.venv.step_wait()
        rgb = np.array(observations["rgb"])
        told = [dict(info) for info in infos]
        frames: dict[int, Frame] = {k: info["frame"] for k, info in enumerate(infos)}
        for k, (picture, account) in self._drives.show(frames).items():
            told[k]["augment"] = account.as_info()
            if dones[k]:
                told[k]["terminal_observation"] = {**infos[k]["terminal_observation"], "rgb": picture}
            else:
                rgb[k] = picture
        ended = [int(k) for k in np.flatnonzero(dones)]
        for k in ended:
            self._drives.begin(k)
        for k, (picture, account) in self._drives.show({k: self._first_frame(k) for k in ended}).items():
            rgb[k] = picture
            self.reset_infos[k] = {**self.unwrapped.reset_infos[k], "augment": account.as_info()}
        return {**observations, "rgb": rgb}, rewards, dones, told

    def close(self) -> None:
        """Closes the environments; a variant under way is finished first."""
        self._drives.close()
        self.venv.close()

    def _first_frame(self, k: int) -> Frame:
        # Wrappers in between do not hand on what a reset told.
        return self.unwrapped.reset_infos[k]["frame"]
