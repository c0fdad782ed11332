"""One client with 20 Traffic Manager cars, for `benchmarks.server_rate --prototype`; arguments: port, server's pid.

A process of its own, because `World.tick` steps every Traffic Manager of its process. Each line of standard input, a
number of ticks, is answered by a line of JSON: wall seconds, own CPU seconds, the server's CPU seconds.
"""

from __future__ import annotations

import json
import sys

from benchmarks.stopwatch import Stopwatch
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.session import Session


def main(port: int, server_pid: int) -> None:
    with Session.connect("127.0.0.1", port) as session, Traffic(session, TrafficConfig(20, 0, 0), []):
        for line in sys.stdin:
            with Stopwatch(server_pid) as watch:
                for _ in range(int(line)):
                    session.tick()
            print(json.dumps([watch.wall_s, watch.own_cpu_s, watch.server_cpu_s]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
