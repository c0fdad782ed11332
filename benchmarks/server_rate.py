"""Ticks per second of the embedded server through the plain client: Traffic Manager cars, no camera."""

from __future__ import annotations

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.session import Session, SimulatorConfig

CASES = {0: 5000, 1: 2000, 20: 2000, 50: 1000, 100: 600}


def main() -> None:
    print(machine_line())
    with Session.open(SimulatorConfig(rendering=False)) as session:
        if session.server is None:
            raise SystemExit("this benchmark measures the embedded server")
        for cars, ticks in CASES.items():
            session.reset()
            with Traffic(session, TrafficConfig(cars, 0, 0), []) as traffic:
                for _ in range(60):
                    session.tick()
                with Stopwatch(session.server.pid) as watch:
                    for _ in range(ticks):
                        session.tick()
                print(f"{len(traffic.vehicles):>4} cars: {watch.per(ticks)}")


if __name__ == "__main__":
    main()
