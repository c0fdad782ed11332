"""PPO of stable-baselines3 on several simulators at once, one synthesizer showing all of them other weather.

Needs the extra `rl`. One batch goes through the synthesizer for all environments; `--every 3` synthesizes every third
picture and warps it to the views in between.

    python examples/ppo_online_augmentation.py --steps 20000 --envs 4 --every 3
"""

from __future__ import annotations

import argparse
import time

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import FilterObservation
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

import carla_agents  # noqa: F401 - registers carla_agents:Drive-v0
from augment.online.stable_baselines import AugmentVecEnv


def make_environment() -> gymnasium.Env:
    """A small picture to drive by; labels and depth go to the synthesizer, not to the policy."""
    env = gymnasium.make(
        "carla_agents:Drive-v0",
        disable_env_checker=True,
        seg=True,
        depth=True,
        width_px=128,
        height_px=72,
        action_type="control",
        traffic_vehicles=5,
        terminate_on_red_light=True,
        max_steps=600,
    )
    return FilterObservation(env, ["rgb", "speed", "command", "target_point"])


class Watch(BaseCallback):
    """Counts what was shown, and takes note of every episode."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[tuple[str, str], int] = {}
        self.returns: list[float] = []

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            told = info["augment"]
            key = (told["condition"], told["outcome"])
            self.shown[key] = self.shown.get(key, 0) + 1
            if "episode" in info:
                self.returns.append(info["episode"]["r"])
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000, help="of all environments together")
    parser.add_argument("--envs", type=int, default=2)
    parser.add_argument("--rollout", type=int, default=256, help="steps of each environment between updates")
    parser.add_argument("--conditions", nargs="+", default=["clear-day", "rain-day", "fog-day", "rain-night"])
    parser.add_argument("--synthesizer", default="procedural", choices=["procedural", "embedded"])
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=None, help="save the policy there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    venv = SubprocVecEnv([make_environment] * options.envs, start_method="spawn")
    venv = AugmentVecEnv(
        VecMonitor(venv),
        conditions=tuple(options.conditions),
        synthesizer=options.synthesizer,
        every=options.every,
    )
    model = PPO(
        "MultiInputPolicy",
        venv,
        n_steps=options.rollout,
        batch_size=min(64, options.rollout * options.envs),
        n_epochs=4,
        seed=options.seed,
        device="cpu",
    )
    watch = Watch()
    began_s = time.perf_counter()
    model.learn(options.steps, callback=watch)
    took_s = time.perf_counter() - began_s
    print(f"{model.num_timesteps / took_s:.1f} steps/s, updates included")
    for (condition, outcome), count in sorted(watch.shown.items()):
        print(f"{condition:<14}{outcome:<10}{count:>8} pictures")
    last = watch.returns[-10:]
    mean = f", mean return of the last {len(last)} is {np.mean(last):.1f}" if last else ""
    print(f"{len(watch.returns)} episodes{mean}")
    if options.out is not None:
        model.save(options.out)
    venv.close()


if __name__ == "__main__":
    main()
