"""What recording costs the server: Traffic Manager cars with and without it, in turns; how fast the file grows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import carla

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.embedded import EmbeddedServer
from carla_agents.simulator.session import Session, SimulatorConfig

CARS, TICKS, ROUNDS = 20, 400, 3


def main() -> None:
    print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(["--no-rendering", "--recorder-dir", folder], 120.0)
        with Session.open(SimulatorConfig(host="127.0.0.1", port=server.rpc_port)) as session:
            client = carla.Client("127.0.0.1", server.rpc_port)
            client.set_timeout(60.0)
            with Traffic(session, TrafficConfig(CARS, 0, 0), []):
                for _ in range(60):
                    session.tick()
                for number in range(ROUNDS):
                    for additional in (None, False, True):
                        name = f"{number}-{additional}.log"
                        if additional is not None:
                            client.start_recorder(name, additional)
                        with Stopwatch(server.pid) as watch:
                            for _ in range(TICKS):
                                session.tick()
                        client.stop_recorder()
                        told = {None: "not recording", False: "recording", True: "with additional data"}[additional]
                        size = ""
                        if additional is not None:
                            size = f", {(Path(folder) / name).stat().st_size / TICKS / 1e3:.1f} kB a tick"
                        print(f"{told:<22}{watch.per(TICKS)}{size}", flush=True)
        server.stop()


if __name__ == "__main__":
    main()
