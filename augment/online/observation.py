"""`AugmentObservation`: a Gymnasium wrapper that shows the drive under other weather and light, frame by frame.

    env = gymnasium.make("carla_agents:Drive-v0", seg=True, depth=True)
    env = AugmentObservation(env, conditions=("rain-night",), synthesizer="embedded", every=3)

World, traffic and labels stay those of the environment's own weather; only `observation["rgb"]` changes.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from augment.online.augmenter import OnlineAugmenter
from augment.online.choice import OnlineBackend, OnlineSynthesizer, make_online_synthesizer
from augment.online.config import OnError, OnlineConfig, OnMiss, Overlap, SeedPer
from augment.online.drive_augmenter import DriveAugmenter
from augment.online.live_relight import DriveTruth
from augment.online.schedule import Schedule
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.relight import RelightSynthesizer
from carla_agents.gym.env import DriveEnv
from carla_agents.simulator.frame import Frame


class AugmentObservation(gymnasium.Wrapper, RecordConstructorArgs):
    """Replaces `observation["rgb"]`; `info["augment"]` says of every frame what was shown and what it cost.

    `info["frame"]` keeps the environment's own picture and labels.

    Args:
        env: `carla_agents:Drive-v0` with `rgb` and `seg`; all synthesizers but `relight` also need `depth=True`.
        conditions: one is drawn for each episode, by the seeds given to `reset`; with `starts` they take turns.
        synthesizer: its name, or a synthesizer of your own (then `env.spec` cannot be written down).
        backend, weights: of the `embedded` or `translator` network; None takes the shipped weights of `embedded`.
        every, budget_ms, on_miss, on_error, overlap, seed_per: see `OnlineConfig`.
        starts, unit: see `Schedule`.
        seed: run seed until `reset` is given one.
        threads: CPU threads of a network.

    Raises:
        ValueError: an environment without rgb and seg, an unknown condition, or options that do not go together.
        ExtensionMissing: at the first `reset`, if `relight` is wanted of a server that cannot.
    """

    def __init__(
        self,
        env: gymnasium.Env,
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
        RecordConstructorArgs.__init__(
            self,
            _disable_deepcopy=True,  # a synthesizer's engine cannot be copied
            conditions=tuple(conditions),
            synthesizer=synthesizer,
            backend=backend,
            weights=weights,
            every=every,
            budget_ms=budget_ms,
            on_miss=on_miss,
            on_error=on_error,
            overlap=overlap,
            seed_per=seed_per,
            starts=starts,
            unit=unit,
            seed=seed,
            threads=threads,
        )
        gymnasium.Wrapper.__init__(self, env)
        drive = env.unwrapped
        spaces = getattr(env.observation_space, "spaces", {})
        if not isinstance(drive, DriveEnv) or "rgb" not in spaces:
            raise ValueError(f"{env} is no carla_agents:Drive-v0 with rgb=True")
        if "seg" not in drive.modalities:
            raise ValueError(f"{env} records {drive.modalities}: make it with seg=True, and depth=True for weather")
        config = OnlineConfig(every, budget_ms, on_miss, on_error, overlap, seed_per)
        schedule = Schedule(tuple(conditions), None if starts is None else tuple(starts), unit)  # type: ignore[arg-type]
        self._truth: DriveTruth | None = None
        if synthesizer == "relight":
            if config.works_behind:
                raise ValueError(
                    "relight shows the frame that the simulator has just sent, so it can make no late variant: use "
                    f"overlap='off' and on_miss='wait', got {overlap!r} and {on_miss!r}"
                )
            self._truth = DriveTruth(drive)
            synthesizer = RelightSynthesizer(self._truth)
        elif isinstance(synthesizer, str):
            synthesizer = make_online_synthesizer(synthesizer, backend, weights, threads=threads)
        self.augmenter = OnlineAugmenter(synthesizer, schedule, config)
        key_of = None if self._truth is None else self._truth.key_of
        self._drive = DriveAugmenter(self.augmenter, drive.camera, seed=seed, key_of=key_of)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begins an episode; the same seed gives the same conditions and the same variants."""
        observation, info = self.env.reset(seed=seed, options=options)
        if self._truth is not None:
            self._truth.begin()
        self._drive.begin(seed=seed)
        return self._shown(observation, info)

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:  # type: ignore[override]
        """One tick.

        Raises:
            SynthesisFailed: the tick was made, but its picture was not, and `on_error` is `raise`.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        shown, told = self._shown(observation, info)
        return shown, float(reward), terminated, truncated, told

    def close(self) -> None:
        """Closes the environment; a variant under way is finished first."""
        self._drive.close()
        if self._truth is not None:
            self._truth.close()
        self.env.close()

    def _shown(
        self, observation: dict[str, np.ndarray], info: dict[str, Any]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        frame: Frame = info["frame"]
        picture, account = self._drive.show({0: frame})[0]
        return {**observation, "rgb": picture}, {**info, "augment": account.as_info()}
