"""The Gymnasium environment in ten lines: steer at the target point, keep 6 m/s, print what the reward is made of.

python examples/gym_loop.py --steps 300
"""

from __future__ import annotations

import argparse

import gymnasium
import numpy as np

import carla_agents  # noqa: F401 - registers carla_agents:Drive-v0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cars", type=int, default=5)
    options = parser.parse_args()
    env = gymnasium.make(
        "carla_agents:Drive-v0", seg=True, traffic_vehicles=options.cars, action_type="control", min_turns=1
    )
    observation, info = env.reset(seed=0)
    total: dict[str, float] = {}
    for _ in range(options.steps):
        forward_m, right_m = observation["target_point"]
        steer = np.clip(1.2 * np.arctan2(right_m, max(float(forward_m), 1.0)), -1.0, 1.0)
        pedal = np.clip(0.4 * (6.0 - float(observation["speed"][0])), -1.0, 1.0)
        action = np.array([steer, max(pedal, 0.0), max(-pedal, 0.0)], np.float32)  # steer, throttle, brake
        observation, _, terminated, truncated, info = env.step(action)
        for name, value in info["reward_terms"].items():
            total[name] = total.get(name, 0.0) + value
        if terminated or truncated:
            print(f"episode over: {info['termination']}, {100 * info['completion']:.0f} % of the route")
            observation, info = env.reset()
    print({name: round(value, 2) for name, value in total.items()})
    env.close()


if __name__ == "__main__":
    main()
