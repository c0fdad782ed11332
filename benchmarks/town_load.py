"""How long a town takes to load: CPU seconds of this process and, through the client, of a reload.

Goals: a first load <= 15 s, a reload of the same map <= 0.2 s. Arguments: folders with further `.xodr` files.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from benchmarks.stopwatch import machine_line
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_server.roads.towns import available_towns, load_town


def main() -> None:
    print(machine_line())
    folders = [None, *map(Path, sys.argv[1:])]
    for folder in folders:
        names = set(available_towns(folder)) - (set() if folder is None else set(available_towns()))
        for name in sorted(names):
            began_cpu, began = time.process_time(), time.perf_counter()
            town = load_town(name, folder)
            cpu_s, wall_s = time.process_time() - began_cpu, time.perf_counter() - began
            size = f"{town.surface.triangle_count} triangles, {len(town.placements)} props"
            print(f"{name:<16}first load {cpu_s:.2f} s CPU, {wall_s:.2f} s; {size}")
    with Session.embedded(SimulatorConfig(map_name="TownGrid", rendering=False)) as session:
        times_s = []
        for _ in range(9):
            began = time.perf_counter()
            session.client.reload_world(False)
            times_s.append(time.perf_counter() - began)
    print(f"reload of the same map, synchronous: {statistics.median(times_s):.3f} s (lowest {min(times_s):.3f})")


if __name__ == "__main__":
    main()
