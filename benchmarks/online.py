"""Augmentation in the driving loop: rates, one batch for four environments, flicker, and what a deadline does.

Goals (2 idle cores, rgb + seg 256x144, embedded network by onnxruntime in 32 bits): >= 20 steps/s synthesizing every
frame, >= 40 every third; four environments behind one batch >= 1.5 x four models; mean absolute change between
consecutive pictures after warping <= 1.15 x the true re-render's, with every third frame synthesized <= 1.3 x at
>= 2 x the rate; with a budget of 30 ms and a slow model the loop keeps its rate and every miss is counted.

    python -m benchmarks.online --synthesizer embedded --backend onnxruntime
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from typing import Any

import cv2
import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv

import carla_agents  # noqa: F401 - registers the environment
from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.online.augmenter import OnlineAugmenter
from augment.online.choice import make_online_synthesizer
from augment.online.config import OnlineConfig
from augment.online.drive_augmenter import DriveAugmenter
from augment.online.live_relight import DriveTruth
from augment.online.observation import AugmentObservation
from augment.online.schedule import Schedule
from augment.online.vector_observation import AugmentVectorObservation
from augment.online.view_warp import View, ViewWarp
from augment.synthesizers.base import FrameBatch, Synthesizer
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.expert import Expert
from carla_agents.gym.env import DriveEnv
from carla_agents.simulator.frame import Frame

DRIVE = {"seg": True, "depth": True, "action_type": "control", "max_steps": 10**6}
STANDING = np.array([0.0, 0.0, 1.0], np.float32)


class Slow:
    """A synthesizer that takes its time without using the processor."""

    name = "slow"

    def __init__(self, inner: Synthesizer, sleep_s: float) -> None:
        self.provenance: dict[str, Any] = {}
        self._inner, self._sleep_s = inner, sleep_s

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        time.sleep(self._sleep_s)
        return self._inner(frames, targets, seeds)


def make_drive(cars: int = 0) -> gymnasium.Env:
    """An environment that records labels and depth."""
    return gymnasium.make("carla_agents:Drive-v0", disable_env_checker=True, traffic_vehicles=cars, **DRIVE)


def rates(base: gymnasium.Env, synthesizer: Synthesizer, steps: int) -> None:
    """Steps per second of one environment, settings in turns."""
    settings: dict[str, dict[str, Any] | None] = {
        "no augmentation": None,
        "relight, every frame": {"synthesizer": "relight"},
        "every frame": {},
        "every third, warped between": {"every": 3},
        "every third, overlapped": {"every": 3, "overlap": "warp"},
        "every frame, overlapped (one tick old, warped)": {"overlap": "warp"},
    }
    rounds: dict[str, list[tuple[float, str]]] = {name: [] for name in settings}
    for _ in range(3):
        for name, options in settings.items():
            env = (
                base
                if options is None
                else AugmentObservation(base, (HELD_OUT.name,), **{"synthesizer": synthesizer, **options})
            )
            env.reset(seed=0)
            for _ in range(6):
                env.step(STANDING)
            server = base.unwrapped.session.server  # type: ignore[attr-defined]
            with Stopwatch(server.pid) as watch:
                for _ in range(steps):
                    env.step(STANDING)
            rounds[name].append((steps / watch.wall_s, watch.per(steps)))
            if isinstance(env, AugmentObservation):
                env.augmenter.close()
    print(f"one environment, 256x144 rgb, seg, depth, {synthesizer.name}; medians of three rounds of {steps} steps")
    for name, measured in rounds.items():
        middle = sorted(measured)[1]
        print(f"  {name:<48}{middle[1]}")


def _augmented(name: str, backend: str, weights: str | None, threads: int) -> gymnasium.Env:
    return AugmentObservation(make_drive(), (HELD_OUT.name,), name, backend, weights, threads=threads)  # type: ignore[arg-type]


def four_environments(name: str, backend: str, weights: str | None, steps: int, threads: int) -> None:
    """Environment steps per second of four simulators: one synthesizer for all, and one for each."""
    actions = np.tile(STANDING, (4, 1))
    found: dict[str, float] = {}
    for what in ("four models, one in each environment's process", "one model, one batch"):
        if what.startswith("four"):
            envs: gymnasium.vector.VectorEnv = AsyncVectorEnv(
                [partial(_augmented, name, backend, weights, threads)] * 4, context="spawn"
            )
        else:
            plain = AsyncVectorEnv([make_drive] * 4, context="spawn")
            envs = AugmentVectorObservation(plain, (HELD_OUT.name,), name, backend, weights, threads=threads)  # type: ignore[arg-type]
        envs.reset(seed=0)
        for _ in range(6):
            envs.step(actions)
        began_s = time.perf_counter()
        for _ in range(steps):
            envs.step(actions)
        found[what] = 4 * steps / (time.perf_counter() - began_s)
        envs.close()
    for what, rate in found.items():
        print(f"  {what:<48}{rate:8.1f} environment steps/s wall")
    four, one = found.values()
    print(f"  one batch / four models: {one / four:.2f} (goal >= 1.5)")


def recorded_drive(base: gymnasium.Env, steps: int, target: Condition) -> tuple[list[Frame], list[np.ndarray]]:
    """The expert drives a while; frames, and each one's true picture in the target condition."""
    drive = base.unwrapped
    assert isinstance(drive, DriveEnv)  # noqa: S101 - `make_drive` made it
    _, info = base.reset(seed=3)
    expert = Expert(drive.session, drive._vehicle, drive._route)
    truth = DriveTruth(drive)
    truth.begin()
    frames, true = [], []
    for _ in range(steps):
        frame = info["frame"]
        frames.append(frame)
        true.append(truth.pictures(truth.key_of(frame), [target])[0])
        control = expert.control()
        action = np.array([control.steer, control.throttle, control.brake], np.float32)
        _, _, terminated, truncated, info = base.step(action)
        if terminated or truncated:
            break
    truth.close()
    return frames, true


def changes(frames: list[Frame], pictures: list[np.ndarray], warp: ViewWarp) -> float:
    """Mean absolute change between consecutive pictures after ego-motion warping, in levels, where both see it."""
    views = [View.of(f.rgb, f.seg, f.depth_m, f.ego_to_world) for f in frames]  # type: ignore[arg-type]
    found = []
    for before, now, earlier, picture in zip(views, views[1:], pictures, pictures[1:]):
        place = warp.find(before, now)
        change = cv2.absdiff(place.sample(earlier), picture).mean(2)
        found.append(float((change * place.trust).sum() / max(place.trust.sum(), 1.0)))
    return statistics.mean(found)


def flicker(base: gymnasium.Env, synthesizer: Synthesizer, steps: int, target: Condition) -> None:
    """Change between consecutive pictures of a drive, beside the true re-render's."""
    frames, true = recorded_drive(base, steps, target)
    camera = base.unwrapped.camera  # type: ignore[attr-defined]
    warp = ViewWarp(camera)
    goal = changes(frames, true, warp)
    driven_m = float(np.linalg.norm(frames[-1].ego_to_world[:3, 3] - frames[0].ego_to_world[:3, 3]))
    print(f"flicker, {DOMINANT.name} to {target.name}, {len(frames)} frames over {driven_m:.0f} m")
    print(f"  {'clear-day frames themselves':<48}{changes(frames, [f.rgb for f in frames], warp):6.2f} levels")
    print(f"  {'true re-render':<48}{goal:6.2f} levels")
    for every in (1, 3):
        for seed_per in ("frame", "episode"):
            made = OnlineAugmenter(
                synthesizer,
                Schedule((target.name,)),
                OnlineConfig(every=every, seed_per=seed_per),  # type: ignore[arg-type]
            )
            augmenter = DriveAugmenter(made, camera)
            augmenter.begin(seed=0)
            pictures = [augmenter.show({0: frame})[0][0] for frame in frames]
            value = changes(frames, pictures, warp)
            name = f"{synthesizer.name}, every {every}, seed per {seed_per}"
            print(f"  {name:<48}{value:6.2f} levels = {value / goal:.2f} x the true re-render's")


def deadline(base: gymnasium.Env, synthesizer: Synthesizer, steps: int) -> None:
    """A model of 200 ms behind a budget of 30 ms: rate and account."""
    slow = Slow(synthesizer, 0.2)
    print("a model that takes 200 ms more, budget 30 ms")
    for on_miss in ("wait", "source", "warp-last"):
        env = AugmentObservation(base, (HELD_OUT.name,), slow, budget_ms=30.0, on_miss=on_miss)  # type: ignore[arg-type]
        env.reset(seed=0)
        count = steps if on_miss != "wait" else max(steps // 8, 4)
        began_s = time.perf_counter()
        latencies_ms = [env.step(STANDING)[4]["augment"]["latency_ms"] for _ in range(count)]
        rate = count / (time.perf_counter() - began_s)
        told = {name: number for name, number in env.augmenter.totals().as_record().items() if number}
        print(f"  {on_miss:<12}{rate:7.1f} steps/s, at most {max(latencies_ms):6.1f} ms a frame; {told}")
        env.augmenter.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesizer", default="embedded", choices=["procedural", "embedded"])
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--weights", default=None, help="folder of the embedded network")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the embedded network")
    parser.add_argument("--cars", type=int, default=0, help="traffic around the ego")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--flicker", nargs="*", default=[HELD_OUT.name, "fog-day"], help="conditions of that part")
    parser.add_argument("--only", nargs="*", default=["rates", "four", "flicker", "deadline"])
    options = parser.parse_args()
    print(machine_line())
    synthesizer = make_online_synthesizer(
        options.synthesizer, options.backend, options.weights, threads=options.threads
    )
    base = make_drive(options.cars)
    base.reset(seed=0)
    if "rates" in options.only:
        rates(base, synthesizer, options.steps)
    if "flicker" in options.only:
        for name in options.flicker:
            flicker(base, synthesizer, options.steps, Condition.parse(name))
    if "deadline" in options.only:
        deadline(base, synthesizer, options.steps)
    base.close()
    if "four" in options.only:
        print(f"four environments, 256x144 rgb, seg, depth, {options.synthesizer} by {options.backend}")
        four_environments(
            options.synthesizer, options.backend, options.weights, max(options.steps // 3, 10), options.threads
        )


if __name__ == "__main__":
    main()
