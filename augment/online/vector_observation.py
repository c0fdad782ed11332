"""`AugmentVectorObservation`: one synthesizer and one batch for all environments of a Gymnasium vector environment.

    envs = gymnasium.make_vec("carla_agents:Drive-v0", num_envs=4, vectorization_mode="async",
                              env_kwargs={"seg": True, "depth": True})
    envs = AugmentVectorObservation(envs, conditions=("rain-night",), synthesizer="embedded")

The synthesizer lives in this process; the environments may live in others, forked or spawned: frames come through
`infos`. Environment k with seed s + k sees what a single wrapped environment with that seed sees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import vector

from augment.online.augmenter import OnlineAugmenter
from augment.online.choice import OnlineBackend, OnlineSynthesizer, make_online_synthesizer
from augment.online.config import OnError, OnlineConfig, OnMiss, Overlap, SeedPer
from augment.online.drive_augmenter import DriveAugmenter
from augment.online.schedule import Schedule
from augment.synthesizers.base import Synthesizer
from carla_agents.simulator.frame import Frame


class AugmentVectorObservation(vector.VectorWrapper):
    """Replaces `observations["rgb"]`; `infos["augment"]` holds one account an environment.

    All three autoreset modes are known; in `SAME_STEP` the final observations are shown under the condition of the
    episode that they end.

    Args:
        env: vector environment of `carla_agents:Drive-v0` with `rgb` and `seg`, and `depth=True`.
        conditions, synthesizer, backend, weights, every, budget_ms, on_miss, on_error, overlap, seed_per, starts,
            unit, seed, threads: as `AugmentObservation`; `relight` only works there.

    Raises:
        ValueError: environments without rgb and seg, or options that do not go together.
    """

    def __init__(
        self,
        env: vector.VectorEnv,
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
        super().__init__(env)
        if "rgb" not in getattr(env.single_observation_space, "spaces", {}):
            raise ValueError(f"{env} shows no rgb; wrap a vector environment of carla_agents:Drive-v0 with rgb=True")
        recorded = env.get_attr("modalities")  # type: ignore[attr-defined]
        if any("seg" not in names for names in recorded):
            raise ValueError(f"the environments record {recorded[0]}: make them with seg=True and depth=True")
        config = OnlineConfig(every, budget_ms, on_miss, on_error, overlap, seed_per)
        schedule = Schedule(tuple(conditions), None if starts is None else tuple(starts), unit)  # type: ignore[arg-type]
        if isinstance(synthesizer, str):
            synthesizer = make_online_synthesizer(synthesizer, backend, weights, threads=threads, lanes=env.num_envs)
        self.augmenter = OnlineAugmenter(synthesizer, schedule, config, env.num_envs)
        camera = env.get_attr("camera")[0]  # type: ignore[attr-defined]
        self._drives = DriveAugmenter(self.augmenter, camera, env.num_envs, seed)
        mode = env.metadata.get("autoreset_mode", vector.AutoresetMode.NEXT_STEP)
        self._mode = vector.AutoresetMode(mode)
        self._ended = np.zeros(env.num_envs, bool)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every environment, or in those of `options["reset_mask"]`."""
        mask = None if options is None else options.get("reset_mask")
        chosen = [int(k) for k in (range(self.num_envs) if mask is None else np.flatnonzero(mask))]
        observations, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        seeds = [seed + k for k in range(self.num_envs)] if isinstance(seed, int) else seed
        for k in chosen:
            self._drives.begin(k, None if seeds is None else seeds[k])
        self._ended[chosen] = False
        return self._shown(observations, infos, chosen)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """One tick of every environment.

        Raises:
            SynthesisFailed: the ticks were made, but a picture was not, and `on_error` is `raise`.
        """
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        ended = np.asarray(terminations | truncations)
        began = self._ended if self._mode is vector.AutoresetMode.NEXT_STEP else np.zeros_like(ended)
        if self._mode is vector.AutoresetMode.SAME_STEP and ended.any():
            infos = self._final_shown(infos, [int(k) for k in np.flatnonzero(ended)])
            began = ended
        for k in np.flatnonzero(began):
            self._drives.begin(int(k))
        self._ended = ended
        shown, told = self._shown(observations, infos, list(range(self.num_envs)))
        return shown, rewards, terminations, truncations, told

    def close(self, **kwargs: Any) -> None:
        """Closes the environments; a variant under way is finished first."""
        self._drives.close()
        self.env.close(**kwargs)

    def _shown(self, observations: Any, infos: dict[str, Any], lanes: list[int]) -> tuple[Any, dict[str, Any]]:
        frames: dict[int, Frame] = {k: infos["frame"][k] for k in lanes}
        rgb = np.array(observations["rgb"])
        accounts = np.full(self.num_envs, None, object)
        for k, (picture, account) in self._drives.show(frames).items():
            rgb[k], accounts[k] = picture, account.as_info()
        there = np.array([account is not None for account in accounts])
        return {**observations, "rgb": rgb}, {**infos, "augment": accounts, "_augment": there}

    def _final_shown(self, infos: dict[str, Any], lanes: list[int]) -> dict[str, Any]:
        frames: dict[int, Frame] = {k: infos["final_info"]["frame"][k] for k in lanes}
        final = np.copy(infos["final_obs"])
        accounts = np.full(self.num_envs, None, object)
        for k, (picture, account) in self._drives.show(frames).items():
            final[k], accounts[k] = {**final[k], "rgb": picture}, account.as_info()
        there = np.array([account is not None for account in accounts])
        final_info = {**infos["final_info"], "augment": accounts, "_augment": there}
        return {**infos, "final_obs": final, "final_info": final_info}
