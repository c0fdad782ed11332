"""Steps per second of `carla_agents:Drive-v0`: bare, with traffic, with cameras, with both.

Goals (2 idle cores): rgb + seg 256x144 and 20 cars >= 60 steps/s, two such environments in two processes >= 100
together; no camera, no traffic >= 1,500 steps/s.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.synchronize import Barrier

import gymnasium
import numpy as np

import carla_agents  # noqa: F401 - registers the environment
from benchmarks.stopwatch import Stopwatch, machine_line, resident_mib

SEEING = {"seg": True, "action_type": "control", "traffic_vehicles": 20}
CASES: dict[str, tuple[int, dict]] = {
    "no camera, no traffic": (6000, {"rgb": False, "action_type": "control"}),
    "no camera, 20 cars": (1500, {"rgb": False, "action_type": "control", "traffic_vehicles": 20}),
    "rgb + seg 256x144, no traffic": (600, {"seg": True, "action_type": "control"}),
    "rgb + seg 256x144, 20 cars": (600, SEEING),
}


TOGETHER_STEPS = 500


def drive_beside_others(seed: int, barrier: Barrier, spans: multiprocessing.SimpleQueue) -> None:
    """One of several environments: begins with the others, and tells begin and end on the machine's clock."""
    env = gymnasium.make("carla_agents:Drive-v0", disable_env_checker=True, max_steps=10**6, **SEEING)
    standing = np.array([0.0, 0.0, 1.0], np.float32)
    env.reset(seed=seed)
    for _ in range(50):
        env.step(standing)
    barrier.wait()
    began_s = time.monotonic()
    for _ in range(TOGETHER_STEPS):
        _, _, terminated, truncated, _ = env.step(standing)
        if terminated or truncated:
            env.reset()
    spans.put((began_s, time.monotonic()))
    env.close()


def together(count: int) -> None:
    """Steps of several environments, each in a process with a server of its own, over the time that all take."""
    context = multiprocessing.get_context("spawn")
    barrier, spans = context.Barrier(count), context.SimpleQueue()
    processes = [context.Process(target=drive_beside_others, args=(k, barrier, spans)) for k in range(count)]
    for process in processes:
        process.start()
    times = [spans.get() for _ in processes]
    for process in processes:
        process.join()
    took_s = max(end for _, end in times) - min(begin for begin, _ in times)
    print(
        f"{count} x rgb + seg 256x144, 20 cars{count * TOGETHER_STEPS / took_s:8.1f}/s wall, all processes together"
    )


def main() -> None:
    print(machine_line())
    for name, (steps, arguments) in CASES.items():
        env = gymnasium.make("carla_agents:Drive-v0", disable_env_checker=True, max_steps=10**6, **arguments)
        env.reset(seed=0)
        standing = np.array([0.0, 0.0, 1.0], np.float32)
        for _ in range(50):
            env.step(standing)
        pid = env.get_wrapper_attr("session").server.pid
        done = 0
        watch = Stopwatch(pid)
        wall = own = server = 0.0
        while done < steps:
            with watch:
                ended = False
                while not ended and done < steps:
                    _, _, terminated, truncated, _ = env.step(standing)
                    done += 1
                    ended = terminated or truncated
            wall, own, server = wall + watch.wall_s, own + watch.own_cpu_s, server + watch.server_cpu_s
            if ended:
                env.reset()
        watch.wall_s, watch.own_cpu_s, watch.server_cpu_s = wall, own, server
        print(f"{name:<32}{watch.per(done)}, server memory {resident_mib(pid):.0f} MiB")
        env.close()
    together(2)


if __name__ == "__main__":
    main()
