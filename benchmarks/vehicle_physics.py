"""How vehicles accelerate, brake and turn, beside what has been published; measured through the CARLA client.

Goal: within 15 % of every published figure (`benchmarks/vehicle_figures.py` has the table with its sources).
"""

from __future__ import annotations

from benchmarks.stopwatch import machine_line
from benchmarks.vehicle_figures import TOLERANCE, measure_all
from carla_agents.simulator.embedded import EmbeddedServer


def main() -> None:
    import carla

    print(machine_line())
    server = EmbeddedServer(["--no-rendering"], 120.0)
    try:
        client = carla.Client("127.0.0.1", server.rpc_port)
        client.set_timeout(60.0)
        measured = measure_all(client)
    finally:
        server.stop()
    print(f"{'vehicle':<34}{'quantity':<20}{'published':>10}{'measured':>10}{'off by':>8}   source")
    missed = 0
    for figure, value in measured.items():
        off = value / figure.value - 1.0
        missed += abs(off) > TOLERANCE
        line = f"{figure.vehicle:<34}{figure.name:<20}{figure.value:>10.1f}{value:>10.1f}{off:>+8.0%}"
        print(f"{line}   {figure.source}")
    if missed:
        raise SystemExit(f"{missed} figures lie more than {TOLERANCE:.0%} off")


if __name__ == "__main__":
    main()
